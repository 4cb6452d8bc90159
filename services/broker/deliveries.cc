#include "services/broker/deliveries.h"

#include "services/common/proto_time.h"

namespace baton {

v1::Delivery ToDelivery(const std::string& queue,
                        const v1::DeliveryRecord& record) {
  v1::Delivery delivery;
  delivery.set_queue(queue);
  delivery.set_state(record.state());
  delivery.set_delivery_attempt(record.delivery_attempt());
  delivery.set_reason(record.reason());
  *delivery.mutable_state_time() =
      ToProto(absl::FromUnixMicros(record.state_time_micros()));
  return delivery;
}

void AddHistory(const v1::DeliveryRecord& record, v1::Delivery* delivery) {
  delivery->set_consumer(record.consumer());
  for (const v1::AttemptRecord& attempt : record.attempts()) {
    v1::DeliveryAttempt* const added = delivery->add_attempts();
    added->set_delivery_attempt(attempt.delivery_attempt());
    added->set_consumer(attempt.consumer());
    *added->mutable_end_time() =
        ToProto(absl::FromUnixMicros(attempt.end_time_micros()));
    added->set_reason(attempt.reason());
  }
}

}  // namespace baton
