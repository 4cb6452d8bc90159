#ifndef BATON_SERVICES_BROKER_LEAVES_H_
#define BATON_SERVICES_BROKER_LEAVES_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "services/broker/ledger.h"
#include "services/broker/queue.h"
#include "services/common/identity.h"

// Audit leaves that more than one decision writes. A leaf about a message's
// content begins with EntryFor (ledger.h).
namespace baton {

// Messages that one leaf names at most.
inline constexpr size_t kMaxIdsPerLeaf = 256;

// True for the codes by which a decision refuses; any other is the disk's.
bool IsRefusal(const absl::Status& status);

// "NOT_FOUND/Publish", with the reason behind it when there is one.
std::string CodeOf(const absl::Status& status, absl::string_view call);

// What happened to one copy; nobody caused what time did.
int64_t AppendEvent(Ledger* ledger, const std::optional<Identity>& caller,
                    const Queue& queue, const QueueEvent& event);

// A refusal.
void AppendDenied(Ledger* ledger, const std::optional<Identity>& caller,
                  std::string code);

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_LEAVES_H_
