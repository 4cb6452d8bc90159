#ifndef BATON_SERVICES_AGENCY_DOCUMENT_SHELF_H_
#define BATON_SERVICES_AGENCY_DOCUMENT_SHELF_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "baton/v1/message.pb.h"
#include "baton/v1/record.pb.h"
#include "services/agency/agency_store.h"
#include "services/common/clock.h"
#include "services/common/media_type.h"
#include "storage/crypto.h"

namespace baton {

// Documents on their way from an agency to the exchange: their bytes, sealed,
// on this disk.
//
//   Begin -> Add ... -> whole, digest right -> Keep (an outbox entry owns it)
//                  \-> Remove: wrong, broken off, standing still, restarted
//
// Guarantee: what is kept is whole and has its SHA-256; what is not leaves
// nothing behind. All bytes together are bounded, counted as declared from
// Begin on. Of a document that arrives at most two chunks are in memory.
//
// What a call changes it writes into the AgencyStore's batch. Not thread-safe:
// owned by the agency loop, but for Read().
class DocumentShelf {
 public:
  static constexpr int64_t kChunkBytes = 256 << 10;
  static constexpr int64_t kMaxDocumentBytes = 20 << 20;
  // Documents that arrive at once.
  static constexpr size_t kMaxArriving = 8;
  // One that stands still for so long is given up.
  static constexpr absl::Duration kMaxPause = absl::Minutes(5);

  struct Limits {
    int64_t max_document_bytes = kMaxDocumentBytes;
    int64_t max_held_bytes = int64_t{1} << 30;
    std::vector<std::string> media_types = DefaultMediaTypes();
  };

  // Loads what is kept and removes what had not all arrived. `store` must
  // outlive the shelf.
  static absl::StatusOr<std::unique_ptr<DocumentShelf>> Open(AgencyStore* store,
                                                             Limits limits);

  const Limits& limits() const { return limits_; }

  // Makes room for a document of a checked declaration; its number.
  // RESOURCE_EXHAUSTED when kMaxArriving arrive or max_held_bytes are held.
  absl::StatusOr<uint64_t> Begin(const v1::Attachment& declared, Instant now);
  // Takes its next bytes; true when these were the last. After an error it is
  // gone: INVALID_ARGUMENT (too many; reason ATTACHMENT_TYPE or
  // ATTACHMENT_DIGEST), ABORTED when it was given up before.
  absl::StatusOr<bool> Add(uint64_t number, absl::string_view bytes,
                           Instant now);
  // The whole document is owned by an outbox entry from now on.
  void Keep(uint64_t number, uint64_t outbox_id);
  // Whatever there is of it; nothing when there is none.
  void Remove(uint64_t number);
  // Gives up what stands still.
  void Sweep(Instant now);

  // What is kept: the outbox entry of each document.
  const std::map<uint64_t, uint64_t>& kept() const { return kept_; }
  // Bytes that are kept or promised to those that arrive.
  int64_t held_bytes() const { return held_bytes_; }

  // Of a committed document, the bytes from `offset` to the end of their
  // chunk. NOT_FOUND when it is gone, DATA_LOSS when damaged. Thread-safe.
  absl::StatusOr<std::string> Read(uint64_t number, int64_t offset) const;

 private:
  struct Arriving {
    v1::Attachment declared;
    absl::Duration last_bytes;  // When they came, on the steady clock.
    Sha256Stream digest;
    std::string bytes;  // Less than a chunk, not stored yet.
    int64_t stored_bytes = 0;
  };

  DocumentShelf(AgencyStore* store, Limits limits)
      : store_(store), limits_(std::move(limits)) {}

  absl::Status Load();
  void Write(uint64_t number, const v1::Attachment& declared,
             uint64_t outbox_id);
  absl::StatusOr<bool> Take(uint64_t number, absl::string_view bytes,
                            Arriving* document);
  absl::Status StoreChunk(uint64_t number, Arriving* document);

  AgencyStore* const store_;
  const Limits limits_;

  uint64_t last_number_ = 0;
  int64_t held_bytes_ = 0;
  std::map<uint64_t, Arriving> arriving_;
  std::map<uint64_t, uint64_t> kept_;
  std::map<uint64_t, int64_t> sizes_;  // As declared, of all of them.
};

}  // namespace baton

#endif  // BATON_SERVICES_AGENCY_DOCUMENT_SHELF_H_
