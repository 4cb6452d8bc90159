#include "services/agency/document_shelf.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/faults.h"
#include "storage/keys.h"
#include "storage/status.h"

namespace baton {
namespace {

constexpr size_t kLoadPage = 1000;

uint32_t ChunkNumber(int64_t offset) {
  return static_cast<uint32_t>(offset / DocumentShelf::kChunkBytes);
}

absl::Status TooLong() {
  Faults faults;
  faults.Add("chunk", "the document is longer than its size_bytes");
  return faults.ToStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<DocumentShelf>> DocumentShelf::Open(
    AgencyStore* store, Limits limits) {
  std::unique_ptr<DocumentShelf> shelf(
      new DocumentShelf(store, std::move(limits)));
  RETURN_IF_ERROR(shelf->Load());
  return shelf;
}

absl::Status DocumentShelf::Load() {
  KeyRange range = HeldDocuments();
  while (true) {
    ASSIGN_OR_RETURN(const std::vector<KeyValue> page,
                     store_->committed().Scan(range, kLoadPage));
    for (const KeyValue& pair : page) {
      ASSIGN_OR_RETURN(last_number_, SequenceOf(pair.key));
      v1::HeldDocumentRecord record;
      RETURN_IF_ERROR(store_->Open(pair.key, pair.value, &record));
      sizes_[last_number_] = record.attachment().size_bytes();
      held_bytes_ += record.attachment().size_bytes();
      if (record.outbox_id() == 0) {
        Remove(last_number_);
      } else {
        kept_[last_number_] = record.outbox_id();
      }
    }
    if (page.size() < kLoadPage) return absl::OkStatus();
    range.begin = page.back().key + '\0';
  }
}

void DocumentShelf::Write(uint64_t number, const v1::Attachment& declared,
                          uint64_t outbox_id) {
  v1::HeldDocumentRecord record;
  *record.mutable_attachment() = declared;
  record.set_outbox_id(outbox_id);
  const std::string key = HeldDocumentKey(number);
  store_->batch()->Put(key, store_->Seal(key, record));
}

absl::StatusOr<uint64_t> DocumentShelf::Begin(const v1::Attachment& declared,
                                              Instant now) {
  if (arriving_.size() >= kMaxArriving) {
    return LimitReached("arriving documents",
                        absl::StrCat(kMaxArriving, " documents arrive already"),
                        absl::Seconds(10));
  }
  if (held_bytes_ + declared.size_bytes() > limits_.max_held_bytes) {
    return LimitReached(
        "max_held_bytes",
        absl::StrCat("this machine holds ", held_bytes_,
                     " bytes of documents that the exchange has not taken; at "
                     "most ",
                     limits_.max_held_bytes),
        absl::Minutes(1));
  }
  const uint64_t number = ++last_number_;
  sizes_[number] = declared.size_bytes();
  held_bytes_ += declared.size_bytes();
  Arriving& document = arriving_[number];
  document.declared = declared;
  document.last_bytes = now.steady;
  Write(number, declared, /*outbox_id=*/0);
  return number;
}

absl::StatusOr<bool> DocumentShelf::Add(uint64_t number,
                                        absl::string_view bytes, Instant now) {
  const auto found = arriving_.find(number);
  if (found == arriving_.end()) {
    return absl::AbortedError(
        "the document stood still for too long and was given up: send it "
        "again");
  }
  found->second.last_bytes = now.steady;
  absl::StatusOr<bool> whole = Take(number, bytes, &found->second);
  if (!whole.ok()) Remove(number);
  return whole;
}

absl::StatusOr<bool> DocumentShelf::Take(uint64_t number,
                                         absl::string_view bytes,
                                         Arriving* document) {
  const int64_t size = document->declared.size_bytes();
  document->bytes.append(bytes.data(), bytes.size());
  document->digest.Update(bytes);
  if (document->stored_bytes + static_cast<int64_t>(document->bytes.size()) >
      size) {
    return TooLong();
  }
  while (document->stored_bytes < size &&
         static_cast<int64_t>(document->bytes.size()) >=
             std::min(kChunkBytes, size - document->stored_bytes)) {
    RETURN_IF_ERROR(StoreChunk(number, document));
  }
  if (document->stored_bytes < size) return false;
  if (AsBytes(document->digest.Finish()) != document->declared.sha256()) {
    return WithReason(
        absl::InvalidArgumentError("the document's bytes do not have the "
                                   "declared SHA-256; none were kept: send it "
                                   "again from the start"),
        "ATTACHMENT_DIGEST");
  }
  return true;
}

absl::Status DocumentShelf::StoreChunk(uint64_t number, Arriving* document) {
  const int64_t at = document->stored_bytes;
  v1::DocumentChunkRecord chunk;
  chunk.set_content(document->bytes.substr(0, kChunkBytes));
  if (at == 0) {
    RETURN_IF_ERROR(
        CheckSignature(document->declared.media_type(), chunk.content()));
  }
  const std::string key = HeldChunkKey(number, ChunkNumber(at));
  store_->batch()->Put(key, store_->Seal(key, chunk));
  document->bytes.erase(0, chunk.content().size());
  document->stored_bytes += static_cast<int64_t>(chunk.content().size());
  return absl::OkStatus();
}

void DocumentShelf::Keep(uint64_t number, uint64_t outbox_id) {
  const auto found = arriving_.find(number);
  if (found == arriving_.end()) return;
  Write(number, found->second.declared, outbox_id);
  kept_[number] = outbox_id;
  arriving_.erase(found);
}

// Key by key: a step may remove what it has just written, which a range of one
// batch must not.
void DocumentShelf::Remove(uint64_t number) {
  const auto size = sizes_.find(number);
  if (size == sizes_.end()) return;
  store_->batch()->Delete(HeldDocumentKey(number));
  for (int64_t at = 0; at < size->second; at += kChunkBytes) {
    store_->batch()->Delete(HeldChunkKey(number, ChunkNumber(at)));
  }
  held_bytes_ -= size->second;
  sizes_.erase(size);
  arriving_.erase(number);
  kept_.erase(number);
}

void DocumentShelf::Sweep(Instant now) {
  std::vector<uint64_t> still;
  for (const auto& [number, document] : arriving_) {
    if (document.last_bytes + kMaxPause <= now.steady) still.push_back(number);
  }
  for (const uint64_t number : still) Remove(number);
}

absl::StatusOr<std::string> DocumentShelf::Read(uint64_t number,
                                                int64_t offset) const {
  const std::string key = HeldChunkKey(number, ChunkNumber(offset));
  ASSIGN_OR_RETURN(const std::optional<std::string> sealed,
                   store_->committed().Get(key));
  if (!sealed.has_value()) {
    return absl::NotFoundError("the document is not held here any more");
  }
  v1::DocumentChunkRecord chunk;
  RETURN_IF_ERROR(store_->Open(key, *sealed, &chunk));
  const size_t begin = static_cast<size_t>(offset % kChunkBytes);
  if (begin >= chunk.content().size()) {
    return absl::OutOfRangeError("the document ends before this");
  }
  return chunk.content().substr(begin);
}

}  // namespace baton
