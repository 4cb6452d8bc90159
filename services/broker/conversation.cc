#include "services/broker/conversation.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "services/common/agency.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"

namespace baton {
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

void JoinMessage(uint64_t sequence, Conversation* conversation) {
  conversation->record.add_message_sequences(sequence);
  conversation->record.mutable_conversation()->set_message_count(
      conversation->record.message_sequences_size());
}

bool AddMessage(const v1::Message& message, uint64_t sequence,
                Conversation* conversation) {
  JoinMessage(sequence, conversation);
  bool somebody_new = AddParticipant(message.sender(), conversation);
  for (const v1::Recipient& recipient : message.recipients()) {
    somebody_new |= AddParticipant(recipient.has_redirected_to()
                                       ? recipient.redirected_to().agency()
                                       : recipient.address().agency(),
                                   conversation);
  }
  return somebody_new;
}

bool IsParticipant(const Conversation& conversation, const v1::Agency& agency) {
  for (const v1::Agency& participant :
       conversation.record.conversation().participants()) {
    if (SameAgency(participant, agency)) return true;
  }
  return false;
}

bool AddParticipant(const v1::Agency& agency, Conversation* conversation) {
  if (IsParticipant(*conversation, agency)) return false;
  *conversation->record.mutable_conversation()->add_participants() = agency;
  return true;
}

int FindMatter(const Conversation& conversation, const std::string& matter_id) {
  for (int i = 0; i < conversation.record.matters_size(); ++i) {
    if (conversation.record.matters(i).matter().matter_id() == matter_id) {
      return i;
    }
  }
  return -1;
}

void ForEachMessageReceipt(v1::Matter* matter,
                           const std::function<void(v1::Receipt*)>& visit) {
  if (matter->has_offer() && matter->offer().has_offered()) {
    visit(matter->mutable_offer()->mutable_offered());
  }
  if (matter->has_triaged()) visit(matter->mutable_triaged());
  if (matter->has_allocated()) visit(matter->mutable_allocated());
  if (matter->has_withdrawn()) visit(matter->mutable_withdrawn());
  if (matter->has_recalled()) visit(matter->mutable_recalled());
  if (matter->has_corrected()) visit(matter->mutable_corrected());
  if (matter->has_released()) visit(matter->mutable_released());
  for (v1::MilestoneSummary& milestone : *matter->mutable_milestones()) {
    visit(milestone.mutable_receipt());
  }
  for (v1::Duty& duty : *matter->mutable_duties()) {
    if (duty.has_taken()) visit(duty.mutable_taken());
    if (duty.has_answered()) visit(duty.mutable_answered());
  }
  for (v1::Link& link : *matter->mutable_links()) {
    if (link.has_undone()) visit(link.mutable_undone());
  }
}

namespace {

// A name is its agency's word.
void PutActor(bool known, const v1::Actor& actor, v1::Receipt* receipt) {
  if (!known) return;
  *receipt->mutable_actor() = actor;
  *receipt->mutable_actor()->mutable_asserted_by() = receipt->agency();
}

// Of a Matter and its MatterDetails, or of a PastCustody and its.
template <typename Custody, typename Details>
void PutDetails(const Details& details, Custody* custody) {
  if (custody->has_first_read()) {
    PutActor(details.has_first_read(), details.first_read(),
             custody->mutable_first_read());
  }
  if (custody->has_taken()) {
    PutActor(details.has_taken(), details.taken(), custody->mutable_taken());
  }
  if (custody->has_decided() && details.has_decided()) {
    PutActor(true, details.decided(), custody->mutable_decided());
    *custody->mutable_decision() = details.decision();
  }
}

v1::Matter ToPublic(const v1::Matter& matter,
                    const v1::MatterDetails& details) {
  v1::Matter shown = matter;
  PutDetails(details, &shown);
  // Erased details are empty.
  const int past =
      std::min(shown.past_custodies_size(), details.past_custodies_size());
  for (int i = 0; i < past; ++i) {
    PutDetails(details.past_custodies(i), shown.mutable_past_custodies(i));
  }
  ForEachMessageReceipt(&shown, [&details](v1::Receipt* receipt) {
    for (const v1::ReceiptActor& known : details.actors()) {
      if (known.message_id() != receipt->message_id()) continue;
      PutActor(true, known.actor(), receipt);
    }
  });
  return shown;
}

}  // namespace

v1::Conversation ToPublic(const Conversation& conversation) {
  v1::Conversation shown = conversation.record.conversation();
  for (int i = 0; i < conversation.record.matters_size(); ++i) {
    *shown.add_matters() = ToPublic(conversation.record.matters(i).matter(),
                                    conversation.details[i]);
  }
  return shown;
}

}  // namespace baton
