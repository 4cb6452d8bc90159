#ifndef BATON_SERVICES_BROKER_DELIVERIES_H_
#define BATON_SERVICES_BROKER_DELIVERIES_H_

#include <string>

#include "baton/v1/record.pb.h"
#include "baton/v1/tracking_service.pb.h"

// What became of a copy, as people are shown it. Pure.
namespace baton {

// Without consumer and attempts.
v1::Delivery ToDelivery(const std::string& queue,
                        const v1::DeliveryRecord& record);

// Who has or had it, and every attempt that is kept.
void AddHistory(const v1::DeliveryRecord& record, v1::Delivery* delivery);

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_DELIVERIES_H_
