#ifndef BATON_SERVICES_COMMON_PROTO_TIME_H_
#define BATON_SERVICES_COMMON_PROTO_TIME_H_

#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

// Between absl's time types and protobuf's. Times outside protobuf's range
// (years 1 to 9999) are clamped to it.
namespace baton {

google::protobuf::Timestamp ToProto(absl::Time time);
absl::Time FromProto(const google::protobuf::Timestamp& time);
google::protobuf::Duration ToProto(absl::Duration duration);
absl::Duration FromProto(const google::protobuf::Duration& duration);

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_PROTO_TIME_H_
