#ifndef BATON_SERVICES_AGENCY_INTAKE_FEED_H_
#define BATON_SERVICES_AGENCY_INTAKE_FEED_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "baton/v1/message.pb.h"
#include "services/agency/inbox.h"

namespace baton {

// Where a consuming system's messages go. Called on the agency loop only;
// must not block.
class IntakeSink {
 public:
  virtual ~IntakeSink() = default;
  // False when the stream is ending: nothing more arrives there.
  virtual bool Send(v1::Message message,
                    std::optional<absl::Time> heard_time) = 0;
  virtual void End(absl::Status status) = 0;
};

// The open streams of consuming systems, and what each may be offered next:
// in the order of the inbox, within its credit.
//
// Two more bounds hold a stream back, whatever its credit: the bytes it has
// outstanding, and how far it may get ahead of the oldest message it does not
// acknowledge (which bounds its position on disk).
//
// Decisions only; the caller sends what TakeOffers gives after the commit. Not
// thread-safe: owned by the agency loop.
class IntakeFeed {
 public:
  static constexpr size_t kMaxOutstandingBytes = 4 << 20;

  // `inbox` must outlive the feed.
  explicit IntakeFeed(Inbox* inbox, uint64_t max_ahead = 10000)
      : inbox_(inbox), max_ahead_(max_ahead) {}

  // Adds a stream of `consumer`. A consumer has one stream: returns the sink
  // of an earlier one, which gets nothing more, or null.
  std::shared_ptr<IntakeSink> Subscribe(uint64_t stream_id,
                                        std::string consumer, int credit,
                                        std::shared_ptr<IntakeSink> sink);
  // The rest ignore streams that have ended.
  void Unsubscribe(uint64_t stream_id);
  void SetCredit(uint64_t stream_id, int credit);

  // The stream's consumer has these messages and is not offered them again,
  // on any stream. Ids that never arrived are ignored.
  absl::Status Acknowledge(uint64_t stream_id,
                           const std::vector<std::string>& message_ids);

  // The inbox has grown.
  void OnArrival();

  struct Offer {
    uint64_t stream_id;
    std::shared_ptr<IntakeSink> sink;
    v1::Message message;
  };
  // What the streams may have now, in order; it counts as outstanding.
  absl::StatusOr<std::vector<Offer>> TakeOffers();

 private:
  struct Stream {
    std::string consumer;
    int credit;
    std::shared_ptr<IntakeSink> sink;
    uint64_t last_offered = 0;
    std::map<uint64_t, size_t> outstanding = {};  // Sizes, by inbox number.
    size_t outstanding_bytes = 0;
    bool may_have_more = true;
  };

  absl::Status OfferTo(uint64_t stream_id, Stream* stream,
                       std::vector<Offer>* offers);
  bool HasRoom(const Stream& stream, uint64_t number) const;

  Inbox* const inbox_;
  const uint64_t max_ahead_;
  std::map<uint64_t, Stream> streams_;
};

}  // namespace baton

#endif  // BATON_SERVICES_AGENCY_INTAKE_FEED_H_
