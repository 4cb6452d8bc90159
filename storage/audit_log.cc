#include "storage/audit_log.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/keys.h"
#include "storage/status.h"

// a/<first index>    := leaf+          the leaves of one commit, in order
//   leaf             := length byte*
//   length           := varint         7 bits a byte, lowest first
// t/<level>/<index>  := hash{1,256}    32 bytes each; exactly 256 at level 0

namespace baton {
namespace {

constexpr int kTileHeight = AuditLog::kTileHeight;
constexpr uint64_t kTileWidth = AuditLog::kTileWidth;
constexpr size_t kHashBytes = 32;
constexpr int kLevels = 64 / kTileHeight;
// Bounds the memory of a long read; one record is at most one commit.
constexpr size_t kRecordsPerScan = 16;

absl::Status Lost(absl::string_view what) {
  return absl::DataLossError(
      absl::StrCat("audit log: ", what, "; restore the newest backup"));
}

void AppendLeaf(absl::string_view leaf, std::string& record) {
  uint64_t length = leaf.size();
  for (; length >= 0x80; length >>= 7) {
    record.push_back(static_cast<char>(length | 0x80));
  }
  record.push_back(static_cast<char>(length));
  record.append(leaf.data(), leaf.size());
}

// Takes the first leaf off `record`. False when that is damaged.
bool TakeLeaf(absl::string_view& record, absl::string_view& leaf) {
  uint64_t length = 0;
  for (int shift = 0;; shift += 7) {
    if (record.empty() || shift > 28) return false;
    const uint8_t byte = record.front();
    record.remove_prefix(1);
    length |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) break;
  }
  if (length > record.size()) return false;
  leaf = record.substr(0, length);
  record.remove_prefix(length);
  return true;
}

// Adds the leaves of `record` from `start` on to `leaves`, up to `limit`, and
// moves `next` from the index of the record's first leaf behind its last.
absl::Status TakeLeaves(const KeyValue& record, uint64_t start, size_t limit,
                        uint64_t& next, std::vector<std::string>& leaves) {
  ASSIGN_OR_RETURN(const uint64_t first, SequenceOf(record.key));
  if (first != next) {
    return Lost(absl::StrCat("leaves ", next, " to ", first, " are missing"));
  }
  absl::string_view rest = record.value;
  do {
    absl::string_view leaf;
    if (!TakeLeaf(rest, leaf)) {
      return Lost(absl::StrCat("the record of leaf ", next, " is damaged"));
    }
    if (next >= start && leaves.size() < limit) leaves.emplace_back(leaf);
    ++next;
  } while (!rest.empty());
  return absl::OkStatus();
}

std::string Join(const std::vector<Hash>& hashes) {
  std::string bytes;
  bytes.reserve(hashes.size() * kHashBytes);
  for (const Hash& hash : hashes) {
    bytes.append(AsBytes(hash).data(), kHashBytes);
  }
  return bytes;
}

CompactRange RangeOver(const std::vector<Hash>& hashes) {
  CompactRange range;
  for (const Hash& hash : hashes) range.Append(hash);
  return range;
}

// `count` hashes of one tile, number `first` of its level being the first.
absl::StatusOr<std::vector<Hash>> HashesFromTile(const Reader& reader,
                                                 int level, uint64_t first,
                                                 uint64_t count) {
  const uint64_t index = first / kTileWidth;
  ASSIGN_OR_RETURN(const std::optional<std::string> tile,
                   reader.Get(TileKey(level, index)));
  const std::string name = absl::StrCat("tile ", level, "/", index);
  if (!tile.has_value()) return Lost(absl::StrCat(name, " is missing"));
  const uint64_t begin = first % kTileWidth;
  if (tile->size() < (begin + count) * kHashBytes) {
    return Lost(absl::StrCat(name, " is cut short"));
  }
  std::vector<Hash> hashes(count);
  for (uint64_t i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN(hashes[i], HashFromBytes(absl::string_view(*tile).substr(
                                    (begin + i) * kHashBytes, kHashBytes)));
  }
  return hashes;
}

absl::StatusOr<std::vector<Hash>> HashesFromLeaves(const Reader& reader,
                                                   uint64_t first,
                                                   uint64_t count) {
  ASSIGN_OR_RETURN(const std::vector<std::string> leaves,
                   ReadLeaves(reader, first, count));
  if (leaves.size() != count) {
    return Lost(
        absl::StrCat("leaves from ", first + leaves.size(), " on are missing"));
  }
  std::vector<Hash> hashes;
  for (const std::string& leaf : leaves) hashes.push_back(LeafHash(leaf));
  return hashes;
}

// `count` hashes of `level`, all of one tile, in a tree of `size` leaves.
absl::StatusOr<std::vector<Hash>> StoredHashes(const Reader& reader,
                                               uint64_t size, int level,
                                               uint64_t first, uint64_t count) {
  if (count == 0) return std::vector<Hash>();
  const bool in_tile = level > 0 || (first | (kTileWidth - 1)) < size;
  return in_tile ? HashesFromTile(reader, level, first, count)
                 : HashesFromLeaves(reader, first, count);
}

}  // namespace

absl::StatusOr<AuditLog> AuditLog::Open(const Reader& reader, uint64_t size,
                                        absl::string_view root) {
  AuditLog log;
  for (int level = 0; level < kLevels; ++level) {
    const uint64_t hashes = size >> (kTileHeight * level);
    if (hashes == 0) break;
    const uint64_t partial = hashes % kTileWidth;
    ASSIGN_OR_RETURN(
        log.edge_.emplace_back(),
        StoredHashes(reader, size, level, hashes - partial, partial));
  }
  std::vector<Hash> nodes;
  for (auto tile = log.edge_.rbegin(); tile != log.edge_.rend(); ++tile) {
    const CompactRange range = RangeOver(*tile);
    nodes.insert(nodes.end(), range.nodes().begin(), range.nodes().end());
  }
  log.range_ = CompactRange(size, std::move(nodes));
  if (size != 0 && AsBytes(log.Root()) != root) {
    return Lost(
        absl::StrCat("the leaves and tiles on disk do not give the "
                     "root of the head at tree size ",
                     size));
  }
  return log;
}

uint64_t AuditLog::Append(std::string leaf) {
  const Hash hash = LeafHash(leaf);
  range_.Append(hash);
  AppendHash(0, hash);
  pending_.push_back(std::move(leaf));
  return size() - 1;
}

void AuditLog::AppendHash(size_t level, const Hash& hash) {
  if (edge_.size() == level) edge_.emplace_back();
  std::vector<Hash>& tile = edge_[level];
  tile.push_back(hash);
  const bool full = tile.size() == kTileWidth;
  if (level > 0 || full) {
    const uint64_t index = (size() - 1) >> (kTileHeight * (level + 1));
    tiles_[TileKey(level, index)] = Join(tile);
  }
  if (!full) return;
  const Hash root = RangeOver(tile).Root();
  tile.clear();
  AppendHash(level + 1, root);
}

void AuditLog::Flush(Batch* batch) {
  if (pending_.empty()) return;
  std::string record;
  for (const std::string& leaf : pending_) AppendLeaf(leaf, record);
  batch->Put(LeavesKey(size() - pending_.size()), std::move(record));
  for (auto& [key, tile] : tiles_) batch->Put(key, std::move(tile));
  pending_.clear();
  tiles_.clear();
}

absl::StatusOr<std::vector<std::string>> ReadLeaves(const Reader& reader,
                                                    uint64_t start,
                                                    size_t limit) {
  std::vector<std::string> leaves;
  // The record that holds `start` is the last one at or before it.
  ASSIGN_OR_RETURN(
      std::vector<KeyValue> records,
      reader.Scan({AllLeaves().begin,
                   absl::StrCat(LeavesKey(start), absl::string_view("\0", 1))},
                  1, ScanOrder::kDescending));
  uint64_t next = 0;
  if (!records.empty()) {
    ASSIGN_OR_RETURN(next, SequenceOf(records[0].key));
  }
  while (true) {
    for (const KeyValue& record : records) {
      RETURN_IF_ERROR(TakeLeaves(record, start, limit, next, leaves));
    }
    if (leaves.size() >= limit) return leaves;
    ASSIGN_OR_RETURN(
        records, reader.Scan({LeavesKey(next), AllLeaves().end},
                             std::min(kRecordsPerScan, limit - leaves.size())));
    if (records.empty()) return leaves;
  }
}

SubtreeHasher StoredSubtrees(const Reader& reader, uint64_t size) {
  return [&reader, size](const Subtree& subtree) -> absl::StatusOr<Hash> {
    const auto [height, index] = subtree;
    if (height < 0 || height > 63 || index >= size >> height) {
      return absl::OutOfRangeError(
          absl::StrCat("subtree ", index, " of height ", height,
                       " is not complete in a ", "tree of ", size, " leaves"));
    }
    const int level = height / kTileHeight;
    const int rest = height % kTileHeight;
    ASSIGN_OR_RETURN(
        const std::vector<Hash> hashes,
        StoredHashes(reader, size, level, index << rest, uint64_t{1} << rest));
    return RangeOver(hashes).Root();
  };
}

}  // namespace baton
