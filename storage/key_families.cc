#include "storage/key_families.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <memory>
#include <utility>

#include "rocksdb/memtablerep.h"
#include "rocksdb/slice_transform.h"
#include "rocksdb/table.h"
#include "storage/keys.h"

namespace baton {
namespace {

constexpr size_t kAppendedBlockBytes = 16 << 10;
// As many buckets as a full write buffer holds messages of this size.
constexpr size_t kBytesPerBucket = 1 << 10;

enum class Order { kAppended, kRandom };

struct Kind {
  char letter;
  const char* name;
  Order order;
};

// In the order of their letters.
constexpr Kind kKinds[] = {{'a', "leaves", Order::kAppended},
                           {'i', "idempotency", Order::kRandom},
                           {'m', "messages", Order::kAppended}};

// What is only appended is read in order, and asked only for what is there.
void ForAppended(rocksdb::BlockBasedTableOptions* table) {
  table->filter_policy.reset();
  table->block_size = kAppendedBlockBytes;
}

rocksdb::ColumnFamilyOptions OptionsOf(const Kind& kind,
                                       const rocksdb::Options& base) {
  rocksdb::ColumnFamilyOptions family(base);
  rocksdb::BlockBasedTableOptions table =
      *base.table_factory->GetOptions<rocksdb::BlockBasedTableOptions>();
  if (kind.order == Order::kAppended) {
    ForAppended(&table);
  } else {
    // Whole keys are hashed: nothing is read in order but when it is flushed.
    family.prefix_extractor.reset(rocksdb::NewNoopTransform());
    family.memtable_factory.reset(rocksdb::NewHashLinkListRepFactory(
        base.write_buffer_size / kBytesPerBucket));
  }
  // Most of it is ciphertext and digests: the time is not worth the bytes.
  family.compression = rocksdb::kNoCompression;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return family;
}

bool IsEmpty(const KeyRange& range) {
  return !range.end.empty() && range.begin >= range.end;
}

// Takes the keys before `end` off `rest`.
KeyRange CutBefore(const std::string& end, KeyRange* rest) {
  KeyRange cut = *rest;
  if (cut.end.empty() || end < cut.end) cut.end = end;
  if (rest->begin < cut.end) rest->begin = cut.end;
  return cut;
}

bool Deletes(const Batch& batch, const std::string& key) {
  const Batch::Write* const write = batch.Find(key);
  if (write != nullptr && !write->value.has_value()) return true;
  return std::any_of(batch.ranges().begin(), batch.ranges().end(),
                     [&](const Batch::Range& range) {
                       return range.begin <= key && key < range.end;
                     });
}

// A key that `batch` puts into the family of `letter`, if any: the last of
// them, but any would do, because a commit is in a table as a whole or not.
const std::string* PutInto(char letter, const Batch& batch) {
  const auto& writes = batch.writes();
  const auto put = std::find_if(
      writes.rbegin(), writes.rend(), [&](const Batch::Write& write) {
        return write.value.has_value() && write.key[0] == letter;
      });
  return put == writes.rend() ? nullptr : &put->key;
}

}  // namespace

std::vector<rocksdb::ColumnFamilyDescriptor> KeyFamilies::Descriptors(
    const rocksdb::Options& base) {
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  descriptors.emplace_back(rocksdb::kDefaultColumnFamilyName, base);
  for (const Kind& kind : kKinds) {
    descriptors.emplace_back(kind.name, OptionsOf(kind, base));
  }
  return descriptors;
}

KeyFamilies::KeyFamilies(rocksdb::DB* db,
                         std::vector<rocksdb::ColumnFamilyHandle*> handles)
    : db_(db), handles_(std::move(handles)) {}

KeyFamilies::~KeyFamilies() {
  for (rocksdb::ColumnFamilyHandle* const handle : handles_) {
    db_->DestroyColumnFamilyHandle(handle);
  }
}

rocksdb::Status KeyFamilies::Find() {
  assert(handles_.size() == std::size(kKinds) + 1);
  const std::unique_ptr<rocksdb::Iterator> it(
      db_->NewIterator(rocksdb::ReadOptions(), handles_[0]));
  for (size_t i = 0; i < std::size(kKinds); ++i) {
    const char letter = kKinds[i].letter;
    it->Seek(std::string(1, letter));
    if (!it->status().ok()) return it->status();
    const bool in_default = it->Valid() && it->key()[0] == letter;
    if (in_default) continue;
    families_.push_back({letter, handles_[i + 1], ""});
    const rocksdb::Status status = Last(letter, &families_.back().last);
    if (!status.ok()) return status;
  }
  return rocksdb::Status::OK();
}

rocksdb::Status KeyFamilies::NoteLast(const Batch& batch,
                                      rocksdb::WriteBatch* to) {
  rocksdb::Status status;
  for (Family& family : families_) {
    if (status.ok()) status = NoteLast(batch, &family, to);
  }
  return status;
}

rocksdb::Status KeyFamilies::NoteLast(const Batch& batch, Family* family,
                                      rocksdb::WriteBatch* to) {
  const std::string* const put = PutInto(family->letter, batch);
  if (put != nullptr) {
    family->last = *put;
    return to->Put(handles_[0], LastKey(family->letter), *put);
  }
  rocksdb::Status status;
  if (Deletes(batch, family->last)) {
    family->last.clear();
    status = to->Put(handles_[0], LastKey(family->letter), "");
  }
  // RocksDB 7.8.3 ends at an assertion when a flush fails in which a family has
  // nothing to write: so each gets something with every commit. No such key is
  // ever there, and it lies between the tables before it and behind it.
  std::string behind =
      family->last.empty() ? std::string(1, family->letter) : family->last;
  behind.push_back('\0');
  return status.ok() ? to->Delete(family->handle, behind) : status;
}

rocksdb::Status KeyFamilies::CheckComplete() const {
  for (const Kind& kind : kKinds) {
    std::string last;
    rocksdb::Status status = Last(kind.letter, &last);
    if (!status.ok()) return status;
    if (last.empty()) continue;
    const auto handle = std::find_if(
        handles_.begin(), handles_.end(),
        [&](const auto* open) { return open->GetName() == kind.name; });
    if (handle == handles_.end()) {
      return rocksdb::Status::Corruption("a family is missing", kind.name);
    }
    rocksdb::PinnableSlice value;
    status = db_->Get(rocksdb::ReadOptions(), *handle, last, &value);
    if (status.IsNotFound()) {
      return rocksdb::Status::Corruption("what was written last is missing",
                                         kind.name);
    }
    if (!status.ok()) return status;
  }
  return rocksdb::Status::OK();
}

rocksdb::Status KeyFamilies::Last(char letter, std::string* key) const {
  const rocksdb::Status status =
      db_->Get(rocksdb::ReadOptions(), handles_[0], LastKey(letter), key);
  return status.IsNotFound() ? rocksdb::Status::OK() : status;
}

rocksdb::ColumnFamilyHandle* KeyFamilies::Of(absl::string_view key) const {
  for (const Family& family : families_) {
    if (!key.empty() && key[0] == family.letter) return family.handle;
  }
  return handles_[0];
}

std::vector<KeyFamilies::Piece> KeyFamilies::Split(KeyRange range) const {
  std::vector<Piece> pieces;
  for (const Family& family : families_) {
    const std::string first(1, family.letter);
    const std::string after(1, static_cast<char>(family.letter + 1));
    pieces.push_back({handles_[0], CutBefore(first, &range)});
    pieces.push_back({family.handle, CutBefore(after, &range)});
  }
  pieces.push_back({handles_[0], std::move(range)});
  pieces.erase(
      std::remove_if(pieces.begin(), pieces.end(),
                     [](const Piece& piece) { return IsEmpty(piece.range); }),
      pieces.end());
  return pieces;
}

}  // namespace baton
