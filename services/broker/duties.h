#ifndef BATON_SERVICES_BROKER_DUTIES_H_
#define BATON_SERVICES_BROKER_DUTIES_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "baton/v1/agency.pb.h"
#include "baton/v1/conversation.pb.h"
#include "services/broker/custody.h"

// What others than the holder owe on a matter: to take a recall, to answer for
// a homeless young person. Duties stay where they are, whoever holds it. Pure.
namespace baton {

inline constexpr int kMaxDuties = 64;

// Adds the duty, in the place of one that is met when there are kMaxDuties.
// False when this party has the very duty already, and it is not met.
bool AddDuty(v1::DutyCode code, const v1::Address& address,
             const std::string& message_id, absl::Time now, v1::Matter* matter);

// RESOURCE_EXHAUSTED unless `count` more can be open at once.
absl::Status CheckRoomForDuties(const v1::Matter& matter, size_t count);

inline constexpr int kHolders = -1;

// Whose receipts a Taken or Decision makes: kHolders, or the place of a duty;
// nullopt when the sayer has neither. A party may have both; the desk, or what
// it replies to, tells them apart.
std::optional<int> WhoseReceipts(const v1::Matter& matter,
                                 const v1::Taken& taken, const Saying& saying);
std::optional<int> WhoseReceipts(const v1::Matter& matter,
                                 const v1::Decision& decision,
                                 const Saying& saying);

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_DUTIES_H_
