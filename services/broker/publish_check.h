#ifndef BATON_SERVICES_BROKER_PUBLISH_CHECK_H_
#define BATON_SERVICES_BROKER_PUBLISH_CHECK_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "baton/v1/broker_service.pb.h"
#include "baton/v1/config.pb.h"
#include "baton/v1/message.pb.h"
#include "services/common/faults.h"

namespace baton {

struct PublishLimits {
  static constexpr int kMaxMessages = 64;
  static constexpr size_t kMaxPublishBytes = 512 << 10;
  static constexpr int kMaxParts = 16;
  static constexpr int kMaxAttributes = 16;
  static constexpr int kMaxAttachments = 16;
  static constexpr absl::Duration kDefaultDeliverAhead =
      absl::Hours(24 * 7305);  // 20 years: a childhood.

  size_t max_payload_bytes = 256 << 10;
  int max_recipients = 32;
  int max_matters = 15;
  absl::Duration max_deliver_ahead = kDefaultDeliverAhead;
  v1::Environment environment = v1::ENVIRONMENT_UNSPECIFIED;
};

// Checks everything about a publish that needs no state, and reports every
// fault with its path. Marks what is odd and accepted. Refuses only what
// cannot be parsed or bounded, what sets the broker's own fields, and what
// could carry personal data outside the payload.
//
// Pure; `now` judges event times.
void CheckPublish(const PublishLimits& limits, absl::Time now,
                  v1::PublishRequest* request, Faults* faults);

// The same of one message of a stream; its path is "messages[0]".
void CheckMessage(const PublishLimits& limits, absl::Time now,
                  v1::Message* message, Faults* faults);

// `why`, as the result of one message of a stream.
v1::PublishRefusal ToRefusal(const absl::Status& why);

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_PUBLISH_CHECK_H_
