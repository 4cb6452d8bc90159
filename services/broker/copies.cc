#include "services/broker/copies.h"

#include "services/common/agency.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"
#include "storage/crypto.h"

namespace baton {
namespace {

// Stable across processes and never 0, which stands for "no key".
uint64_t OrderingKeyHash(const std::string& key) {
  if (key.empty()) return 0;
  const Hash hash = Sha256(key);
  uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = value << 8 | hash[i];
  return value == 0 ? 1 : value;
}

// Its settlement by whoever is asked to act is the matters' delivered receipt.
bool OpensMattersFor(const std::string& queue, const v1::Message& message,
                     uint64_t sequence) {
  if (message.matter_ids().empty() ||
      message.conversation_id() != ConversationId(sequence)) {
    return false;
  }
  std::string action_queue;
  for (const v1::Recipient& recipient : message.recipients()) {
    if (recipient.role() == v1::RECIPIENT_ROLE_ACTION) {
      action_queue = QueueName(DeskOf(recipient));
    }
  }
  return action_queue == queue;
}

}  // namespace

const v1::Address& DeskOf(const v1::Recipient& recipient) {
  return recipient.has_redirected_to() ? recipient.redirected_to()
                                       : recipient.address();
}

NewCopy CopyFor(const std::string& queue, const v1::Message& message,
                uint64_t sequence, size_t size) {
  NewCopy copy;
  copy.copy = {.sequence = sequence,
               .ordering_key_hash = OrderingKeyHash(message.ordering_key()),
               .size_bytes = static_cast<uint32_t>(size),
               .priority = message.priority(),
               .opens_matters = OpensMattersFor(queue, message, sequence)};
  copy.sender = AgencyName(message.sender());
  if (message.has_deliver_time()) {
    copy.deliver_time = FromProto(message.deliver_time());
  }
  if (message.has_expire_time()) {
    copy.expire_time = FromProto(message.expire_time());
  }
  return copy;
}

}  // namespace baton
