#ifndef BATON_SERVICES_BROKER_QUEUE_PAGES_H_
#define BATON_SERVICES_BROKER_QUEUE_PAGES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "baton/v1/queue_service.pb.h"
#include "baton/v1/record.pb.h"
#include "services/broker/message_filter.h"
#include "storage/store.h"

// Pages of a queue's messages, read from the disk. Page tokens are the sequence
// of the last message that was looked at. Errors are the disk's, but for
// INVALID_ARGUMENT of a token that is none.
namespace baton {

struct PageLimits {
  static constexpr int kMaxPageSize = 256;
  static constexpr int kDefaultPageSize = 100;
  // Messages looked at for one page, however few of them match.
  static constexpr size_t kMaxScanned = 1024;
  static constexpr int kMaxReplayed = 64;
  // Bytes of one page of whole messages, unless a single one has more.
  static constexpr size_t kMaxReplayedBytes = 2 << 20;
};

// 0 for an empty token.
absl::StatusOr<uint64_t> ParsePageToken(const std::string& token);

// `size` as a caller gave it, within the limits.
int PageSize(int size);

// A message without its payload, and its copy in `queue` as `delivery` says.
v1::QueuedMessage ToQueued(const v1::MessageRecord& message,
                           const std::string& queue,
                           const v1::DeliveryRecord& delivery);

// Dead letters of `queue` after message `after` that match.
absl::Status ReadDeadLetters(const Reader& reader, const std::string& queue,
                             const MessageFilter& filter, uint64_t after,
                             int size, v1::ListDeadLettersResponse* response);

// The first sequence whose message was published at `time` or later; one past
// the last when there is none. Publish times grow with sequences.
absl::StatusOr<uint64_t> FirstPublishedAt(const Reader& reader,
                                          absl::Time time);

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_QUEUE_PAGES_H_
