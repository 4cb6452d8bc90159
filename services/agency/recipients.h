#ifndef BATON_SERVICES_AGENCY_RECIPIENTS_H_
#define BATON_SERVICES_AGENCY_RECIPIENTS_H_

#include <string>
#include <vector>

#include "baton/v1/config.pb.h"
#include "baton/v1/message.pb.h"
#include "google/protobuf/duration.pb.h"
#include "services/agency/office.h"
#include "services/common/agency.h"
#include "services/common/proto_time.h"

// Where what an agency raises goes, and whom to ring about it. Pure.
namespace baton {

inline void AddRecipient(const v1::Address& address, v1::RecipientRole role,
                         std::vector<v1::Recipient>* recipients) {
  for (const v1::Recipient& recipient : *recipients) {
    if (QueueName(recipient.address()) == QueueName(address)) return;
  }
  v1::Recipient& recipient = recipients->emplace_back();
  *recipient.mutable_address() = address;
  recipient.set_role(role);
}

// `acting` owes the next action, the others get a copy; each once.
template <typename Addresses>
std::vector<v1::Recipient> RecipientsOf(const v1::Address& acting,
                                        const Addresses& copies) {
  std::vector<v1::Recipient> recipients;
  AddRecipient(acting, v1::RECIPIENT_ROLE_ACTION, &recipients);
  for (const v1::Address& copy : copies) {
    AddRecipient(copy, v1::RECIPIENT_ROLE_COPY, &recipients);
  }
  return recipients;
}

// Options of an office whose configuration has numbers to ring (`phone`,
// `phones`), an alarm delay and desks. `config` must outlive the office.
template <typename Config>
Office::Options OfficeOptions(const Config& config) {
  Office::Options options = OfficeOptions(config.service());
  if (config.has_danger_alarm_delay()) {
    options.cases.danger_alarm_delay = FromProto(config.danger_alarm_delay());
  }
  options.cases.phone_for = [&config](const v1::Address& recipient) {
    for (const v1::PhoneConfig& entry : config.phones()) {
      if (entry.code() == recipient.agency().code()) return entry.phone();
    }
    return config.phone();
  };
  if (!config.desks().empty()) options.test_desk = config.desks(0);
  return options;
}

}  // namespace baton

#endif  // BATON_SERVICES_AGENCY_RECIPIENTS_H_
