#include "services/broker/custody.h"

#include <algorithm>
#include <optional>
#include <set>
#include <type_traits>
#include <utility>
#include <variant>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "services/common/agency.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"
#include "storage/status.h"

namespace baton {
namespace {

v1::Matter* At(int matter, Conversation* conversation) {
  return conversation->record.mutable_matters(matter)->mutable_matter();
}

// Every change raises the version; the state of one holder never goes back.
void Changed(v1::MatterState state, v1::Matter* matter) {
  matter->set_version(matter->version() + 1);
  if (state > matter->state()) matter->set_state(state);
}

// --- The names behind receipts.

void NameActor(const std::string& message_id, const v1::Actor& actor,
               v1::MatterDetails* details) {
  for (v1::ReceiptActor& known : *details->mutable_actors()) {
    if (known.message_id() != message_id) continue;
    *known.mutable_actor() = actor;
    return;
  }
  v1::ReceiptActor* const added = details->add_actors();
  added->set_message_id(message_id);
  *added->mutable_actor() = actor;
}

void PutReceipt(const v1::Receipt& receipt, const v1::Actor& actor,
                v1::Receipt* place, v1::Matter* matter,
                v1::MatterDetails* details) {
  *place = receipt;
  NameActor(receipt.message_id(), actor, details);
  Changed(v1::MATTER_STATE_UNSPECIFIED, matter);
}

// A receipt that was replaced or dropped takes its name along.
void ForgetActors(v1::Matter* matter, v1::MatterDetails* details) {
  std::set<std::string> named;
  ForEachMessageReceipt(matter, [&named](v1::Receipt* receipt) {
    named.insert(receipt->message_id());
  });
  auto* const actors = details->mutable_actors();
  actors->erase(std::remove_if(actors->begin(), actors->end(),
                               [&named](const v1::ReceiptActor& actor) {
                                 return named.count(actor.message_id()) == 0;
                               }),
                actors->end());
}

// --- Duties.

bool IsMet(const v1::Duty& duty) {
  return duty.code() == v1::DUTY_CODE_RECALL ? duty.has_taken()
                                             : duty.has_answered();
}

bool IsOf(const v1::Address& address, const v1::Agency& agency,
          const std::string& desk) {
  return SameAgency(address.agency(), agency) &&
         (desk.empty() || desk == address.desk());
}

// False when this party has the very duty already, and it is not met.
bool AddDuty(v1::DutyCode code, const v1::Address& address,
             const std::string& message_id, absl::Time now,
             v1::Matter* matter) {
  auto* const duties = matter->mutable_duties();
  for (const v1::Duty& duty : *duties) {
    if (duty.code() == code &&
        QueueName(duty.address()) == QueueName(address) && !IsMet(duty) &&
        (code == v1::DUTY_CODE_HOMELESS || duty.message_id() == message_id)) {
      return false;
    }
  }
  if (duties->size() >= kMaxDuties) {
    const auto met = std::find_if(duties->begin(), duties->end(), IsMet);
    if (met != duties->end()) duties->erase(met);
  }
  v1::Duty* const duty = duties->Add();
  duty->set_code(code);
  *duty->mutable_address() = address;
  duty->set_message_id(message_id);
  *duty->mutable_start_time() = ToProto(now);
  Changed(v1::MATTER_STATE_UNSPECIFIED, matter);
  return true;
}

constexpr int kHolders = -1;

// Whose receipts a Taken or Decision makes: kHolders, or the place of a duty.
// A party may have both; the desk, or what it replies to, tells them apart.
template <typename Content>
absl::StatusOr<int> WhoseReceipts(const v1::Matter& matter,
                                  const Content& content,
                                  const Saying& saying) {
  std::optional<int> found;
  const auto look = [&](v1::DutyCode code, const std::string& message_id) {
    for (int i = 0; i < matter.duties_size(); ++i) {
      const v1::Duty& duty = matter.duties(i);
      if (duty.code() != code ||
          !IsOf(duty.address(), saying.sender, content.desk()) ||
          (!message_id.empty() && duty.message_id() != message_id)) {
        continue;
      }
      if (!found.has_value() || !IsMet(duty)) found = i;
      if (!IsMet(duty)) return;
    }
  };
  if (std::is_same_v<Content, v1::Taken> && !saying.in_reply_to.empty()) {
    look(v1::DUTY_CODE_RECALL, saying.in_reply_to);
    if (found.has_value()) return *found;
  }
  if (IsOf(matter.holder(), saying.sender, content.desk())) return kHolders;
  look(v1::DUTY_CODE_HOMELESS, "");
  if (found.has_value()) return *found;
  RETURN_IF_ERROR(CheckCustody(matter, saying.sender, 0));
  return WithReason(
      absl::FailedPreconditionError(absl::StrCat(
          "desk ", content.desk(), " of ", AgencyName(saying.sender),
          " neither holds matter ", matter.matter_id(),
          " nor has a duty on it; leave desk empty to answer as the holder")),
      "NO_DUTY");
}

// --- Who may say it.

absl::Status Forbidden(absl::string_view reason, absl::string_view what) {
  return WithReason(absl::FailedPreconditionError(what), reason);
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
        return WhoseReceipts(matter, *taken, saying).status();
      }
      return WhoseReceipts(matter, std::get<v1::Decision>(content), saying)
          .status();
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

// --- What else the state demands of what is said.

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
    if (!IsAboutHomelessness()) return absl::OkStatus();
    const v1::HomelessAnswer& answer = decision.homeless();
    if (answer.sleeps_tonight().value().empty()) {
      faults_->Add(field_ + ".homeless.sleeps_tonight",
                   "is required: where the young person sleeps tonight");
    }
    if (!v1::AccommodationAnswer_IsValid(answer.accommodation()) ||
        answer.accommodation() == v1::ACCOMMODATION_ANSWER_UNSPECIFIED) {
      faults_->Add(field_ + ".homeless.accommodation",
                   "must be stated: accepted, or offered and refused");
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
  bool IsAboutHomelessness() const {
    return conversation_.record.conversation().kind() ==
               v1::MESSAGE_KIND_HOMELESS_PRESENTATION ||
           std::any_of(matter_.duties().begin(), matter_.duties().end(),
                       [](const v1::Duty& duty) {
                         return duty.code() == v1::DUTY_CODE_HOMELESS;
                       });
  }

  const Saying& saying_;
  const Conversation& conversation_;
  const v1::Matter& matter_;
  const std::string& field_;
  Faults* const faults_;
};

// --- What it changes.

// Beyond kMaxMilestones the first of each code stays, as clocks start and are
// met by it, and the oldest repeat goes. There are fewer codes than places.
void DropRepeatedMilestone(v1::Matter* matter) {
  std::set<v1::MilestoneCode> seen;
  auto* const milestones = matter->mutable_milestones();
  for (auto it = milestones->begin(); it != milestones->end(); ++it) {
    if (seen.insert(it->code()).second) continue;
    milestones->erase(it);
    return;
  }
}
static_assert(v1::MilestoneCode_ARRAYSIZE < kMaxMilestones);

class StatementEffect {
 public:
  StatementEffect(const Saying& saying, const v1::Receipt& receipt, int matter,
                  Conversation* conversation)
      : saying_(saying),
        receipt_(receipt),
        conversation_(conversation),
        index_(matter),
        matter_(At(matter, conversation)),
        details_(&conversation->details[matter]) {}

  void operator()(const v1::Taken& taken) {
    const int duty = *WhoseReceipts(*matter_, taken, saying_);
    if (duty != kHolders) return TakeDuty(taken, matter_->mutable_duties(duty));
    if (!matter_->has_taken()) {
      *matter_->mutable_taken() = receipt_;
      *details_->mutable_taken() = taken.worker();
      Changed(v1::MATTER_STATE_TAKEN, matter_);
    }
    Tell(v1::AUDIT_TYPE_TAKEN);
  }

  void operator()(const v1::Decision& decision) {
    const int duty = *WhoseReceipts(*matter_, decision, saying_);
    if (duty != kHolders) {
      return AnswerDuty(decision, matter_->mutable_duties(duty));
    }
    *matter_->mutable_decided() = receipt_;
    *details_->mutable_decided() = decision.worker();
    v1::DecisionSummary* const summary = details_->mutable_decision();
    summary->set_outcome(decision.outcome());
    summary->set_next_step(decision.next_step());
    summary->set_phone(decision.contact_phone());
    Changed(v1::MATTER_STATE_DECIDED, matter_);
    Tell(v1::AUDIT_TYPE_DECIDED, v1::Outcome_Name(decision.outcome()));
  }

  void operator()(const v1::Triage& triage) {
    matter_->set_triage_grade(triage.grade());
    Put(triage.worker(), matter_->mutable_triaged());
    Tell(v1::AUDIT_TYPE_TRIAGED, v1::TriageGrade_Name(triage.grade()));
  }

  void operator()(const v1::Allocation& allocation) {
    Put(allocation.worker(), matter_->mutable_allocated());
    Tell(v1::AUDIT_TYPE_ALLOCATED);
  }

  void operator()(const v1::Milestone& milestone) {
    v1::MilestoneSummary* const added = matter_->add_milestones();
    added->set_code(milestone.code());
    *added->mutable_time() = milestone.time();
    Put(milestone.worker(), added->mutable_receipt());
    if (matter_->milestones_size() > kMaxMilestones) {
      DropRepeatedMilestone(matter_);
    }
    Tell(v1::AUDIT_TYPE_MILESTONE, v1::MilestoneCode_Name(milestone.code()));
  }

  void operator()(const v1::Unlink& unlink) {
    if (RecordUnlinked(receipt_, unlink.worker(), unlink.other_matter_id(),
                       index_, conversation_)) {
      Tell(v1::AUDIT_TYPE_UNLINKED, unlink.other_matter_id());
    }
  }

  void operator()(const v1::Release& release) {
    if (RecordReleased(receipt_, release.worker(), index_, conversation_)) {
      Tell(v1::AUDIT_TYPE_RELEASED);
    }
  }

  void operator()(const v1::TransferOffer& offer) {
    v1::Offer* const opened = matter_->mutable_offer();
    *opened->mutable_offered_to() = offer.offered_to();
    opened->set_ground(offer.ground());
    opened->set_off_exchange(saying_.off_exchange);
    Put(offer.worker(), opened->mutable_offered());
    Tell(v1::AUDIT_TYPE_OFFERED, v1::TransferGround_Name(offer.ground()),
         offer.offered_to());
  }

  void operator()(const v1::TransferDeclined&) {
    const v1::Address offered_to = matter_->offer().offered_to();
    matter_->clear_offer();
    Changed(v1::MATTER_STATE_UNSPECIFIED, matter_);
    Tell(v1::AUDIT_TYPE_DECLINED, "", offered_to);
  }

  void operator()(const v1::TransferAccepted& accepted) {
    EndCustody();
    *matter_->mutable_holder() = matter_->offer().offered_to();
    *matter_->mutable_holder_time() = receipt_.time();
    matter_->clear_offer();
    *matter_->mutable_delivered() = receipt_;
    *matter_->mutable_taken() = receipt_;
    *details_->mutable_taken() = accepted.worker();
    if (accepted.has_off_exchange()) {
      details_->mutable_taken()->Clear();
      details_->mutable_taken()->set_name(
          accepted.off_exchange().accepted_by());
    }
    Changed(v1::MATTER_STATE_TAKEN, matter_);
    Tell(v1::AUDIT_TYPE_HOLDER_CHANGED, "", matter_->holder());
  }

  void operator()(const v1::Correction& correction) {
    Put(correction.worker(), matter_->mutable_corrected());
    Tell(v1::AUDIT_TYPE_CORRECTED);
  }

  // Only whoever raised the matter takes it back; any author may take back
  // what it said, and then it is the leaf that says so.
  void operator()(const v1::Withdrawal& withdrawal) {
    if (SameAgency(saying_.sender,
                   conversation_->record.conversation().opened_by()) &&
        (withdrawal.message_id().empty() ||
         withdrawal.message_id() ==
             MessageId(conversation_->record.message_sequences(0)))) {
      PutFirst(withdrawal.worker(), matter_->mutable_withdrawn());
    }
    Tell(v1::AUDIT_TYPE_WITHDRAWN);
  }

  void operator()(const v1::Recall& recall) {
    PutFirst(recall.worker(), matter_->mutable_recalled());
    Tell(v1::AUDIT_TYPE_RECALLED);
    for (const v1::Address& reader : saying_.readers) {
      if (AddDuty(v1::DUTY_CODE_RECALL, reader, saying_.message_id,
                  FromProto(receipt_.time()), matter_)) {
        Tell(v1::AUDIT_TYPE_DUTY, v1::DutyCode_Name(v1::DUTY_CODE_RECALL),
             reader);
      }
    }
  }

  // Questions between agencies travel; they change no custody.
  void operator()(const v1::InformationRequest&) {}
  void operator()(const v1::InformationResponse&) {}
  void operator()(const v1::Challenge&) {}
  void operator()(const v1::ChallengeResponse&) {}

  std::vector<Effect> Take() { return std::move(effects_); }

 private:
  void Tell(v1::AuditType type, std::string code = "",
            v1::Address address = v1::Address()) {
    effects_.push_back(
        {type, matter_->version(), std::move(code), std::move(address)});
  }

  void Put(const v1::Actor& worker, v1::Receipt* receipt) {
    PutReceipt(receipt_, worker, receipt, matter_, details_);
  }

  // A receipt that stays as it was first made.
  void PutFirst(const v1::Actor& worker, v1::Receipt* receipt) {
    if (!receipt->has_time()) Put(worker, receipt);
  }

  void TakeDuty(const v1::Taken& taken, v1::Duty* duty) {
    PutFirst(taken.worker(), duty->mutable_taken());
    Tell(v1::AUDIT_TYPE_DUTY,
         absl::StrCat(v1::DutyCode_Name(duty->code()), "/TAKEN"),
         duty->address());
  }

  void AnswerDuty(const v1::Decision& decision, v1::Duty* duty) {
    Put(decision.worker(), duty->mutable_answered());
    Tell(v1::AUDIT_TYPE_DUTY,
         absl::StrCat(v1::DutyCode_Name(duty->code()), "/",
                      v1::Outcome_Name(decision.outcome())),
         duty->address());
  }

  // What the holder did so far becomes a past custody. Triage and allocation
  // were its own way of working and go with it.
  void EndCustody() {
    v1::PastCustody* const past = matter_->add_past_custodies();
    *past->mutable_holder() = matter_->holder();
    *past->mutable_holder_time() = matter_->holder_time();
    *past->mutable_end_time() = receipt_.time();
    past->set_allocated_delivered(matter_->release_delivered());
    past->set_allocated_first_read(matter_->release_first_read());
    past->set_allocated_taken(matter_->release_taken());
    past->set_allocated_decided(matter_->release_decided());
    matter_->clear_triage_grade();
    matter_->clear_triaged();
    matter_->clear_allocated();
    matter_->clear_state();

    v1::PastCustodyDetails* const said = details_->add_past_custodies();
    said->set_allocated_first_read(details_->release_first_read());
    said->set_allocated_taken(details_->release_taken());
    said->set_allocated_decided(details_->release_decided());
    said->set_allocated_decision(details_->release_decision());
  }

  const Saying& saying_;
  const v1::Receipt& receipt_;
  Conversation* const conversation_;
  const int index_;
  v1::Matter* const matter_;
  v1::MatterDetails* const details_;
  std::vector<Effect> effects_;
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

std::vector<Effect> ApplyStatement(const Statement& statement,
                                   const Saying& saying,
                                   const v1::Receipt& receipt,
                                   Conversation* conversation) {
  StatementEffect effect(saying, receipt, statement.matter, conversation);
  std::visit(effect, statement.content);
  ForgetActors(At(statement.matter, conversation),
               &conversation->details[statement.matter]);
  return effect.Take();
}

bool RecordDelivered(const v1::Receipt& receipt, int matter,
                     Conversation* conversation) {
  v1::Matter* const changed = At(matter, conversation);
  if (changed->has_delivered()) return false;
  *changed->mutable_delivered() = receipt;
  Changed(v1::MATTER_STATE_DELIVERED, changed);
  return true;
}

bool RecordFirstRead(const v1::Receipt& receipt, const v1::Actor& actor,
                     int matter, Conversation* conversation) {
  v1::Matter* const changed = At(matter, conversation);
  if (changed->has_first_read()) return false;
  *changed->mutable_first_read() = receipt;
  *conversation->details[matter].mutable_first_read() = actor;
  Changed(v1::MATTER_STATE_UNSPECIFIED, changed);
  return true;
}

absl::Status CheckRoomForDuties(const v1::Matter& matter, size_t count) {
  const auto open =
      std::count_if(matter.duties().begin(), matter.duties().end(),
                    [](const v1::Duty& duty) { return !IsMet(duty); });
  if (open + static_cast<int64_t>(count) <= kMaxDuties) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("matter ", matter.matter_id(), " has ", open,
                   " open duties and takes at most ", kMaxDuties,
                   "; ring those who have not taken theirs"));
}

std::vector<Effect> RecordHomelessDuties(
    const std::vector<v1::Address>& addresses, const std::string& message_id,
    absl::Time now, int matter, Conversation* conversation) {
  v1::Matter* const changed = At(matter, conversation);
  std::vector<Effect> effects;
  for (const v1::Address& address : addresses) {
    if (!AddDuty(v1::DUTY_CODE_HOMELESS, address, message_id, now, changed)) {
      continue;
    }
    effects.push_back({v1::AUDIT_TYPE_DUTY, changed->version(),
                       v1::DutyCode_Name(v1::DUTY_CODE_HOMELESS), address});
  }
  return effects;
}

bool RecordReleased(const v1::Receipt& receipt, const v1::Actor& actor,
                    int matter, Conversation* conversation) {
  v1::Matter* const changed = At(matter, conversation);
  if (changed->has_released()) return false;
  PutReceipt(receipt, actor, changed->mutable_released(), changed,
             &conversation->details[matter]);
  return true;
}

bool RecordUnlinked(const v1::Receipt& receipt, const v1::Actor& actor,
                    const std::string& other_matter_id, int matter,
                    Conversation* conversation) {
  v1::Matter* const changed = At(matter, conversation);
  bool undone = false;
  for (v1::Link& link : *changed->mutable_links()) {
    if (link.matter_id() != other_matter_id || link.has_undone()) continue;
    PutReceipt(receipt, actor, link.mutable_undone(), changed,
               &conversation->details[matter]);
    undone = true;
  }
  return undone;
}

}  // namespace baton
