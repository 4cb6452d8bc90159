#ifndef BATON_SERVICES_BROKER_HANDOVER_H_
#define BATON_SERVICES_BROKER_HANDOVER_H_

#include <vector>

#include "absl/status/statusor.h"
#include "baton/v1/agency.pb.h"
#include "baton/v1/broker_service.pb.h"
#include "services/broker/command.h"
#include "services/broker/directory.h"
#include "storage/store.h"
#include "storage/vault.h"

namespace baton {

// Leased messages as `recipient` gets them: opened, in its view, with the marks
// of this delivery. One for each of `handovers`, in their order; an error says
// that this one cannot be read. Thread-safe.
std::vector<absl::StatusOr<v1::ReceivedMessage>> OpenHandovers(
    const std::vector<Handover>& handovers, const v1::Agency& recipient,
    const Reader& reader, const Vault& vault, const Directory& directory);

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_HANDOVER_H_
