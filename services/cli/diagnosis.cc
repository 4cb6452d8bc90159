#include "services/cli/diagnosis.h"

#include <utility>

#include "services/cli/certificate_verdict.h"
#include "services/cli/clock_verdict.h"
#include "services/cli/peer_verdict.h"
#include "services/cli/test_verdict.h"

namespace baton::cli {
namespace {

void AddPeer(const Peer& peer, const Facts& facts,
             std::vector<Finding>* findings) {
  if (peer.address.empty()) {
    findings->push_back(Warning(
        peer.name, "the configuration has no address of it",
        peer.is_exchange ? "add broker_address: track and audit need it too"
                         : "add it, or name another with --service"));
    return;
  }
  findings->push_back(JudgePeer(peer, facts));
  findings->push_back(JudgePeerDates(peer, facts));
}

}  // namespace

std::vector<Finding> Diagnose(const Facts& facts) {
  std::vector<Finding> findings = {Ok("configuration", facts.configuration)};
  for (Finding& finding : JudgeOwnCertificate(facts)) {
    findings.push_back(std::move(finding));
  }
  findings.push_back(JudgeClockHere(facts));
  if (!facts.service.has_value()) {
    if (facts.exchange.has_value()) AddPeer(*facts.exchange, facts, &findings);
    return findings;
  }
  findings.push_back(JudgeClockOfService(facts));
  AddPeer(*facts.service, facts, &findings);
  AddPeer(*facts.exchange, facts, &findings);
  findings.push_back(JudgeTest(facts.test));
  findings.push_back(facts.test.ok()
                         ? JudgeOutbox(*facts.test)
                         : Unknown("outbox", "the service did not answer"));
  return findings;
}

}  // namespace baton::cli
