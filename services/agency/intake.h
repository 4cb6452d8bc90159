#ifndef BATON_SERVICES_AGENCY_INTAKE_H_
#define BATON_SERVICES_AGENCY_INTAKE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "baton/v1/record.pb.h"
#include "services/agency/agency_store.h"

namespace baton {

// The matters that arrived at an agency: a sealed record each on disk, and in
// memory only their ids in the order of arrival (about 100 bytes a matter).
//
// Writes go into the AgencyStore's batch. Not thread-safe: owned by the agency
// loop.
class Intake {
 public:
  // Reads every record once, shows it to `visit`, and keeps the order. `store`
  // must outlive the intake. DATA_LOSS when a record is damaged.
  static absl::StatusOr<std::unique_ptr<Intake>> Open(
      AgencyStore* store,
      const std::function<void(const v1::IntakeRecord&)>& visit);

  // nullopt when no message about this matter has arrived.
  absl::StatusOr<std::optional<v1::IntakeRecord>> Find(
      absl::string_view matter_id) const;

  // Stores `record`; one without a number is new and gets the next.
  void Write(v1::IntakeRecord* record);

  // The first `limit` numbers above `after`; decided matters only when
  // `include_decided`.
  std::vector<uint64_t> Numbers(uint64_t after, size_t limit,
                                bool include_decided) const;
  // Conversations with matters that nobody has decided as far as the exchange
  // was heard, newest first, each once.
  std::vector<std::string> OpenConversations(size_t limit) const;
  // `number` must be one that Numbers gave.
  absl::StatusOr<v1::IntakeRecord> Read(uint64_t number) const;

 private:
  explicit Intake(AgencyStore* store) : store_(store) {}
  void Index(const v1::IntakeRecord& record);

  AgencyStore* const store_;
  std::map<uint64_t, std::string> matter_ids_;
  std::set<uint64_t> undecided_;
  std::set<uint64_t> open_;  // Not decided as far as the exchange was heard.
};

}  // namespace baton

#endif  // BATON_SERVICES_AGENCY_INTAKE_H_
