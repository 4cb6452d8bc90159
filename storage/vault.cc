#include "storage/vault.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/crypto.h"
#include "storage/status.h"

// ring        := sector*            sector n is segment n's
//   sector    := body digest        512 bytes
//   body      := header nonce sealed(segment key) zero*
//   digest    := SHA-256 of body: tells damage from a wrong key
// segment     := header nonce sealed(key*kSlotsPerSegment)
// header      := magic number generation
//   magic     := "BVR1" in the ring, "BVS1" in a segment; the digit is the
//                version
//   number, generation: 8 bytes, big-endian
// sealed(x)   := AES-256-GCM with `header` as additional data; the ring's under
//                the key-encryption key, a segment's under its segment key

namespace baton {
namespace {

constexpr char kRing[] = "ring";
constexpr char kRingMagic[] = "BVR1";
constexpr char kSegmentMagic[] = "BVS1";
constexpr size_t kMagicBytes = 4;
constexpr size_t kHeaderBytes = kMagicBytes + 8 + 8;
constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;
constexpr size_t kKeyBytes = 32;
constexpr size_t kSectorBytes = 512;
constexpr size_t kBodyBytes = kSectorBytes - 32;
constexpr uint64_t kSlots = Vault::kSlotsPerSegment;
constexpr size_t kSegmentBytes =
    kHeaderBytes + kNonceBytes + kSlots * kKeyBytes + kTagBytes;

absl::Status Lost(absl::string_view what) {
  return absl::DataLossError(absl::StrCat(
      "vault: ", what,
      "; restore the newest backup of the vault and erase again what was "
      "erased since"));
}

// --- Slots.

size_t SegmentOf(uint64_t slot) { return (slot - 1) / kSlots; }
size_t OffsetOf(uint64_t slot) { return (slot - 1) % kSlots * kKeyBytes; }

void Wipe(std::string& secret, size_t begin, size_t count) {
  OPENSSL_cleanse(secret.data() + begin, count);
}

// --- Bytes.

std::string BigEndian(uint64_t value) {
  std::string bytes(8, '\0');
  for (int i = 7; i >= 0; --i, value >>= 8) bytes[i] = value & 0xff;
  return bytes;
}

std::string Header(absl::string_view magic, uint64_t number,
                   uint64_t generation) {
  return absl::StrCat(magic, BigEndian(number), BigEndian(generation));
}

std::string SealBlock(absl::string_view header, absl::string_view key,
                      absl::string_view plain, RandomSource* random) {
  const std::string nonce = random->Bytes(kNonceBytes);
  return absl::StrCat(header, nonce, GcmSeal(key, nonce, header, plain));
}

// What SealBlock sealed in the first bytes of `bytes`, `plain_size` long.
absl::StatusOr<std::string> OpenBlock(absl::string_view bytes,
                                      absl::string_view key,
                                      size_t plain_size) {
  return GcmOpen(
      key, bytes.substr(kHeaderBytes, kNonceBytes),
      bytes.substr(0, kHeaderBytes),
      bytes.substr(kHeaderBytes + kNonceBytes, plain_size + kTagBytes));
}

struct RingEntry {
  uint64_t generation;
  std::string segment_key;
};

std::string EncodeSector(size_t index, const RingEntry& entry,
                         absl::string_view key_encryption_key,
                         RandomSource* random) {
  std::string body = SealBlock(Header(kRingMagic, index, entry.generation),
                               key_encryption_key, entry.segment_key, random);
  body.resize(kBodyBytes);
  return absl::StrCat(body, AsBytes(Sha256(body)));
}

absl::StatusOr<RingEntry> DecodeSector(size_t index, absl::string_view sector,
                                       absl::string_view key_encryption_key) {
  const absl::string_view body = sector.substr(0, kBodyBytes);
  if (sector.size() != kSectorBytes ||
      AsBytes(Sha256(body)) != sector.substr(kBodyBytes)) {
    return Lost(absl::StrCat("sector ", index, " of the ring is damaged"));
  }
  if (!absl::StartsWith(body, kRingMagic)) {
    return absl::FailedPreconditionError(
        "vault: its format is not known to this release: run the newer one");
  }
  uint64_t generation = 0;
  for (const char c : body.substr(kHeaderBytes - 8, 8)) {
    generation = generation << 8 | static_cast<uint8_t>(c);
  }
  if (!absl::StartsWith(body, Header(kRingMagic, index, generation))) {
    return Lost(absl::StrCat("sector ", index, " of the ring is another's"));
  }
  absl::StatusOr<std::string> key =
      OpenBlock(body, key_encryption_key, kKeyBytes);
  if (!key.ok()) {
    return absl::FailedPreconditionError(
        "vault: the key-encryption key is not the one that the vault was made "
        "with: configure that one");
  }
  return RingEntry{generation, *std::move(key)};
}

std::string SegmentName(size_t index, uint64_t generation) {
  return absl::StrCat("segment-", index, ".", generation);
}

bool IsSegment(absl::string_view name) {
  return absl::StartsWith(name, "segment-");
}

// --- Files.

absl::Status FromDisk(const rocksdb::IOStatus& io, absl::string_view what,
                      const std::string& path) {
  if (io.ok()) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat("vault: cannot ", what, " ", path, ": ", io.ToString()));
}

absl::Status WriteNewFile(rocksdb::FileSystem* file_system,
                          const std::string& path, const std::string& bytes) {
  const rocksdb::IOOptions options;
  std::unique_ptr<rocksdb::FSWritableFile> file;
  RETURN_IF_ERROR(FromDisk(file_system->NewWritableFile(
                               path, rocksdb::FileOptions(), &file, nullptr),
                           "make", path));
  RETURN_IF_ERROR(
      FromDisk(file->Append(bytes, options, nullptr), "write", path));
  RETURN_IF_ERROR(FromDisk(file->Fsync(options, nullptr), "sync", path));
  return FromDisk(file->Close(options, nullptr), "close", path);
}

// Writes `bytes` (none: only syncs) into a file that exists.
absl::Status WriteInPlace(rocksdb::FileSystem* file_system,
                          const std::string& path, uint64_t offset,
                          const std::string& bytes) {
  const rocksdb::IOOptions options;
  std::unique_ptr<rocksdb::FSRandomRWFile> file;
  RETURN_IF_ERROR(FromDisk(file_system->NewRandomRWFile(
                               path, rocksdb::FileOptions(), &file, nullptr),
                           "open", path));
  if (!bytes.empty()) {
    RETURN_IF_ERROR(
        FromDisk(file->Write(offset, bytes, options, nullptr), "write", path));
  }
  RETURN_IF_ERROR(FromDisk(file->Fsync(options, nullptr), "sync", path));
  return FromDisk(file->Close(options, nullptr), "close", path);
}

absl::Status SyncDirectory(rocksdb::FileSystem* file_system,
                           const std::string& path) {
  const rocksdb::IOOptions options;
  std::unique_ptr<rocksdb::FSDirectory> directory;
  RETURN_IF_ERROR(
      FromDisk(file_system->NewDirectory(path, options, &directory, nullptr),
               "open", path));
  return FromDisk(directory->Fsync(options, nullptr), "sync", path);
}

absl::StatusOr<std::set<std::string>> FilesIn(rocksdb::FileSystem* file_system,
                                              const std::string& directory) {
  std::vector<std::string> names;
  RETURN_IF_ERROR(
      FromDisk(file_system->GetChildren(directory, rocksdb::IOOptions(), &names,
                                        nullptr),
               "list", directory));
  return std::set<std::string>(names.begin(), names.end());
}

absl::StatusOr<std::string> ReadFile(rocksdb::FileSystem* file_system,
                                     const std::string& path) {
  std::string bytes;
  RETURN_IF_ERROR(FromDisk(rocksdb::ReadFileToString(file_system, path, &bytes),
                           "read", path));
  return bytes;
}

std::string ParentOf(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path();
  return parent.empty() ? "." : parent;
}

}  // namespace

Vault::Vault(rocksdb::FileSystem* file_system, std::string directory,
             std::string key_encryption_key, uint64_t next_slot,
             RandomSource* random)
    : file_system_(file_system),
      directory_(std::move(directory)),
      key_encryption_key_(std::move(key_encryption_key)),
      random_(random),
      next_slot_(std::max<uint64_t>(next_slot, 1)) {}

absl::StatusOr<std::unique_ptr<Vault>> Vault::Open(
    rocksdb::FileSystem* file_system, std::string directory,
    std::string key_encryption_key, uint64_t next_slot, RandomSource* random) {
  if (key_encryption_key.size() != kKeyBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("vault: a key-encryption key has 32 bytes, not ",
                     key_encryption_key.size()));
  }
  auto vault = absl::WrapUnique(new Vault(file_system, std::move(directory),
                                          std::move(key_encryption_key),
                                          next_slot, random));
  RETURN_IF_ERROR(vault->CreateIfMissing());
  RETURN_IF_ERROR(vault->Load());
  RETURN_IF_ERROR(vault->RemoveUnnamedFiles());
  return vault;
}

absl::Status Vault::CreateIfMissing() {
  const rocksdb::IOOptions options;
  RETURN_IF_ERROR(
      FromDisk(file_system_->CreateDirIfMissing(directory_, options, nullptr),
               "make", directory_));
  ASSIGN_OR_RETURN(const std::set<std::string> files,
                   FilesIn(file_system_, directory_));
  if (!files.contains(kRing)) {
    // The ring is made before any segment and never removed.
    if (next_slot_ > 1 || std::any_of(files.begin(), files.end(), IsSegment)) {
      return Lost("the ring is missing");
    }
    RETURN_IF_ERROR(WriteNewFile(file_system_, Path(kRing), ""));
  }
  // Each time: the process may have died between making and syncing them.
  RETURN_IF_ERROR(SyncDirectory(file_system_, directory_));
  return SyncDirectory(file_system_, ParentOf(directory_));
}

absl::Status Vault::Load() {
  ASSIGN_OR_RETURN(const std::string ring, ReadFile(file_system_, Path(kRing)));
  const size_t named = next_slot_ == 1 ? 0 : SegmentOf(next_slot_ - 1) + 1;
  std::vector<Segment> segments;
  for (size_t i = 0; i * kSectorBytes < ring.size(); ++i) {
    const absl::StatusOr<RingEntry> entry = DecodeSector(
        i, absl::string_view(ring).substr(i * kSectorBytes, kSectorBytes),
        key_encryption_key_);
    // A crash cut the making of this segment short: it is made anew.
    if (absl::IsDataLoss(entry.status()) && i >= named) break;
    RETURN_IF_ERROR(entry.status());
    ASSIGN_OR_RETURN(segments.emplace_back(),
                     LoadSegment(i, entry->generation, entry->segment_key));
  }
  if (segments.size() < named) {
    return Lost(absl::StrCat("the ring has ", segments.size(), " of the ",
                             named, " segments that records name"));
  }
  MutexLock lock(&mu_);
  segments_ = std::move(segments);
  return absl::OkStatus();
}

absl::StatusOr<Vault::Segment> Vault::LoadSegment(
    size_t index, uint64_t generation, absl::string_view segment_key) const {
  const std::string name = SegmentName(index, generation);
  const std::string path = Path(name);
  if (file_system_->FileExists(path, rocksdb::IOOptions(), nullptr)
          .IsNotFound()) {
    return Lost(absl::StrCat(name, " is missing"));
  }
  ASSIGN_OR_RETURN(const std::string bytes, ReadFile(file_system_, path));
  const std::string header = Header(kSegmentMagic, index, generation);
  if (absl::StartsWith(bytes, header) && bytes.size() == kSegmentBytes) {
    auto keys = OpenBlock(bytes, segment_key, kSlots * kKeyBytes);
    if (keys.ok()) return Segment{generation, *std::move(keys)};
  }
  return Lost(absl::StrCat(name, " is damaged"));
}

absl::Status Vault::RemoveUnnamedFiles() {
  // After a crash of the process alone, the ring just read may not be on disk
  // yet; the generation it replaced must not go before it is.
  RETURN_IF_ERROR(WriteInPlace(file_system_, Path(kRing), 0, ""));
  ASSIGN_OR_RETURN(std::set<std::string> files,
                   FilesIn(file_system_, directory_));
  {
    MutexLock lock(&mu_);
    for (size_t i = 0; i < segments_.size(); ++i) {
      files.erase(SegmentName(i, segments_[i].generation));
    }
  }
  for (const std::string& name : files) {
    if (!IsSegment(name)) continue;
    const std::string path = Path(name);
    RETURN_IF_ERROR(
        FromDisk(file_system_->DeleteFile(path, rocksdb::IOOptions(), nullptr),
                 "remove", path));
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> Vault::Allocate() {
  while (true) {
    if (SegmentOf(next_slot_) == segment_count()) RETURN_IF_ERROR(AddSegment());
    const uint64_t slot = next_slot_++;
    // Slots that records no longer name, after a restore, may be erased.
    MutexLock lock(&mu_);
    if (!KeyOf(slot).empty()) return slot;
  }
}

absl::StatusOr<std::string> Vault::Key(uint64_t slot) const {
  MutexLock lock(&mu_);
  const absl::string_view key = KeyOf(slot);
  if (!key.empty()) return std::string(key);
  return absl::NotFoundError(
      absl::StrCat("vault: slot ", slot, " was erased or never made"));
}

absl::Status Vault::Erase(uint64_t slot) {
  const size_t index = SegmentOf(slot);
  Segment segment;
  {
    MutexLock lock(&mu_);
    if (slot == 0 || index >= segments_.size()) {
      return absl::NotFoundError(
          absl::StrCat("vault: slot ", slot, " was never made"));
    }
    if (KeyOf(slot).empty()) return absl::OkStatus();
    segment = segments_[index];
  }
  const std::string old_path = Path(SegmentName(index, segment.generation));
  ++segment.generation;
  Wipe(segment.keys, OffsetOf(slot), kKeyBytes);
  const absl::Status written = WriteSegment(index, segment);
  if (written.ok()) {
    MutexLock lock(&mu_);
    std::swap(segments_[index], segment);
  }
  Wipe(segment.keys, 0, segment.keys.size());
  RETURN_IF_ERROR(written);
  return FromDisk(
      file_system_->DeleteFile(old_path, rocksdb::IOOptions(), nullptr),
      "remove", old_path);
}

absl::Status Vault::AddSegment() {
  Segment segment{1, random_->Bytes(kSlots * kKeyBytes)};
  RETURN_IF_ERROR(WriteSegment(segment_count(), segment));
  MutexLock lock(&mu_);
  segments_.push_back(std::move(segment));
  return absl::OkStatus();
}

absl::Status Vault::WriteSegment(size_t index, const Segment& segment) {
  if (failure_.ok()) failure_ = WriteSegmentFiles(index, segment);
  return failure_;
}

absl::Status Vault::WriteSegmentFiles(size_t index, const Segment& segment) {
  RingEntry entry{segment.generation, random_->Bytes(kKeyBytes)};
  const std::string sector =
      EncodeSector(index, entry, key_encryption_key_, random_);
  const std::string bytes =
      SealBlock(Header(kSegmentMagic, index, segment.generation),
                entry.segment_key, segment.keys, random_);
  Wipe(entry.segment_key, 0, kKeyBytes);
  RETURN_IF_ERROR(WriteNewFile(
      file_system_, Path(SegmentName(index, segment.generation)), bytes));
  RETURN_IF_ERROR(SyncDirectory(file_system_, directory_));
  return WriteInPlace(file_system_, Path(kRing), index * kSectorBytes, sector);
}

absl::string_view Vault::KeyOf(uint64_t slot) const {
  if (slot == 0 || SegmentOf(slot) >= segments_.size()) return {};
  const absl::string_view keys = segments_[SegmentOf(slot)].keys;
  const absl::string_view key = keys.substr(OffsetOf(slot), kKeyBytes);
  const bool erased =
      std::all_of(key.begin(), key.end(), [](char c) { return c == 0; });
  return erased ? absl::string_view() : key;
}

size_t Vault::segment_count() const {
  MutexLock lock(&mu_);
  return segments_.size();
}

std::string Vault::Path(absl::string_view name) const {
  return absl::StrCat(directory_, "/", name);
}

}  // namespace baton
