#include "services/agency/inbox.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/common/proto_time.h"
#include "storage/keys.h"
#include "storage/status.h"

namespace baton {

absl::StatusOr<std::unique_ptr<Inbox>> Inbox::Open(AgencyStore* store) {
  std::unique_ptr<Inbox> inbox(new Inbox(store));
  ASSIGN_OR_RETURN(
      const std::vector<KeyValue> last,
      store->committed().Scan(InboxEntries(0), 1, ScanOrder::kDescending));
  if (!last.empty()) {
    ASSIGN_OR_RETURN(inbox->last_number_, SequenceOf(last[0].key));
  }
  return inbox;
}

absl::StatusOr<std::optional<uint64_t>> Inbox::Receive(
    const v1::Message& message, Instant now) {
  ASSIGN_OR_RETURN(const std::optional<uint64_t> seen,
                   Find(message.message_id()));
  if (seen.has_value()) return std::optional<uint64_t>();
  const uint64_t number = ++last_number_;
  v1::InboxRecord record;
  *record.mutable_message() = message;
  *record.mutable_delivered_time() = ToProto(now.wall);
  const std::string key = InboxKey(number);
  store_->batch()->Put(key, store_->Seal(key, record));
  store_->batch()->Put(InboxSeenKey(message.message_id()),
                       absl::StrCat(number));
  return std::optional<uint64_t>(number);
}

absl::StatusOr<std::optional<uint64_t>> Inbox::Find(
    absl::string_view message_id) const {
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                   store_->Get(InboxSeenKey(message_id)));
  if (!bytes.has_value()) return std::optional<uint64_t>();
  uint64_t number = 0;
  if (!absl::SimpleAtoi(*bytes, &number)) {
    return absl::DataLossError("an inbox index entry is damaged");
  }
  return std::optional<uint64_t>(number);
}

absl::StatusOr<v1::InboxRecord> Inbox::Read(uint64_t number) const {
  const std::string key = InboxKey(number);
  ASSIGN_OR_RETURN(const std::optional<std::string> sealed, store_->Get(key));
  if (!sealed.has_value()) {
    return absl::NotFoundError(absl::StrCat("no inbox entry ", number));
  }
  v1::InboxRecord record;
  RETURN_IF_ERROR(store_->Open(key, *sealed, &record));
  return record;
}

absl::StatusOr<v1::ConsumerRecord> Inbox::Position(
    absl::string_view consumer) const {
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                   store_->Get(ConsumerKey(consumer)));
  v1::ConsumerRecord position;
  position.set_floor_number(1);
  if (bytes.has_value() && !position.ParseFromString(*bytes)) {
    return absl::DataLossError("a consumer's position is damaged");
  }
  return position;
}

absl::StatusOr<std::vector<uint64_t>> Inbox::Unacknowledged(
    absl::string_view consumer, uint64_t after, size_t limit) const {
  ASSIGN_OR_RETURN(const v1::ConsumerRecord position, Position(consumer));
  const auto& acknowledged = position.acknowledged_numbers();
  std::vector<uint64_t> numbers;
  for (uint64_t number = std::max(position.floor_number(), after + 1);
       number <= last_number_ && numbers.size() < limit; ++number) {
    if (!std::binary_search(acknowledged.begin(), acknowledged.end(), number)) {
      numbers.push_back(number);
    }
  }
  return numbers;
}

absl::Status Inbox::Acknowledge(absl::string_view consumer,
                                const std::vector<uint64_t>& numbers) {
  ASSIGN_OR_RETURN(v1::ConsumerRecord position, Position(consumer));
  std::vector<uint64_t> above(position.acknowledged_numbers().begin(),
                              position.acknowledged_numbers().end());
  for (const uint64_t number : numbers) {
    if (number >= position.floor_number() && number <= last_number_) {
      above.push_back(number);
    }
  }
  std::sort(above.begin(), above.end());
  above.erase(std::unique(above.begin(), above.end()), above.end());
  // Numbers that follow the floor without a gap raise it.
  uint64_t floor = position.floor_number();
  auto rest = above.begin();
  while (rest != above.end() && *rest == floor) {
    ++floor;
    ++rest;
  }
  position.set_floor_number(floor);
  position.mutable_acknowledged_numbers()->Assign(rest, above.end());
  store_->batch()->Put(ConsumerKey(consumer), position.SerializeAsString());
  return absl::OkStatus();
}

}  // namespace baton
