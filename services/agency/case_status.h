#ifndef BATON_SERVICES_AGENCY_CASE_STATUS_H_
#define BATON_SERVICES_AGENCY_CASE_STATUS_H_

#include <string>

#include "baton/v1/case_status.pb.h"
#include "baton/v1/conversation.pb.h"
#include "baton/v1/decision.pb.h"

// Where a case stands, in words that cannot reassure falsely: held is "NOT
// SENT, ring ...", delivered is "nobody has looked". Pure.
namespace baton {

// One child's matter, from the exchange's facts alone.
v1::MatterStatus StatusOfMatter(const v1::Matter& matter,
                                const std::string& phone);

// One sentence for the whole case; of several children, the one who is
// furthest behind is told of first.
std::string CaseHeadline(const v1::CaseStatus& status);

std::string OutcomeWords(v1::Outcome outcome);

}  // namespace baton

#endif  // BATON_SERVICES_AGENCY_CASE_STATUS_H_
