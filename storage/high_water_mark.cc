#include "storage/high_water_mark.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "storage/crypto.h"
#include "storage/status.h"

// The file:
//   mark   := slot slot                        each kSlotBytes long
//   slot   := length:byte digest head zero*    digest = SHA-256(head)
//   head   := HeadRecord, commit 0 for "none yet"
namespace baton {
namespace {

// A page, so that a torn write of one slot cannot reach the other.
constexpr size_t kSlotBytes = 4096;
constexpr size_t kSlotCount = 2;
constexpr size_t kDigestBytes = 32;
constexpr size_t kHeaderBytes = 1 + kDigestBytes;

absl::Status Failed(absl::string_view action, const rocksdb::IOStatus& status) {
  return absl::UnavailableError(absl::StrCat(
      "cannot ", action, " the high-water mark: ", status.ToString()));
}

absl::StatusOr<std::string> EncodeSlot(const v1::HeadRecord& head) {
  const std::string bytes = head.SerializeAsString();
  if (bytes.size() > 255) {
    return absl::InvalidArgumentError(
        absl::StrCat("head of ", bytes.size(), " bytes; at most 255"));
  }
  const Hash digest = Sha256(bytes);
  return absl::StrCat(std::string(1, static_cast<char>(bytes.size())),
                      AsBytes(digest), bytes);
}

// The head in `slot`, or nullopt when the slot is damaged.
std::optional<v1::HeadRecord> DecodeSlot(absl::string_view slot) {
  const size_t length = static_cast<uint8_t>(slot[0]);
  const absl::string_view bytes = slot.substr(kHeaderBytes, length);
  const Hash digest = Sha256(bytes);
  v1::HeadRecord head;
  if (slot.substr(1, kDigestBytes) != AsBytes(digest) ||
      !head.ParseFromString(std::string(bytes))) {
    return std::nullopt;
  }
  return head;
}

// Both slots say "none yet". Renamed into place when it is whole and synced.
absl::Status Create(rocksdb::FileSystem* file_system, const std::string& path) {
  const rocksdb::IOOptions options;
  ASSIGN_OR_RETURN(std::string slot, EncodeSlot(v1::HeadRecord()));
  slot.resize(kSlotBytes);
  const std::string temporary = path + ".new";
  rocksdb::IOStatus status = rocksdb::WriteStringToFile(
      file_system, absl::StrCat(slot, slot), temporary, /*should_sync=*/true);
  if (status.ok()) {
    status = file_system->RenameFile(temporary, path, options, nullptr);
  }
  std::unique_ptr<rocksdb::FSDirectory> directory;
  if (status.ok()) {
    const std::string parent = path.substr(0, path.rfind('/'));
    status = file_system->NewDirectory(parent, options, &directory, nullptr);
  }
  if (status.ok()) status = directory->Fsync(options, nullptr);
  return status.ok() ? absl::OkStatus() : Failed("create", status);
}

absl::Status CreateIfMissing(rocksdb::FileSystem* file_system,
                             const std::string& path) {
  const rocksdb::IOStatus status =
      file_system->FileExists(path, rocksdb::IOOptions(), nullptr);
  if (status.IsNotFound()) return Create(file_system, path);
  return status.ok() ? absl::OkStatus() : Failed("find", status);
}

using Slots = std::array<std::optional<v1::HeadRecord>, kSlotCount>;

absl::StatusOr<Slots> ReadSlots(const rocksdb::FSRandomRWFile& file) {
  char scratch[kSlotBytes * kSlotCount];
  rocksdb::Slice content;
  const rocksdb::IOStatus status = file.Read(
      0, sizeof(scratch), rocksdb::IOOptions(), &content, scratch, nullptr);
  if (!status.ok()) return Failed("read", status);
  if (content.size() < sizeof(scratch)) return Slots();
  const absl::string_view bytes(content.data(), content.size());
  return Slots{DecodeSlot(bytes.substr(0, kSlotBytes)),
               DecodeSlot(bytes.substr(kSlotBytes))};
}

// The slot with the newest head, or -1 when all are damaged.
int NewestSlot(const Slots& slots) {
  int newest = -1;
  for (size_t i = 0; i < kSlotCount; ++i) {
    if (!slots[i].has_value()) continue;
    if (newest < 0 || slots[i]->commit() > slots[newest]->commit()) newest = i;
  }
  return newest;
}

}  // namespace

absl::StatusOr<HighWaterMark> HighWaterMark::Open(
    rocksdb::FileSystem* file_system, const std::string& path) {
  RETURN_IF_ERROR(CreateIfMissing(file_system, path));
  std::unique_ptr<rocksdb::FSRandomRWFile> file;
  const rocksdb::IOStatus status = file_system->NewRandomRWFile(
      path, rocksdb::FileOptions(), &file, nullptr);
  if (!status.ok()) return Failed("open", status);
  ASSIGN_OR_RETURN(Slots slots, ReadSlots(*file));
  const int newest = NewestSlot(slots);
  if (newest < 0) {
    return absl::DataLossError(absl::StrCat(
        "the high-water mark ", path,
        " is damaged, so nobody can tell whether the database beside it is "
        "complete: restore the newest backup into an empty directory; or, if "
        "the database is known to be complete, move this file away"));
  }
  std::optional<v1::HeadRecord> mark = std::move(slots[newest]);
  if (mark->commit() == 0) mark.reset();
  return HighWaterMark(std::move(file), std::move(mark),
                       (newest + 1) % kSlotCount);
}

absl::Status HighWaterMark::Advance(const v1::HeadRecord& head) {
  ASSIGN_OR_RETURN(const std::string slot, EncodeSlot(head));
  const rocksdb::IOStatus status = file_->Write(next_slot_ * kSlotBytes, slot,
                                                rocksdb::IOOptions(), nullptr);
  if (!status.ok()) return Failed("write", status);
  mark_ = head;
  next_slot_ = (next_slot_ + 1) % kSlotCount;
  return absl::OkStatus();
}

absl::Status HighWaterMark::Sync() {
  const rocksdb::IOStatus status = file_->Sync(rocksdb::IOOptions(), nullptr);
  return status.ok() ? absl::OkStatus() : Failed("sync", status);
}

}  // namespace baton
