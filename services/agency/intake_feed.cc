#include "services/agency/intake_feed.h"

#include <optional>
#include <utility>

#include "storage/status.h"

namespace baton {

std::shared_ptr<IntakeSink> IntakeFeed::Subscribe(
    uint64_t stream_id, std::string consumer, int credit,
    std::shared_ptr<IntakeSink> sink) {
  std::shared_ptr<IntakeSink> earlier;
  for (auto it = streams_.begin(); it != streams_.end(); ++it) {
    if (it->second.consumer != consumer) continue;
    earlier = std::move(it->second.sink);
    streams_.erase(it);
    break;
  }
  streams_.insert({stream_id, Stream{.consumer = std::move(consumer),
                                     .credit = credit,
                                     .sink = std::move(sink)}});
  return earlier;
}

void IntakeFeed::Unsubscribe(uint64_t stream_id) { streams_.erase(stream_id); }

void IntakeFeed::SetCredit(uint64_t stream_id, int credit) {
  const auto it = streams_.find(stream_id);
  if (it == streams_.end()) return;
  it->second.credit = credit;
  it->second.may_have_more = true;
}

absl::Status IntakeFeed::Acknowledge(
    uint64_t stream_id, const std::vector<std::string>& message_ids) {
  const auto it = streams_.find(stream_id);
  if (it == streams_.end()) return absl::OkStatus();
  Stream& stream = it->second;
  std::vector<uint64_t> numbers;
  for (const std::string& message_id : message_ids) {
    ASSIGN_OR_RETURN(const std::optional<uint64_t> number,
                     inbox_->Find(message_id));
    if (!number.has_value()) continue;
    numbers.push_back(*number);
    const auto offered = stream.outstanding.find(*number);
    if (offered == stream.outstanding.end()) continue;
    stream.outstanding_bytes -= offered->second;
    stream.outstanding.erase(offered);
  }
  stream.may_have_more = true;
  return inbox_->Acknowledge(stream.consumer, numbers);
}

void IntakeFeed::OnArrival() {
  for (auto& [stream_id, stream] : streams_) stream.may_have_more = true;
}

absl::StatusOr<std::vector<IntakeFeed::Offer>> IntakeFeed::TakeOffers() {
  std::vector<Offer> offers;
  for (auto& [stream_id, stream] : streams_) {
    if (!stream.may_have_more) continue;
    stream.may_have_more = false;
    RETURN_IF_ERROR(OfferTo(stream_id, &stream, &offers));
  }
  return offers;
}

absl::Status IntakeFeed::OfferTo(uint64_t stream_id, Stream* stream,
                                 std::vector<Offer>* offers) {
  const size_t outstanding = stream->outstanding.size();
  if (outstanding >= static_cast<size_t>(stream->credit)) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(
      const std::vector<uint64_t> numbers,
      inbox_->Unacknowledged(stream->consumer, stream->last_offered,
                             stream->credit - outstanding));
  for (const uint64_t number : numbers) {
    if (!HasRoom(*stream, number)) break;
    ASSIGN_OR_RETURN(v1::InboxRecord record, inbox_->Read(number));
    const size_t bytes = record.message().ByteSizeLong();
    stream->outstanding[number] = bytes;
    stream->outstanding_bytes += bytes;
    stream->last_offered = number;
    offers->push_back({.stream_id = stream_id,
                       .sink = stream->sink,
                       .message = std::move(*record.mutable_message())});
  }
  return absl::OkStatus();
}

// With nothing outstanding there always is: every message can be offered.
bool IntakeFeed::HasRoom(const Stream& stream, uint64_t number) const {
  if (stream.outstanding.empty()) return true;
  return stream.outstanding_bytes < kMaxOutstandingBytes &&
         number - stream.outstanding.begin()->first < max_ahead_;
}

}  // namespace baton
