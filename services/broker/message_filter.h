#ifndef BATON_SERVICES_BROKER_MESSAGE_FILTER_H_
#define BATON_SERVICES_BROKER_MESSAGE_FILTER_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "baton/v1/message.pb.h"
#include "baton/v1/queue_service.pb.h"
#include "services/common/faults.h"

namespace baton {

// Which messages somebody means. Pure; thread-safe.
class MessageFilter {
 public:
  static constexpr int kMaxMessageIds = 256;

  // Reports every fault of `filter`, at `path`.
  static void Check(const v1::MessageFilter& filter, const std::string& path,
                    Faults* faults);

  // `filter` has passed Check.
  explicit MessageFilter(v1::MessageFilter filter);

  // By the envelope alone.
  bool Matches(const v1::Message& envelope) const;

  // The lowest and the highest sequence there can be, when it names messages.
  std::optional<std::pair<uint64_t, uint64_t>> bounds() const;

 private:
  const v1::MessageFilter filter_;
  std::set<uint64_t> sequences_;
  absl::Time from_ = absl::InfinitePast();
  absl::Time before_ = absl::InfiniteFuture();
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_MESSAGE_FILTER_H_
