#ifndef BATON_SERVICES_BROKER_CUSTODY_CONTENT_H_
#define BATON_SERVICES_BROKER_CUSTODY_CONTENT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "baton/v1/amendment.pb.h"
#include "baton/v1/custody.pb.h"
#include "baton/v1/decision.pb.h"
#include "baton/v1/enquiry.pb.h"
#include "baton/v1/message.pb.h"
#include "services/broker/kind_rules.h"
#include "services/common/faults.h"

// What the kinds about matters say, opened and checked for what needs no
// state: complete, and within the limits its proto states. Pure functions.
namespace baton {

using CustodyContent =
    std::variant<v1::Taken, v1::Decision, v1::Triage, v1::Allocation,
                 v1::Milestone, v1::Unlink, v1::Release, v1::TransferOffer,
                 v1::TransferAccepted, v1::TransferDeclined,
                 v1::InformationRequest, v1::InformationResponse, v1::Challenge,
                 v1::ChallengeResponse, v1::Correction, v1::Withdrawal,
                 v1::Recall>;

// The content of a part of a message of a kind about matters; nullopt when it
// is not of the rule's type, is not well formed, or names another matter than
// its part. A Correction names none: it may be the common part.
std::optional<CustodyContent> ParseCustody(const KindRule& rule,
                                           const v1::PayloadPart& part);

// Adds every fault of `content`; `field` is its path.
void CheckCustodyContent(const CustodyContent& content,
                         const std::string& field, Faults* faults);

// Version of the matter it was decided on; 0 takes whichever is current.
int64_t ExpectedVersionOf(const CustodyContent& content);

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_CUSTODY_CONTENT_H_
