#include "tests/support/city/story.h"

#include <algorithm>

#include "tests/support/city/call.h"

namespace baton::city {

Arrival& Story::Keep(absl::Time time, const v1::Agency& agency,
                     std::shared_ptr<const google::protobuf::Message> request) {
  Arrival arrival;
  arrival.time = time;
  arrival.agency = agency;
  arrival.rpc = RpcOf(*request);
  arrival.kind = KindOf(*request);
  arrival.reference = reference_;
  arrival.request = std::move(request);
  return arrivals_.emplace_back(std::move(arrival));
}

std::deque<Arrival> Story::Told() && {
  std::stable_sort(
      arrivals_.begin(), arrivals_.end(),
      [](const Arrival& a, const Arrival& b) { return a.time < b.time; });
  return std::move(arrivals_);
}

std::deque<Arrival> Tell(Stream stream, Scene* scene) {
  switch (stream) {
    case Stream::kNotice:
      return TellNotice(scene);
    case Stream::kMissing:
      return TellMissing(scene);
    case Stream::kWait:
      return TellWait(scene);
    case Stream::kHomeless:
      return TellHomeless(scene);
    default:
      return TellContact(stream, scene);
  }
}

}  // namespace baton::city
