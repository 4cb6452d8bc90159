#ifndef BATON_SERVICES_CLI_PEER_VERDICT_H_
#define BATON_SERVICES_CLI_PEER_VERDICT_H_

#include "services/cli/facts.h"
#include "services/cli/finding.h"

// Verdicts on those we connect to. Pure functions.
namespace baton::cli {

// Whether it was reached, is who it should be, and takes our certificate.
Finding JudgePeer(const Peer& peer, const Facts& facts);

// The dates of the certificate that it showed us; else of the one that the
// service tells of.
Finding JudgePeerDates(const Peer& peer, const Facts& facts);

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_PEER_VERDICT_H_
