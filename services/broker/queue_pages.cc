#include "services/broker/queue_pages.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/broker/deliveries.h"
#include "services/broker/sealed_records.h"
#include "services/common/proto_time.h"
#include "storage/keys.h"
#include "storage/status.h"

namespace baton {

absl::StatusOr<uint64_t> ParsePageToken(const std::string& token) {
  uint64_t after = 0;
  if (token.empty() || absl::SimpleAtoi(token, &after)) return after;
  return absl::InvalidArgumentError(
      "page_token is none of this exchange's; start without one");
}

int PageSize(int size) {
  return size == 0 ? PageLimits::kDefaultPageSize
                   : std::clamp(size, 1, PageLimits::kMaxPageSize);
}

v1::QueuedMessage ToQueued(const v1::MessageRecord& message,
                           const std::string& queue,
                           const v1::DeliveryRecord& delivery) {
  const v1::Message& envelope = message.envelope();
  v1::QueuedMessage queued;
  queued.set_message_id(envelope.message_id());
  queued.set_conversation_id(envelope.conversation_id());
  queued.set_kind(envelope.kind());
  *queued.mutable_sender() = envelope.sender();
  queued.set_priority(envelope.priority());
  *queued.mutable_publish_time() = envelope.publish_time();
  if (envelope.has_deliver_time()) {
    *queued.mutable_deliver_time() = envelope.deliver_time();
  }
  if (envelope.has_expire_time()) {
    *queued.mutable_expire_time() = envelope.expire_time();
  }
  queued.set_size_bytes(static_cast<int64_t>(message.ByteSizeLong()));
  *queued.mutable_delivery() = ToDelivery(queue, delivery);
  AddHistory(delivery, queued.mutable_delivery());
  return queued;
}

absl::Status ReadDeadLetters(const Reader& reader, const std::string& queue,
                             const MessageFilter& filter, uint64_t after,
                             int size, v1::ListDeadLettersResponse* response) {
  ASSIGN_OR_RETURN(
      const std::vector<KeyValue> found,
      reader.Scan(DeadLetters(queue, after + 1), PageLimits::kMaxScanned));
  bool more = found.size() == PageLimits::kMaxScanned;
  for (const KeyValue& pair : found) {
    if (response->messages_size() == size) {
      more = true;
      break;
    }
    ASSIGN_OR_RETURN(after, SequenceOf(pair.key));
    v1::DeliveryRecord dead;
    if (!dead.ParseFromString(pair.value)) {
      return absl::DataLossError("a dead letter is damaged");
    }
    ASSIGN_OR_RETURN(const v1::MessageRecord message,
                     ReadMessageRecord(reader, after));
    if (!filter.Matches(message.envelope())) continue;
    *response->add_messages() = ToQueued(message, queue, dead);
  }
  if (more) response->set_next_page_token(absl::StrCat(after));
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> FirstPublishedAt(const Reader& reader,
                                          absl::Time time) {
  ASSIGN_OR_RETURN(const std::vector<KeyValue> last,
                   reader.Scan(Messages(0), 1, ScanOrder::kDescending));
  if (last.empty()) return 1;
  ASSIGN_OR_RETURN(const uint64_t last_sequence, SequenceOf(last[0].key));
  uint64_t low = 1;
  uint64_t high = last_sequence + 1;  // What is there or later is late enough.
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    ASSIGN_OR_RETURN(const std::vector<KeyValue> next,
                     reader.Scan(Messages(middle), 1));
    v1::MessageRecord message;
    if (next.empty() || !message.ParseFromString(next[0].value)) {
      return absl::DataLossError("a message record is damaged");
    }
    if (FromProto(message.envelope().publish_time()) >= time) {
      high = middle;
    } else {
      ASSIGN_OR_RETURN(low, SequenceOf(next[0].key));
      ++low;
    }
  }
  return low;
}

}  // namespace baton
