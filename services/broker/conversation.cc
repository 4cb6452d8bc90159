#include "services/broker/conversation.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/common/agency.h"
#include "services/common/faults.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"

namespace baton {
namespace {

v1::Matter* At(int matter, Conversation* conversation) {
  return conversation->record.mutable_matters(matter)->mutable_matter();
}

// Every change raises the version; a state never goes back.
void Changed(v1::MatterState state, v1::Matter* matter) {
  matter->set_version(matter->version() + 1);
  if (state > matter->state()) matter->set_state(state);
}

}  // namespace

Conversation OpenConversation(const v1::Message& message,
                              const v1::Address& holder, uint64_t number,
                              absl::Time now) {
  Conversation opened;
  v1::Conversation* const conversation = opened.record.mutable_conversation();
  conversation->set_conversation_id(ConversationId(number));
  conversation->set_kind(message.kind());
  *conversation->mutable_opened_by() = message.sender();
  *conversation->mutable_open_time() = ToProto(now);
  for (const v1::PayloadPart& part : message.payload()) {
    if (!absl::StartsWith(part.matter_id(), "#")) continue;
    v1::Matter* const matter = opened.record.add_matters()->mutable_matter();
    matter->set_matter_id(MatterId(conversation->conversation_id(),
                                   opened.record.matters_size()));
    matter->set_version(1);
    *matter->mutable_holder() = holder;
    *matter->mutable_holder_time() = ToProto(now);
    *matter->mutable_received_time() = ToProto(now);
    matter->set_state(v1::MATTER_STATE_PUBLISHED);
  }
  opened.details.resize(opened.record.matters_size());
  return opened;
}

void AddMessage(const v1::Message& message, uint64_t sequence,
                Conversation* conversation) {
  AddParticipant(message.sender(), conversation);
  for (const v1::Recipient& recipient : message.recipients()) {
    AddParticipant(recipient.has_redirected_to()
                       ? recipient.redirected_to().agency()
                       : recipient.address().agency(),
                   conversation);
  }
  conversation->record.add_message_sequences(sequence);
  conversation->record.mutable_conversation()->set_message_count(
      conversation->record.message_sequences_size());
}

bool IsParticipant(const Conversation& conversation, const v1::Agency& agency) {
  for (const v1::Agency& participant :
       conversation.record.conversation().participants()) {
    if (SameAgency(participant, agency)) return true;
  }
  return false;
}

void AddParticipant(const v1::Agency& agency, Conversation* conversation) {
  if (IsParticipant(*conversation, agency)) return;
  *conversation->record.mutable_conversation()->add_participants() = agency;
}

int FindMatter(const Conversation& conversation, const std::string& matter_id) {
  for (int i = 0; i < conversation.record.matters_size(); ++i) {
    if (conversation.record.matters(i).matter().matter_id() == matter_id) {
      return i;
    }
  }
  return -1;
}

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
  if (expected_version != 0 && expected_version != matter.version()) {
    return WithReason(
        absl::AbortedError(absl::StrCat(
            "matter ", matter.matter_id(), " is at version ", matter.version(),
            ", not ", expected_version, "; read it again and decide anew")),
        "VERSION_MOVED");
  }
  return absl::OkStatus();
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

bool RecordTaken(const v1::Receipt& receipt, const v1::Taken& taken, int matter,
                 Conversation* conversation) {
  v1::Matter* const changed = At(matter, conversation);
  if (changed->has_taken()) return false;
  *changed->mutable_taken() = receipt;
  *conversation->details[matter].mutable_taken() = taken.worker();
  Changed(v1::MATTER_STATE_TAKEN, changed);
  return true;
}

void RecordDecided(const v1::Receipt& receipt, const v1::Decision& decision,
                   int matter, Conversation* conversation) {
  v1::Matter* const changed = At(matter, conversation);
  *changed->mutable_decided() = receipt;
  v1::MatterDetails& details = conversation->details[matter];
  *details.mutable_decided() = decision.worker();
  v1::DecisionSummary* const summary = details.mutable_decision();
  summary->set_outcome(decision.outcome());
  summary->set_next_step(decision.next_step());
  summary->set_phone(decision.contact_phone());
  Changed(v1::MATTER_STATE_DECIDED, changed);
}

v1::Conversation ToPublic(const Conversation& conversation) {
  v1::Conversation shown = conversation.record.conversation();
  for (int i = 0; i < conversation.record.matters_size(); ++i) {
    const v1::MatterDetails& details = conversation.details[i];
    v1::Matter* const matter = shown.add_matters();
    *matter = conversation.record.matters(i).matter();
    const auto put_actor = [](const v1::Actor& actor, v1::Receipt* receipt) {
      *receipt->mutable_actor() = actor;
      *receipt->mutable_actor()->mutable_asserted_by() = receipt->agency();
    };
    if (matter->has_first_read() && details.has_first_read()) {
      put_actor(details.first_read(), matter->mutable_first_read());
    }
    if (matter->has_taken() && details.has_taken()) {
      put_actor(details.taken(), matter->mutable_taken());
    }
    if (matter->has_decided() && details.has_decided()) {
      put_actor(details.decided(), matter->mutable_decided());
      *matter->mutable_decision() = details.decision();
    }
  }
  return shown;
}

}  // namespace baton
