#ifndef BATON_SERVICES_BROKER_SENDER_USAGE_H_
#define BATON_SERVICES_BROKER_SENDER_USAGE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "baton/v1/config.pb.h"
#include "services/common/clock.h"

namespace baton {

// What each agency has in the exchange as a sender, over all queues, and
// whether its quota lets it publish more (v1::SenderQuota).
//
// Memory: what is unsettled is kept by the second in which it was first due,
// not one by one. The rate begins anew with the process.
//
// Not thread-safe: owned by the commit thread.
class SenderUsage {
 public:
  // The rate holds on the average of this.
  static constexpr absl::Duration kRateWindow = absl::Seconds(10);

  // Unsettled copies of one sender. Queues keep it.
  class Account {
   public:
    void Add(uint32_t bytes, int64_t due_micros);
    // It must have been added so.
    void Remove(uint32_t bytes, int64_t due_micros);

   private:
    friend class SenderUsage;
    uint64_t messages_ = 0;
    uint64_t bytes_ = 0;
    absl::btree_map<int64_t, uint64_t> due_;  // By second.
    // Messages that may be published at once, as of `filled_`; below zero after
    // a large request.
    double tokens_ = 0;
    absl::Duration filled_ = -absl::InfiniteDuration();  // Steady clock.
  };

  // Of the agency of this name, "emergency/RX1RA"; never moves.
  Account* Of(const std::string& sender);

  // What one request would add.
  struct Need {
    uint64_t messages = 0;
    uint64_t copies = 0;
    uint64_t bytes = 0;  // Of all copies.
  };
  // RESOURCE_EXHAUSTED, with the limit and when to try again, when `quota` does
  // not allow it; else it counts towards the rate.
  absl::Status Take(const std::string& sender, const v1::SenderQuota& quota,
                    const Need& need, Instant now);

 private:
  static absl::Status TakeRate(int per_second, uint64_t messages, Instant now,
                               Account* account);

  absl::flat_hash_map<std::string, std::unique_ptr<Account>> accounts_;
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_SENDER_USAGE_H_
