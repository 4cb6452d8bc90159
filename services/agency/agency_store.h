#ifndef BATON_SERVICES_AGENCY_AGENCY_STORE_H_
#define BATON_SERVICES_AGENCY_AGENCY_STORE_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "storage/batch.h"
#include "storage/random.h"
#include "storage/store.h"
#include "storage/store_writer.h"

namespace baton {

// The disk of an agency service: a batch on top of a store, and records sealed
// under the service's disk key. Outbox, inbox and desk write into the same
// batch; one commit makes all of it durable before anybody is told.
//
// Not thread-safe: owned by the agency loop.
class AgencyStore {
 public:
  // `store` and `random` must outlive it. `disk_key` has 32 bytes.
  static absl::StatusOr<std::unique_ptr<AgencyStore>> Open(
      Store* store, std::string disk_key, RandomSource* random);

  Batch* batch() { return &batch_; }

  // The value as the coming commit will leave it.
  absl::StatusOr<std::optional<std::string>> Get(absl::string_view key) const;
  // Committed values only; for loading at start.
  const Reader& committed() const { return *store_; }

  // Commits what was gathered, if anything. After an error: stop.
  absl::Status Commit(absl::Time now);

  // Seals a record under `name`, which must be the key it is stored under.
  std::string Seal(absl::string_view name,
                   const google::protobuf::Message& record);
  // DATA_LOSS when damaged, or stored under another name.
  absl::Status Open(absl::string_view name, absl::string_view sealed,
                    google::protobuf::Message* record) const;

  // 32 letters that name `text` on disk and on the wire without telling it.
  std::string Pseudonym(absl::string_view text) const;

  // Keyed digest for comparing repeats.
  std::string Digest(const google::protobuf::Message& request) const;

 private:
  AgencyStore(Store* store, StoreWriter writer, std::string disk_key,
              RandomSource* random);

  Store* const store_;
  StoreWriter writer_;
  const std::string seal_key_;
  const std::string name_key_;
  RandomSource* const random_;
  Batch batch_;
};

}  // namespace baton

#endif  // BATON_SERVICES_AGENCY_AGENCY_STORE_H_
