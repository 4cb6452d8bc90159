#include "services/broker/custody.h"

#include <algorithm>
#include <set>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "services/broker/duties.h"
#include "services/common/agency.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"

namespace baton {
namespace {

v1::Matter* At(int matter, Conversation* conversation) {
  return conversation->record.mutable_matters(matter)->mutable_matter();
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

// --- What a statement changes.

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
    const int duty = WhoseReceipts(*matter_, taken, saying_).value();
    if (duty != kHolders) return TakeDuty(taken, matter_->mutable_duties(duty));
    if (!matter_->has_taken()) {
      *matter_->mutable_taken() = receipt_;
      *details_->mutable_taken() = taken.worker();
      Changed(v1::MATTER_STATE_TAKEN, matter_);
    }
    Tell(v1::AUDIT_TYPE_TAKEN);
  }

  void operator()(const v1::Decision& decision) {
    const int duty = WhoseReceipts(*matter_, decision, saying_).value();
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

void Changed(v1::MatterState state, v1::Matter* matter) {
  matter->set_version(matter->version() + 1);
  if (state > matter->state()) matter->set_state(state);
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
