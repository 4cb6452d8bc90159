#include "services/broker/sender_usage.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/common/faults.h"
#include "services/common/proto_time.h"

namespace baton {
namespace {

constexpr int64_t kMicros = 1'000'000;
constexpr absl::Duration kRoomRetry = absl::Seconds(30);
constexpr absl::Duration kAgeRetry = absl::Seconds(60);

bool Exceeds(uint64_t value, int64_t limit) {
  return limit > 0 && value > static_cast<uint64_t>(limit);
}

}  // namespace

void SenderUsage::Account::Add(uint32_t bytes, int64_t due_micros) {
  ++messages_;
  bytes_ += bytes;
  ++due_[due_micros / kMicros];
}

void SenderUsage::Account::Remove(uint32_t bytes, int64_t due_micros) {
  --messages_;
  bytes_ -= bytes;
  const auto it = due_.find(due_micros / kMicros);
  if (--it->second == 0) due_.erase(it);
}

SenderUsage::Account* SenderUsage::Of(const std::string& sender) {
  std::unique_ptr<Account>& account = accounts_[sender];
  if (account == nullptr) account = std::make_unique<Account>();
  return account.get();
}

absl::Status SenderUsage::Take(const std::string& sender,
                               const v1::SenderQuota& quota, const Need& need,
                               Instant now) {
  Account* const account = Of(sender);
  const auto has = [&sender](uint64_t value, absl::string_view what) {
    return absl::StrCat(sender, " has ", value, " ", what,
                        " that are not settled");
  };
  if (Exceeds(account->messages_ + need.copies,
              quota.max_unsettled_messages())) {
    return LimitReached("sender_quota.max_unsettled_messages",
                        has(account->messages_, "messages"), kRoomRetry);
  }
  if (Exceeds(account->bytes_ + need.bytes, quota.max_unsettled_bytes())) {
    return LimitReached("sender_quota.max_unsettled_bytes",
                        has(account->bytes_, "bytes"), kRoomRetry);
  }
  if (quota.has_max_unsettled_age() && !account->due_.empty()) {
    const absl::Time oldest =
        absl::FromUnixSeconds(account->due_.begin()->first);
    if (now.wall - oldest > FromProto(quota.max_unsettled_age())) {
      return LimitReached(
          "sender_quota.max_unsettled_age",
          absl::StrCat(
              "a message of ", sender, " has waited since ",
              absl::FormatTime(absl::RFC3339_sec, oldest, absl::UTCTimeZone()),
              ": see that its recipient takes it, or cancel it"),
          kAgeRetry);
    }
  }
  return TakeRate(quota.max_messages_per_second(), need.messages, now, account);
}

// A bucket of ten seconds' worth. A request that asks for more than there ever
// is goes through when the bucket is full.
absl::Status SenderUsage::TakeRate(int per_second, uint64_t messages,
                                   Instant now, Account* account) {
  if (per_second <= 0) return absl::OkStatus();
  const double capacity = per_second * absl::ToDoubleSeconds(kRateWindow);
  const double filled =
      account->tokens_ +
      per_second * absl::ToDoubleSeconds(now.steady - account->filled_);
  const double there = std::min(capacity, filled);
  const double wanted = std::min(capacity, static_cast<double>(messages));
  if (there < wanted) {
    return LimitReached(
        "sender_quota.max_messages_per_second",
        absl::StrCat("more than ", per_second, " messages a second"),
        absl::Seconds((wanted - there) / per_second));
  }
  account->tokens_ = there - static_cast<double>(messages);
  account->filled_ = now.steady;
  return absl::OkStatus();
}

}  // namespace baton
