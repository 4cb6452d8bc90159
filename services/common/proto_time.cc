#include "services/common/proto_time.h"

#include <algorithm>

namespace baton {
namespace {

constexpr int64_t kFirstSecond = -62135596800;  // 0001-01-01T00:00:00Z
constexpr int64_t kLastSecond = 253402300799;   // 9999-12-31T23:59:59Z
constexpr int64_t kMaxSeconds = 315576000000;   // About 10,000 years.

}  // namespace

google::protobuf::Timestamp ToProto(absl::Time time) {
  const absl::Time clamped =
      std::clamp(time, absl::FromUnixSeconds(kFirstSecond),
                 absl::FromUnixSeconds(kLastSecond));
  google::protobuf::Timestamp proto;
  proto.set_seconds(absl::ToUnixSeconds(clamped));
  proto.set_nanos(
      static_cast<int32_t>((clamped - absl::FromUnixSeconds(proto.seconds())) /
                           absl::Nanoseconds(1)));
  return proto;
}

absl::Time FromProto(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(
             std::clamp(time.seconds(), kFirstSecond, kLastSecond)) +
         absl::Nanoseconds(time.nanos());
}

google::protobuf::Duration ToProto(absl::Duration duration) {
  const absl::Duration clamped = std::clamp(
      duration, -absl::Seconds(kMaxSeconds), absl::Seconds(kMaxSeconds));
  google::protobuf::Duration proto;
  absl::Duration rest;
  proto.set_seconds(absl::IDivDuration(clamped, absl::Seconds(1), &rest));
  proto.set_nanos(static_cast<int32_t>(rest / absl::Nanoseconds(1)));
  return proto;
}

absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) +
         absl::Nanoseconds(duration.nanos());
}

}  // namespace baton
