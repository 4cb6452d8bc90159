#include "services/broker/view.h"

#include "baton/v1/decision.pb.h"
#include "services/common/agency.h"

namespace baton {
namespace {

// Never empty, so that a reader can tell "withheld" from "not given".
constexpr char kWithheld[] = "withheld (ask the council)";

void ApplyDecisionView(v1::PayloadPart* part) {
  v1::Decision decision;
  if (part->type() != v1::Decision::descriptor()->full_name() ||
      !decision.ParseFromString(part->content())) {
    return;
  }
  if (!decision.reason().empty()) decision.set_reason(kWithheld);
  if (!decision.open_case_reference().empty()) {
    decision.set_open_case_reference(kWithheld);
  }
  part->set_content(decision.SerializeAsString());
}

}  // namespace

void ApplyView(const v1::Agency& recipient, v1::Message* message) {
  if (message->kind() != v1::MESSAGE_KIND_DECISION ||
      SameAgency(recipient, message->sender())) {
    return;
  }
  for (v1::PayloadPart& part : *message->mutable_payload()) {
    ApplyDecisionView(&part);
  }
}

}  // namespace baton
