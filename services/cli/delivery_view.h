#ifndef BATON_SERVICES_CLI_DELIVERY_VIEW_H_
#define BATON_SERVICES_CLI_DELIVERY_VIEW_H_

#include <string>

#include "baton/v1/tracking_service.pb.h"
#include "services/cli/output.h"
#include "services/cli/words.h"

namespace baton::cli {

// "council/E06000018/intake acknowledged at attempt 2 (the lease ran out)".
std::string DeliveryText(const v1::Delivery& delivery);

// What became of one copy: state, since when, who has it, every attempt.
void AddDelivery(const v1::Delivery& delivery, const LocalClock& clock,
                 Record* record);

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_DELIVERY_VIEW_H_
