#include "services/cli/delivery_view.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/common/proto_time.h"

namespace baton::cli {
namespace {

std::string AttemptText(const v1::DeliveryAttempt& attempt,
                        const LocalClock& clock) {
  return absl::StrCat(
      "attempt ", attempt.delivery_attempt(),
      attempt.consumer().empty() ? "" : " by ", attempt.consumer(), " until ",
      ClockText(FromProto(attempt.end_time()), clock), ": ",
      attempt.reason().empty() ? "the lease ran out" : attempt.reason());
}

}  // namespace

std::string DeliveryText(const v1::Delivery& delivery) {
  std::string text =
      absl::StrCat(delivery.queue(), " ", Word(delivery.state()));
  if (delivery.delivery_attempt() > 1) {
    absl::StrAppend(&text, " at attempt ", delivery.delivery_attempt());
  }
  if (!delivery.reason().empty()) {
    absl::StrAppend(&text, " (", delivery.reason(), ")");
  }
  return text;
}

void AddDelivery(const v1::Delivery& delivery, const LocalClock& clock,
                 Record* record) {
  record->Add("queue", "queue", delivery.queue());
  record->Add("state", "state", Word(delivery.state()));
  const absl::Time since = FromProto(delivery.state_time());
  record->Add("state_time", "since", Iso(since), TimeText(since, clock));
  record->AddNumber("delivery_attempt", "attempts",
                    delivery.delivery_attempt());
  record->Add("consumer", "consumer", delivery.consumer());
  record->Add("reason", "because", delivery.reason());
  record->Add("detail", "history",
              absl::StrJoin(delivery.attempts(), "; ",
                            [&clock](std::string* text,
                                     const v1::DeliveryAttempt& attempt) {
                              text->append(AttemptText(attempt, clock));
                            }));
}

}  // namespace baton::cli
