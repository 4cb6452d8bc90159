#include "services/broker/custody_content.h"

#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "services/broker/part_form.h"
#include "services/common/agency.h"
#include "services/common/checks.h"
#include "services/common/ids.h"

namespace baton {
namespace {

constexpr size_t kMaxReasonBytes = 4 << 10;     // And most other words.
constexpr size_t kMaxQuestionBytes = 16 << 10;  // Decisions, challenges too.
constexpr size_t kMaxInformationBytes = 64 << 10;
constexpr size_t kMaxAllocationReasonBytes = 1 << 10;
constexpr size_t kMaxNameBytes = 128;
constexpr size_t kMaxPhoneBytes = 32;
constexpr size_t kMaxEmailBytes = 254;
constexpr size_t kMaxAcceptedByBytes = 256;
constexpr size_t kMaxCaseReferenceBytes = 64;
constexpr size_t kMaxTypeBytes = 128;

// The faults of one content, with its path in front.
class ContentCheck {
 public:
  ContentCheck(std::string field, Faults* faults)
      : field_(std::move(field)), faults_(faults) {}

  void operator()(const v1::Taken& taken) {
    Worker(taken.worker(), kReachable);
    Desk(taken.desk());
  }

  void operator()(const v1::Decision& decision) {
    Worker(decision.worker(), kNamed);
    Stated(v1::Outcome_IsValid(decision.outcome()), decision.outcome(),
           "outcome");
    Optional(decision.reason(), kMaxQuestionBytes, "reason");
    if (decision.outcome() == v1::OUTCOME_NO_FURTHER_ACTION &&
        decision.reason().empty()) {
      Fault("reason", "is required for no further action");
    }
    Required(decision.next_step(), kMaxReasonBytes, "next_step");
    Optional(decision.contact_phone(), kMaxPhoneBytes, "contact_phone");
    Optional(decision.open_case_reference(), kMaxCaseReferenceBytes,
             "open_case_reference");
    Desk(decision.desk());
    Optional(decision.homeless().sleeps_tonight().value(), kMaxQuestionBytes,
             "homeless.sleeps_tonight");
    Optional(decision.homeless().detail().value(), kMaxQuestionBytes,
             "homeless.detail");
  }

  void operator()(const v1::Triage& triage) {
    Worker(triage.worker(), kNamed);
    Stated(v1::TriageGrade_IsValid(triage.grade()), triage.grade(), "grade");
    Optional(triage.reason(), kMaxReasonBytes, "reason");
  }

  void operator()(const v1::Allocation& allocation) {
    const v1::Actor& worker = allocation.worker();
    Bounds(worker);
    if (worker.name().empty() && worker.team().empty()) {
      Fault("worker", "needs a name, or at least a team");
    }
    if (worker.phone().empty()) Fault("worker.phone", "is required");
    Optional(allocation.reason(), kMaxAllocationReasonBytes, "reason");
  }

  void operator()(const v1::Milestone& milestone) {
    Worker(milestone.worker(), kNamed);
    Stated(v1::MilestoneCode_IsValid(milestone.code()), milestone.code(),
           "code");
    if (!milestone.has_time()) Fault("time", "is required");
    Optional(milestone.note(), kMaxReasonBytes, "note");
  }

  void operator()(const v1::Unlink& unlink) {
    Worker(unlink.worker(), kNamed);
    if (!ParseMatterId(unlink.other_matter_id()).ok()) {
      Fault("other_matter_id", "is no matter id of this exchange");
    }
    Required(unlink.reason(), kMaxReasonBytes, "reason");
  }

  void operator()(const v1::Release& release) {
    Worker(release.worker(), kNamed);
    Required(release.reason(), kMaxReasonBytes, "reason");
  }

  void operator()(const v1::TransferOffer& offer) {
    Worker(offer.worker(), kNamed);
    const v1::Address& to = offer.offered_to();
    if (ClassName(to.agency().agency_class()).empty() ||
        !IsAgencyCode(to.agency().code())) {
      Fault("offered_to.agency",
            "needs a class and a code of 1 to 16 of A-Z and 0-9");
    }
    Desk(to.desk(), "offered_to.desk");
    Stated(v1::TransferGround_IsValid(offer.ground()), offer.ground(),
           "ground");
    Required(offer.why(), kMaxReasonBytes, "why");
    Optional(offer.attached(), kMaxReasonBytes, "attached");
  }

  void operator()(const v1::TransferAccepted& accepted) {
    Worker(accepted.worker(),
           accepted.has_off_exchange() ? kNamed : kReachable);
    if (!accepted.has_off_exchange()) return;
    const v1::OffExchangeAcceptance& evidence = accepted.off_exchange();
    Required(evidence.accepted_by(), kMaxAcceptedByBytes,
             "off_exchange.accepted_by");
    if (!evidence.has_accepted_time()) {
      Fault("off_exchange.accepted_time", "is required");
    }
    Required(evidence.evidence(), kMaxReasonBytes, "off_exchange.evidence");
  }

  void operator()(const v1::TransferDeclined& declined) {
    Worker(declined.worker(), kNamed);
    Required(declined.reason(), kMaxReasonBytes, "reason");
  }

  void operator()(const v1::InformationRequest& request) {
    Worker(request.worker(), kNamed);
    Required(request.question(), kMaxQuestionBytes, "question");
    if (!request.has_deadline()) Fault("deadline", "is required");
  }

  void operator()(const v1::InformationResponse& response) {
    Worker(response.worker(), kNamed);
    Stated(v1::InformationAnswer_IsValid(response.answer()), response.answer(),
           "answer");
    Optional(response.information(), kMaxInformationBytes, "information");
    Optional(response.reason(), kMaxReasonBytes, "reason");
    if (response.answer() == v1::INFORMATION_ANSWER_GIVEN &&
        response.information().empty()) {
      Fault("information", "is required when it is given");
    }
    if (response.answer() == v1::INFORMATION_ANSWER_REFUSED &&
        response.reason().empty()) {
      Fault("reason", "is required when it is refused");
    }
  }

  void operator()(const v1::Challenge& challenge) {
    Worker(challenge.worker(), kNamed);
    Stage(challenge.stage());
    Required(challenge.disagreement(), kMaxQuestionBytes, "disagreement");
    Optional(challenge.wanted(), kMaxReasonBytes, "wanted");
  }

  void operator()(const v1::ChallengeResponse& response) {
    Worker(response.worker(), kNamed);
    Stage(response.stage());
    Stated(v1::ChallengeAnswer_IsValid(response.answer()), response.answer(),
           "answer");
    Required(response.reason(), kMaxQuestionBytes, "reason");
  }

  void operator()(const v1::Correction& correction) {
    Worker(correction.worker(), kNamed);
    MessageName(correction.corrects_message_id(), "corrects_message_id");
    Required(correction.reason(), kMaxReasonBytes, "reason");
    if (!IsToken(correction.type(), kMaxTypeBytes)) {
      Fault("type", "must be the full name of a protobuf message");
    } else if (ParsePart(correction.type(), correction.content()).form ==
               PartForm::kBroken) {
      Fault("content",
            "is not well formed: it must be the whole part of the type named");
    }
  }

  void operator()(const v1::Withdrawal& withdrawal) {
    Worker(withdrawal.worker(), kNamed);
    if (!withdrawal.message_id().empty()) {
      MessageName(withdrawal.message_id(), "message_id");
    }
    Required(withdrawal.reason(), kMaxReasonBytes, "reason");
  }

  void operator()(const v1::Recall& recall) {
    Worker(recall.worker(), kNamed);
    MessageName(recall.message_id(), "message_id");
    Required(recall.reason(), kMaxReasonBytes, "reason");
    if (!recall.has_noticed_time()) Fault("noticed_time", "is required");
  }

 private:
  // What is asked of a worker: to be named, or also to be rung.
  enum Naming { kNamed, kReachable };

  void Fault(absl::string_view field, absl::string_view description) {
    faults_->Add(absl::StrCat(field_, ".", field), description);
  }

  void Optional(const std::string& text, size_t max, absl::string_view field) {
    if (text.size() > max) {
      Fault(field, absl::StrCat("has at most ", max, " bytes"));
    }
  }

  void Required(const std::string& text, size_t max, absl::string_view field) {
    if (text.empty() || text.size() > max) {
      Fault(field, absl::StrCat("is required: 1 to ", max, " bytes"));
    }
  }

  void Stated(bool valid, int value, absl::string_view field) {
    if (!valid || value == 0) Fault(field, "must be stated");
  }

  void Stage(int stage) {
    if (stage < 1) Fault("stage", "counts from 1");
  }

  void Desk(const std::string& desk, absl::string_view field = "desk") {
    if (!desk.empty() && !IsDeskName(desk)) {
      Fault(field, "must be 1 to 32 of a-z, 0-9 and '-'");
    }
  }

  void MessageName(const std::string& id, absl::string_view field) {
    if (!ParseMessageId(id).ok()) {
      Fault(field, "is no message id of this exchange");
    }
  }

  void Bounds(const v1::Actor& worker) {
    Optional(worker.name(), kMaxNameBytes, "worker.name");
    Optional(worker.role(), kMaxNameBytes, "worker.role");
    Optional(worker.team(), kMaxNameBytes, "worker.team");
    Optional(worker.phone(), kMaxPhoneBytes, "worker.phone");
    Optional(worker.secure_email(), kMaxEmailBytes, "worker.secure_email");
  }

  void Worker(const v1::Actor& worker, Naming naming) {
    Bounds(worker);
    if (worker.name().empty()) Fault("worker.name", "is required");
    if (worker.role().empty()) Fault("worker.role", "is required");
    if (naming == kNamed) return;
    if (worker.team().empty()) Fault("worker.team", "is required");
    if (worker.phone().empty()) {
      Fault("worker.phone", "is required: who can be rung about it");
    }
  }

  const std::string field_;
  Faults* const faults_;
};

template <typename Content>
bool ParseAs(const v1::PayloadPart& part,
             std::optional<CustodyContent>* parsed) {
  if (part.type() != Content::descriptor()->full_name()) return false;
  Content content;
  if (!content.ParseFromString(part.content())) return true;
  if constexpr (!std::is_same_v<Content, v1::Correction>) {
    if (content.matter_id() != part.matter_id() || part.matter_id().empty()) {
      return true;
    }
  }
  parsed->emplace(std::move(content));
  return true;
}

template <typename... Contents>
std::optional<CustodyContent> ParseOneOf(
    const v1::PayloadPart& part,
    std::in_place_type_t<std::variant<Contents...>>) {
  std::optional<CustodyContent> parsed;
  (ParseAs<Contents>(part, &parsed) || ...);
  return parsed;
}

}  // namespace

std::optional<CustodyContent> ParseCustody(const KindRule& rule,
                                           const v1::PayloadPart& part) {
  if (rule.content != absl::string_view(part.type())) return std::nullopt;
  return ParseOneOf(part, std::in_place_type<CustodyContent>);
}

void CheckCustodyContent(const CustodyContent& content,
                         const std::string& field, Faults* faults) {
  std::visit(ContentCheck(field, faults), content);
}

int64_t ExpectedVersionOf(const CustodyContent& content) {
  return std::visit(
      [](const auto& said) -> int64_t {
        if constexpr (requires { said.expected_version(); }) {
          return said.expected_version();
        } else {
          return 0;
        }
      },
      content);
}

}  // namespace baton
