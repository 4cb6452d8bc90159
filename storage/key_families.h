#ifndef BATON_STORAGE_KEY_FAMILIES_H_
#define BATON_STORAGE_KEY_FAMILIES_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "rocksdb/db.h"
#include "rocksdb/options.h"
#include "rocksdb/status.h"
#include "rocksdb/write_batch.h"
#include "storage/batch.h"
#include "storage/store.h"

namespace baton {

// Which of RocksDB's column families a key lies in: by its first letter
// (storage/keys.h). Messages and audit leaves are written once and in ascending
// order; beside the records that change with every commit, each merge of tables
// would write them again, because its tables span all keys. Idempotency records
// come in no order at all.
//
// A database that was begun before there were families keeps its keys in the
// default one. Thread-safe after Find(), but for NoteLast().
class KeyFamilies {
 public:
  // Keys in one family.
  struct Piece {
    rocksdb::ColumnFamilyHandle* family;
    KeyRange range;
  };

  // To open a database with, each with the options it is made for; `base` are
  // those of the default family.
  static std::vector<rocksdb::ColumnFamilyDescriptor> Descriptors(
      const rocksdb::Options& base);

  // `handles` as opened with Descriptors(), or with those of them that a
  // database open for reading has.
  KeyFamilies(rocksdb::DB* db,
              std::vector<rocksdb::ColumnFamilyHandle*> handles);
  ~KeyFamilies();
  KeyFamilies(const KeyFamilies&) = delete;
  KeyFamilies& operator=(const KeyFamilies&) = delete;

  // Looks where the keys of this database lie: before keys are asked for. With
  // all families open.
  rocksdb::Status Find();

  // Notes in the default family, as part of `to`, which key each of the others
  // got last. (A note in a family itself would make all its tables overlap, and
  // so be merged.) `batch` is to be committed with it, before the next call;
  // for one thread. Keys there are put once; while the last one is deleted,
  // nothing is known of those before it.
  rocksdb::Status NoteLast(const Batch& batch, rocksdb::WriteBatch* to);
  // Of what the tables hold, with the log hidden: Corruption when a family
  // lacks the key it got last, or is missing. RocksDB brings them up to date
  // one by one when it starts, the default one first, and what ends its
  // manifest early then separates them.
  rocksdb::Status CheckComplete() const;

  rocksdb::ColumnFamilyHandle* Of(absl::string_view key) const;
  // `range`, ascending.
  std::vector<Piece> Split(KeyRange range) const;

 private:
  // Of which key NoteLast() told for `letter`; "" when of none.
  rocksdb::Status Last(char letter, std::string* key) const;

  struct Family {
    char letter;
    rocksdb::ColumnFamilyHandle* handle;
    std::string last;  // Empty: none, or deleted since.
  };

  rocksdb::Status NoteLast(const Batch& batch, Family* family,
                           rocksdb::WriteBatch* to);

  rocksdb::DB* const db_;
  const std::vector<rocksdb::ColumnFamilyHandle*> handles_;
  std::vector<Family> families_;  // But the default one; ascending.
};

}  // namespace baton

#endif  // BATON_STORAGE_KEY_FAMILIES_H_
