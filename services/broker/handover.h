#ifndef BATON_SERVICES_BROKER_HANDOVER_H_
#define BATON_SERVICES_BROKER_HANDOVER_H_

#include "absl/status/statusor.h"
#include "baton/v1/agency.pb.h"
#include "baton/v1/broker_service.pb.h"
#include "services/broker/command.h"
#include "services/broker/directory.h"
#include "storage/store.h"
#include "storage/vault.h"

namespace baton {

// A leased message as `recipient` gets it: opened, in its view, with the marks
// of this delivery. An error says that it cannot be read. Thread-safe.
absl::StatusOr<v1::ReceivedMessage> OpenHandover(const Handover& handover,
                                                 const v1::Agency& recipient,
                                                 const Reader& reader,
                                                 const Vault& vault,
                                                 const Directory& directory);

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_HANDOVER_H_
