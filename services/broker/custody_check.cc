#include "services/broker/custody_check.h"

#include <variant>

#include "absl/strings/str_cat.h"
#include "services/broker/duties.h"
#include "services/common/agency.h"
#include "services/common/homeless.h"
#include "storage/status.h"

namespace baton {
namespace {

absl::Status CheckVersion(const v1::Matter& matter, int64_t expected_version) {
  if (expected_version == 0 || expected_version == matter.version()) {
    return absl::OkStatus();
  }
  return WithReason(
      absl::AbortedError(absl::StrCat(
          "matter ", matter.matter_id(), " is at version ", matter.version(),
          ", not ", expected_version, "; read it again and decide anew")),
      "VERSION_MOVED");
}

absl::Status Forbidden(absl::string_view reason, absl::string_view what) {
  return WithReason(absl::FailedPreconditionError(what), reason);
}

// The holder, or whose duty it is.
template <typename Content>
absl::Status CheckHasReceipts(const v1::Matter& matter, const Content& content,
                              const Saying& saying) {
  if (WhoseReceipts(matter, content, saying).has_value()) {
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(CheckCustody(matter, saying.sender, 0));
  return Forbidden(
      "NO_DUTY",
      absl::StrCat("desk ", content.desk(), " of ", AgencyName(saying.sender),
                   " neither holds matter ", matter.matter_id(),
                   " nor has a duty on it; leave desk empty to answer as the "
                   "holder"));
}

absl::Status CheckOfferedTo(const v1::Matter& matter,
                            const CustodyContent& content,
                            const Saying& saying) {
  if (!matter.has_offer()) {
    return Forbidden("NO_OFFER", absl::StrCat("matter ", matter.matter_id(),
                                              " is offered to nobody"));
  }
  const v1::Offer& offer = matter.offer();
  const bool offerer = SameAgency(matter.holder().agency(), saying.sender);
  const bool declines = std::holds_alternative<v1::TransferDeclined>(content);
  if (offerer && (declines || offer.off_exchange())) return absl::OkStatus();
  if (!offer.off_exchange() &&
      SameAgency(offer.offered_to().agency(), saying.sender)) {
    return absl::OkStatus();
  }
  return Forbidden(
      "NOT_OFFERED",
      absl::StrCat("matter ", matter.matter_id(), " is offered to ",
                   AgencyName(offer.offered_to().agency()), ", not to ",
                   AgencyName(saying.sender)));
}

absl::Status CheckSayer(const KindRule& rule, const v1::Matter& matter,
                        const CustodyContent& content, const Saying& saying) {
  switch (rule.sayer) {
    case Sayer::kHolder:
      return CheckCustody(matter, saying.sender, 0);
    case Sayer::kHolderOrDuty:
      if (const auto* taken = std::get_if<v1::Taken>(&content)) {
        return CheckHasReceipts(matter, *taken, saying);
      }
      return CheckHasReceipts(matter, std::get<v1::Decision>(content), saying);
    case Sayer::kHolderPoliceOrCouncil:
      if (saying.sender.agency_class() == v1::AGENCY_CLASS_POLICE ||
          saying.sender.agency_class() == v1::AGENCY_CLASS_COUNCIL) {
        return absl::OkStatus();
      }
      return CheckCustody(matter, saying.sender, 0);
    case Sayer::kOfferedTo:
      return CheckOfferedTo(matter, content, saying);
    case Sayer::kParticipant:
    case Sayer::kAuthor:
    case Sayer::kExchange:
      return absl::OkStatus();  // Not a question of the matter's state.
  }
  return absl::OkStatus();
}

// What the state of the matter demands of what is said.
class StatementCheck {
 public:
  StatementCheck(const Saying& saying, const Conversation& conversation,
                 const v1::Matter& matter, const std::string& field,
                 Faults* faults)
      : saying_(saying),
        conversation_(conversation),
        matter_(matter),
        field_(field),
        faults_(faults) {}

  template <typename Content>
  absl::Status operator()(const Content&) {
    return absl::OkStatus();
  }

  // A homeless young person: closed only by where they sleep tonight, and
  // accommodation offered or refused.
  absl::Status operator()(const v1::Decision& decision) {
    if (IsAboutHomelessness(conversation_.record.conversation().kind(),
                            matter_)) {
      CheckHomelessAnswer(decision.homeless(), field_ + ".homeless", faults_);
    }
    return absl::OkStatus();
  }

  absl::Status operator()(const v1::TransferOffer& offer) {
    if (matter_.has_offer()) {
      return Forbidden(
          "OFFER_OPEN",
          absl::StrCat("matter ", matter_.matter_id(), " is offered to ",
                       AgencyName(matter_.offer().offered_to().agency()),
                       " already; decline that offer first"));
    }
    if (matter_.past_custodies_size() >= kMaxPastCustodies) {
      return absl::ResourceExhaustedError(
          absl::StrCat("matter ", matter_.matter_id(), " has moved ",
                       kMaxPastCustodies, " times; its holder keeps it"));
    }
    if (QueueName(offer.offered_to()) == QueueName(matter_.holder())) {
      faults_->Add(field_ + ".offered_to", "holds the matter already");
    }
    return absl::OkStatus();
  }

  absl::Status operator()(const v1::TransferAccepted& accepted) {
    if (accepted.has_off_exchange() != matter_.offer().off_exchange()) {
      faults_->Add(field_ + ".off_exchange",
                   matter_.offer().off_exchange()
                       ? "is required: who there accepted, when, and what "
                         "shows it"
                       : "must be empty: the body is on the exchange and "
                         "accepts itself");
    }
    return absl::OkStatus();
  }

  absl::Status operator()(const v1::Unlink& unlink) {
    for (const v1::Link& link : matter_.links()) {
      if (link.matter_id() == unlink.other_matter_id()) return absl::OkStatus();
    }
    faults_->Add(field_ + ".other_matter_id", "is not linked to this matter");
    return absl::OkStatus();
  }

  absl::Status operator()(const v1::Release&) {
    if (!matter_.restricted()) {
      faults_->Add(field_ + ".matter_id", "is not restricted");
    }
    return absl::OkStatus();
  }

  absl::Status operator()(const v1::Recall&) {
    return CheckRoomForDuties(matter_, saying_.readers.size());
  }

 private:
  const Saying& saying_;
  const Conversation& conversation_;
  const v1::Matter& matter_;
  const std::string& field_;
  Faults* const faults_;
};

}  // namespace

absl::Status CheckCustody(const v1::Matter& matter, const v1::Agency& agency,
                          int64_t expected_version) {
  if (!SameAgency(matter.holder().agency(), agency)) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            "matter ", matter.matter_id(), " is held by ",
            AgencyName(matter.holder().agency()), ", not by ",
            AgencyName(agency), "; custody moves by offer and acceptance")),
        "NOT_HOLDER");
  }
  return CheckVersion(matter, expected_version);
}

absl::Status CheckStatement(const KindRule& rule, const Statement& statement,
                            const Saying& saying,
                            const Conversation& conversation,
                            const std::string& field, Faults* faults) {
  const v1::Matter& matter =
      conversation.record.matters(statement.matter).matter();
  RETURN_IF_ERROR(CheckSayer(rule, matter, statement.content, saying));
  RETURN_IF_ERROR(CheckVersion(matter, ExpectedVersionOf(statement.content)));
  return std::visit(StatementCheck(saying, conversation, matter, field, faults),
                    statement.content);
}

}  // namespace baton
