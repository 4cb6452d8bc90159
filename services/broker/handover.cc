#include "services/broker/handover.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "services/broker/sealed_records.h"
#include "services/broker/view.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"
#include "storage/keys.h"
#include "storage/status.h"

namespace baton {
namespace {

// Records by sequence.
using Records = absl::flat_hash_map<uint64_t, std::string>;

// Neighbours are read in one scan, for a third of what looking up each of them
// costs. What a scan does not find is left to ReadMessageRecord, which says
// why.
constexpr size_t kFewestToScan = 4;

Records ScanRecords(const std::vector<Handover>& handovers,
                    const Reader& reader) {
  std::vector<uint64_t> wanted;
  for (const Handover& handover : handovers) {
    if (handover.message == nullptr) wanted.push_back(handover.leased.sequence);
  }
  std::sort(wanted.begin(), wanted.end());
  Records records;
  for (size_t begin = 0, end = 0; begin < wanted.size(); begin = end) {
    while (end < wanted.size() && wanted[end] - wanted[begin] == end - begin) {
      ++end;
    }
    if (end - begin < kFewestToScan) continue;
    absl::StatusOr<std::vector<KeyValue>> found = reader.Scan(
        {MessageKey(wanted[begin]), MessageKey(wanted[end - 1] + 1)},
        end - begin);
    if (!found.ok()) continue;
    for (KeyValue& pair : *found) {
      const absl::StatusOr<uint64_t> sequence = SequenceOf(pair.key);
      if (sequence.ok()) records[*sequence] = std::move(pair.value);
    }
  }
  return records;
}

// Takes the record out of `records`: they are as large as the messages.
absl::StatusOr<v1::Message> OpenOne(const Handover& handover, Records* records,
                                    const Reader& reader, const Vault& vault) {
  if (handover.message != nullptr) return *handover.message;
  const uint64_t sequence = handover.leased.sequence;
  const auto known = records->extract(sequence);
  ASSIGN_OR_RETURN(const v1::MessageRecord record,
                   known.empty()
                       ? ReadMessageRecord(reader, sequence)
                       : ParseMessageRecord(known.mapped(), sequence));
  return OpenMessage(record, vault);
}

v1::ReceivedMessage Receive(const Leased& leased, v1::Message opened) {
  v1::ReceivedMessage received;
  v1::Message& message = *received.mutable_message();
  message = std::move(opened);
  if (leased.earlier_pending) {
    message.add_marks()->set_code(v1::MARK_CODE_EARLIER_MESSAGE_PENDING);
  }
  if (leased.came_back) {
    message.add_marks()->set_code(v1::MARK_CODE_CAME_BACK);
  }
  received.set_ack_id(FormatAckId({leased.sequence, leased.attempt}));
  received.set_delivery_attempt(leased.attempt);
  *received.mutable_lease_expire_time() = ToProto(leased.expire_time);
  return received;
}

}  // namespace

std::vector<absl::StatusOr<v1::ReceivedMessage>> OpenHandovers(
    const std::vector<Handover>& handovers, const v1::Agency& recipient,
    const Reader& reader, const Vault& vault, const Directory& directory) {
  Records records = ScanRecords(handovers, reader);
  std::vector<absl::StatusOr<v1::ReceivedMessage>> received;
  received.reserve(handovers.size());
  for (const Handover& handover : handovers) {
    absl::StatusOr<v1::Message> message =
        OpenOne(handover, &records, reader, vault);
    if (!message.ok()) {
      received.push_back(message.status());
      continue;
    }
    ApplyView(directory, recipient, &*message);
    received.push_back(Receive(handover.leased, *std::move(message)));
  }
  return received;
}

}  // namespace baton
