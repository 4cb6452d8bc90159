#include "storage/rocksdb_store.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "rocksdb/cache.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/snapshot.h"
#include "rocksdb/table.h"
#include "rocksdb/wal_filter.h"
#include "rocksdb/write_batch.h"
#include "storage/keys.h"
#include "storage/status.h"
#include "storage/table_check.h"
#include "storage/table_checksum.h"
#include "storage/zero_filled_logs.h"

namespace baton {
namespace {

constexpr Store::Limits kLimits = {.max_operations = 100'000,
                                   .max_bytes = 64 << 20};
constexpr int kCacheShardBits = 2;
constexpr char kMarkName[] = "HIGH_WATER_MARK";
constexpr char kRestore[] =
    "keep a copy of the directory, then restore the newest backup into an "
    "empty one";

rocksdb::Slice AsSlice(absl::string_view text) {
  return rocksdb::Slice(text.data(), text.size());
}

// An I/O error may pass; every other failure of RocksDB means that the bytes
// are not those that were written.
absl::Status FromRocksDb(const rocksdb::Status& status,
                         absl::string_view action) {
  if (status.ok()) return absl::OkStatus();
  const std::string text = absl::StrCat(action, ": ", status.ToString());
  if (status.IsIOError() && !status.IsPathNotFound()) {
    return absl::UnavailableError(text);
  }
  return absl::DataLossError(text);
}

// ---------------------------------------------------------------- reading

absl::Status FromReading(const rocksdb::Status& status) {
  const absl::Status error =
      FromRocksDb(status, "cannot read from the database");
  if (!absl::IsDataLoss(error)) return error;
  return absl::DataLossError(absl::StrCat(
      "the database is damaged: ", error.message(), "; ", kRestore));
}

absl::StatusOr<std::optional<std::string>> GetFrom(
    rocksdb::DB* db, rocksdb::ColumnFamilyHandle* family,
    const rocksdb::ReadOptions& options, absl::string_view key) {
  std::string value;
  const rocksdb::Status status = db->Get(options, family, AsSlice(key), &value);
  if (status.IsNotFound()) return std::nullopt;
  RETURN_IF_ERROR(FromReading(status));
  return value;
}

// Adds to `found`, which gets at most `limit`.
absl::Status ScanPiece(rocksdb::DB* db, rocksdb::ReadOptions options,
                       const KeyFamilies::Piece& piece, size_t limit,
                       ScanOrder order, std::vector<KeyValue>* found) {
  const KeyRange& range = piece.range;
  options.total_order_seek = true;  // Whatever the family is hashed by.
  const rocksdb::Slice begin(range.begin);
  const rocksdb::Slice end(range.end);
  options.iterate_lower_bound = &begin;
  if (!range.end.empty()) options.iterate_upper_bound = &end;
  const bool ascending = order == ScanOrder::kAscending;
  const std::unique_ptr<rocksdb::Iterator> it(
      db->NewIterator(options, piece.family));
  ascending ? it->SeekToFirst() : it->SeekToLast();
  for (; it->Valid() && found->size() < limit;
       ascending ? it->Next() : it->Prev()) {
    found->push_back({it->key().ToString(), it->value().ToString()});
  }
  return FromReading(it->status());
}

absl::StatusOr<std::vector<KeyValue>> ScanFrom(
    rocksdb::DB* db, const KeyFamilies& families,
    const rocksdb::ReadOptions& options, const KeyRange& range, size_t limit,
    ScanOrder order) {
  std::vector<KeyFamilies::Piece> pieces = families.Split(range);
  if (order == ScanOrder::kDescending) {
    std::reverse(pieces.begin(), pieces.end());
  }
  std::vector<KeyValue> found;
  for (const KeyFamilies::Piece& piece : pieces) {
    if (found.size() >= limit) break;
    RETURN_IF_ERROR(ScanPiece(db, options, piece, limit, order, &found));
  }
  return found;
}

class SnapshotReader final : public Reader {
 public:
  SnapshotReader(rocksdb::DB* db, const KeyFamilies* families)
      : db_(db), families_(families), snapshot_(db) {}

  absl::StatusOr<std::optional<std::string>> Get(
      absl::string_view key) const override {
    return GetFrom(db_, families_->Of(key), options(), key);
  }

  absl::StatusOr<std::vector<KeyValue>> Scan(const KeyRange& range,
                                             size_t limit,
                                             ScanOrder order) const override {
    return ScanFrom(db_, *families_, options(), range, limit, order);
  }

 private:
  rocksdb::ReadOptions options() const {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot_.snapshot();
    return options;
  }

  rocksdb::DB* const db_;
  const KeyFamilies* const families_;
  mutable rocksdb::ManagedSnapshot snapshot_;  // Its getter is not const.
};

// ---------------------------------------------------------------- opening

// Takes the head out of a batch of the write-ahead log. Fails on a family that
// is not among `families`.
class HeadFinder final : public rocksdb::WriteBatch::Handler {
 public:
  explicit HeadFinder(const std::set<uint32_t>* families)
      : families_(families) {}

  rocksdb::Status PutCF(uint32_t family, const rocksdb::Slice& key,
                        const rocksdb::Slice& value) override {
    if (key == kHeadKey) {
      found_ = head_.ParseFromArray(value.data(), value.size());
    }
    return Known(family);
  }
  rocksdb::Status DeleteCF(uint32_t family, const rocksdb::Slice&) override {
    return Known(family);
  }
  rocksdb::Status DeleteRangeCF(uint32_t family, const rocksdb::Slice&,
                                const rocksdb::Slice&) override {
    return Known(family);
  }

  bool found() const { return found_; }
  uint64_t commit() const { return head_.commit(); }

 private:
  rocksdb::Status Known(uint32_t family) const {
    if (families_->count(family) > 0) return rocksdb::Status::OK();
    return rocksdb::Status::Corruption("an unknown family");
  }

  const std::set<uint32_t>* const families_;
  bool found_ = false;
  v1::HeadRecord head_;
};

// Hides the write-ahead log, so that only the tables are seen, and notes which
// commits it holds, and whether they can be replayed one after the other.
class LogInspector final : public rocksdb::WalFilter {
 public:
  const char* Name() const override { return "LogInspector"; }

  void ColumnFamilyLogNumberMap(
      const std::map<uint32_t, uint64_t>&,
      const std::map<std::string, uint32_t>& ids) override {
    for (const auto& [name, id] : ids) families_.insert(id);
  }

  WalProcessingOption LogRecordFound(unsigned long long, const std::string&,
                                     const rocksdb::WriteBatch& batch,
                                     rocksdb::WriteBatch*, bool*) override {
    HeadFinder finder(&families_);
    damaged_ |= !batch.Iterate(&finder).ok();
    if (!finder.found()) return WalProcessingOption::kIgnoreCurrentRecord;
    if (first_ == 0) first_ = finder.commit();
    damaged_ |= last_ != 0 && finder.commit() != last_ + 1;
    last_ = finder.commit();
    return WalProcessingOption::kIgnoreCurrentRecord;
  }

  // A hole between two commits, or a column family that is gone. RocksDB would
  // go on with the rest.
  bool damaged() const { return damaged_; }

  // 0 when the log holds no commit.
  uint64_t first() const { return first_; }
  uint64_t last() const { return last_; }

 private:
  std::set<uint32_t> families_;  // Their ids.
  bool damaged_ = false;
  uint64_t first_ = 0;
  uint64_t last_ = 0;
};

rocksdb::BlockBasedTableOptions TableOptions(
    const RocksDbStore::Options& options) {
  rocksdb::BlockBasedTableOptions table;
  // A shard must hold the filter of a table of nothing but small records, which
  // is a megabyte: what does not fit is read again for every look-up.
  table.block_cache =
      rocksdb::NewLRUCache(options.block_cache_bytes, kCacheShardBits);
  table.cache_index_and_filter_blocks = true;  // Bounds the memory.
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  // The index has an entry for each block, and three messages fill 4 KiB: at 10
  // million messages it would be larger than the cache.
  table.block_size = 16 << 10;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  // Debian's build computes CRC32c by tables, a byte in a nanosecond.
  table.checksum = rocksdb::kXXH3;
  return table;
}

rocksdb::Options DatabaseOptions(const RocksDbStore::Options& options) {
  rocksdb::Options db;
  db.write_buffer_size = options.write_buffer_bytes;
  db.db_write_buffer_size = options.write_buffer_bytes;
  // One thread writes, and not every family's write buffer takes more.
  db.allow_concurrent_memtable_write = false;
  db.atomic_flush = true;  // But for what a start writes: see CheckComplete().
  // A flush begins early while another runs; writes must not wait for it yet.
  db.max_write_buffer_number = 3;
  db.max_background_jobs = 2;
  // A backlog is read in the order in which it was written: let the kernel
  // read ahead.
  db.advise_random_on_open = false;
  // All are opened at the start, or nothing is: where RocksDB 7.8.3 opens a
  // table later and cannot, it may free the range deletions of another one
  // twice.
  db.max_open_files = -1;
  db.info_log_level = rocksdb::WARN_LEVEL;
  db.keep_log_file_num = 2;
  db.max_log_file_size = 1 << 20;

  // Replay ends at the first damaged record: the torn end of a log looks no
  // different (storage/zero_filled_logs.h). Inspect() refuses a log that ends
  // before the high-water mark.
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  db.track_and_verify_wals_in_manifest = true;
  db.recycle_log_file_num = 0;
  db.wal_compression = rocksdb::kNoCompression;
  db.paranoid_checks = true;
  db.force_consistency_checks = true;
  db.file_checksum_gen_factory = TableChecksums();
  db.max_bgerror_resume_count = 0;  // Fail stop.

  db.table_factory.reset(
      rocksdb::NewBlockBasedTableFactory(TableOptions(options)));
  return db;
}

// Creates `directory` when it is missing, its name durable.
absl::Status CreateDirectory(rocksdb::FileSystem* file_system,
                             const std::string& directory) {
  const rocksdb::IOOptions options;
  if (file_system->FileExists(directory, options, nullptr).ok()) {
    return absl::OkStatus();
  }
  const size_t slash = directory.rfind('/');
  const std::string parent =
      slash == std::string::npos ? "." : directory.substr(0, slash + 1);
  std::unique_ptr<rocksdb::FSDirectory> handle;
  rocksdb::IOStatus status =
      file_system->CreateDirIfMissing(directory, options, nullptr);
  if (status.ok()) {
    status = file_system->NewDirectory(parent, options, &handle, nullptr);
  }
  if (status.ok()) status = handle->Fsync(options, nullptr);
  if (status.ok()) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("cannot create ", directory, ": ", status.ToString()));
}

absl::Status Damaged(const std::string& directory, absl::string_view how) {
  return absl::DataLossError(absl::StrCat(
      "database ", directory, " is damaged: ", how, "; ", kRestore));
}

// Whether `directory` holds a database. DATA_LOSS when it holds parts of one:
// RocksDB would make a new database there and remove them.
absl::StatusOr<bool> HoldsDatabase(rocksdb::FileSystem* file_system,
                                   const std::string& directory) {
  std::vector<std::string> names;
  RETURN_IF_ERROR(
      FromRocksDb(file_system->GetChildren(directory, rocksdb::IOOptions(),
                                           &names, nullptr),
                  absl::StrCat("cannot list ", directory)));
  std::string part;
  for (const std::string& name : names) {
    if (name == "CURRENT") return true;
    if (name == kMarkName || absl::EndsWith(name, ".sst") ||
        absl::EndsWith(name, ".log")) {
      part = name;
    }
  }
  if (part.empty()) return false;
  return Damaged(directory,
                 absl::StrCat("there is ", part, " but no file CURRENT"));
}

// RocksDB tells a held lock from other I/O errors only by its text.
bool IsLocked(const rocksdb::Status& status) {
  const std::string text = status.ToString();
  return status.IsIOError() && (absl::StrContains(text, "While lock file") ||
                                absl::StrContains(text, "lock hold by"));
}

absl::Status OpenError(const std::string& directory,
                       const rocksdb::Status& status) {
  if (status.ok()) return absl::OkStatus();
  if (IsLocked(status)) {
    return absl::FailedPreconditionError(
        absl::StrCat("database ", directory,
                     " is locked: another process uses it; stop that one "
                     "first (",
                     status.ToString(), ")"));
  }
  const absl::Status error =
      FromRocksDb(status, absl::StrCat("cannot open database ", directory));
  return absl::IsDataLoss(error) ? Damaged(directory, status.ToString())
                                 : error;
}

struct Database {
  std::unique_ptr<rocksdb::DB> db;
  std::unique_ptr<KeyFamilies> families;  // Ends before it.
};

// With the families it has: the process may have ended while they were made.
absl::StatusOr<Database> OpenForReading(const std::string& directory,
                                        const rocksdb::Options& db_options) {
  std::vector<std::string> names;
  rocksdb::Status status =
      rocksdb::DB::ListColumnFamilies(db_options, directory, &names);
  RETURN_IF_ERROR(OpenError(directory, status));
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (auto& family : KeyFamilies::Descriptors(db_options)) {
    const auto it = std::find(names.begin(), names.end(), family.name);
    if (it == names.end()) continue;
    names.erase(it);
    families.push_back(std::move(family));
  }
  if (!names.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "database ", directory, " has a column family ", names[0],
        ", which this program does not know: start the newer program, or "
        "restore a backup made by this one"));
  }
  rocksdb::DB* db = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  status = rocksdb::DB::OpenForReadOnly(db_options, directory, families,
                                        &handles, &db);
  RETURN_IF_ERROR(OpenError(directory, status));
  return Database{.db = std::unique_ptr<rocksdb::DB>(db),
                  .families = std::make_unique<KeyFamilies>(db, handles)};
}

absl::StatusOr<Database> OpenForWriting(const std::string& directory,
                                        const rocksdb::Options& db_options) {
  rocksdb::DB* db = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  const rocksdb::Status status =
      rocksdb::DB::Open(db_options, directory,
                        KeyFamilies::Descriptors(db_options), &handles, &db);
  RETURN_IF_ERROR(OpenError(directory, status));
  return Database{.db = std::unique_ptr<rocksdb::DB>(db),
                  .families = std::make_unique<KeyFamilies>(db, handles)};
}

absl::StatusOr<uint64_t> CommitInTables(rocksdb::DB* db) {
  ASSIGN_OR_RETURN(
      const std::optional<std::string> bytes,
      GetFrom(db, db->DefaultColumnFamily(), rocksdb::ReadOptions(), kHeadKey));
  v1::HeadRecord head;
  if (!head.ParseFromString(bytes.value_or(""))) {
    return absl::DataLossError("the head is not a record");
  }
  return head.commit();
}

absl::StatusOr<HighWaterMark> OpenMark(const RocksDbStore::Options& options) {
  return HighWaterMark::Open(options.file_system.get(),
                             absl::StrCat(options.directory, "/", kMarkName));
}

absl::Status BehindItsMark(const std::string& directory, uint64_t commit,
                           uint64_t acknowledged) {
  return absl::DataLossError(absl::StrCat(
      "database ", directory, " is at commit ", commit, ", but commit ",
      acknowledged, " was acknowledged, and is not in it; ", kRestore,
      "; or, if the lost messages are accepted as lost, move ", directory, "/",
      kMarkName, " away and start again"));
}

// Looks for damage that RocksDB passes over, and changes no commit on disk.
// What looks like the torn end of a log or of the manifest is skipped silently,
// in the middle too: commits behind it are dropped, or are there while some
// before them are not, and the head does not show it. So the commits in the log
// must follow one another, the first must follow those in the tables, and the
// last must reach the high-water mark.
absl::Status Inspect(const RocksDbStore::Options& options,
                     rocksdb::Options db_options) {
  LogInspector log;  // Outlives the database.
  db_options.wal_filter = &log;
  ASSIGN_OR_RETURN(const Database opened,
                   OpenForReading(options.directory, db_options));
  rocksdb::DB* const db = opened.db.get();
  if (log.damaged()) {
    return Damaged(
        options.directory,
        absl::StrCat("its log cannot be replayed up to commit ", log.last()));
  }
  RETURN_IF_ERROR(
      OpenError(options.directory, opened.families->CheckComplete()));
  RETURN_IF_ERROR(CheckChecksumKinds(db, options.directory));
  if (options.verify_tables) {
    RETURN_IF_ERROR(CheckTables(db, options.file_system.get(),
                                options.directory, [] { return true; }));
  }
  ASSIGN_OR_RETURN(const uint64_t in_tables, CommitInTables(db));
  if (log.first() > in_tables + 1) {
    return Damaged(options.directory,
                   absl::StrCat("its tables end at commit ", in_tables,
                                ", its log begins at commit ", log.first()));
  }
  ASSIGN_OR_RETURN(const HighWaterMark mark, OpenMark(options));
  const uint64_t commit = std::max(in_tables, log.last());
  const uint64_t acknowledged = mark.mark().value_or(v1::HeadRecord()).commit();
  if (commit < acknowledged) {
    return BehindItsMark(options.directory, commit, acknowledged);
  }
  return absl::OkStatus();
}

// RocksDB's own lock, held while this object lives.
class DirectoryLock {
 public:
  explicit DirectoryLock(const RocksDbStore::Options& options)
      : file_system_(options.file_system.get()),
        status_(file_system_->LockFile(options.directory + "/LOCK", {}, &lock_,
                                       nullptr)) {}
  ~DirectoryLock() {
    if (status_.ok()) file_system_->UnlockFile(lock_, {}, nullptr);
  }
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

  const rocksdb::Status& status() const { return status_; }

 private:
  rocksdb::FileSystem* const file_system_;
  rocksdb::FileLock* lock_ = nullptr;
  const rocksdb::Status status_;
};

// Whether there is a database; an error when there is a damaged one.
absl::StatusOr<bool> FindUndamaged(const RocksDbStore::Options& options,
                                   const rocksdb::Options& db_options) {
  RETURN_IF_ERROR(
      CreateDirectory(options.file_system.get(), options.directory));
  const DirectoryLock lock(options);
  RETURN_IF_ERROR(OpenError(options.directory, lock.status()));
  ASSIGN_OR_RETURN(const bool exists,
                   HoldsDatabase(options.file_system.get(), options.directory));
  if (exists) RETURN_IF_ERROR(Inspect(options, db_options));
  return exists;
}

absl::StatusOr<Database> OpenDatabase(const RocksDbStore::Options& options,
                                      rocksdb::Env* env) {
  rocksdb::Options db_options = DatabaseOptions(options);
  db_options.env = env;
  ASSIGN_OR_RETURN(const bool exists, FindUndamaged(options, db_options));
  db_options.create_if_missing = !exists;
  db_options.create_missing_column_families = true;
  ASSIGN_OR_RETURN(Database opened,
                   OpenForWriting(options.directory, db_options));
  RETURN_IF_ERROR(OpenError(options.directory, opened.families->Find()));
  return opened;
}

absl::Status CheckRecord(const std::string& directory,
                         const v1::DatabaseRecord& found,
                         const v1::DatabaseRecord& wanted) {
  if (found.format_version() > wanted.format_version()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "database ", directory, " has format ", found.format_version(),
        ", this program knows formats up to ", wanted.format_version(),
        ": start the newer program, or restore a backup made by this one"));
  }
  if (found.owner() != wanted.owner()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "database ", directory, " belongs to service ", found.owner(),
        ", this is ", wanted.owner(), ": correct the configured directory"));
  }
  if (found.environment() != wanted.environment()) {
    return absl::FailedPreconditionError(
        absl::StrCat("database ", directory, " is of environment ",
                     v1::Environment_Name(found.environment()), ", this is ",
                     v1::Environment_Name(wanted.environment()),
                     ": correct the configured directory or environment"));
  }
  return absl::OkStatus();
}

// ---------------------------------------------------------------- writing

rocksdb::WriteOptions DurableWrite() {
  rocksdb::WriteOptions write_options;
  write_options.sync = true;
  return write_options;
}

// Ranges and writes do not overlap, so their order means nothing to a reader.
// In the order of the keys the memtable finds the place of most of them beside
// that of the one before (tests/bench/README.md).
rocksdb::Status Translate(const Batch& batch, const KeyFamilies& families,
                          rocksdb::WriteBatch* to) {
  rocksdb::Status status;
  for (const Batch::Range& range : batch.ranges()) {
    for (const auto& piece : families.Split({range.begin, range.end})) {
      if (!status.ok()) break;
      status =
          to->DeleteRange(piece.family, piece.range.begin, piece.range.end);
    }
  }
  std::vector<const Batch::Write*> writes;
  writes.reserve(batch.writes().size());
  for (const Batch::Write& write : batch.writes()) writes.push_back(&write);
  std::sort(writes.begin(), writes.end(),
            [](const Batch::Write* a, const Batch::Write* b) {
              return a->key < b->key;
            });
  for (const Batch::Write* write : writes) {
    if (!status.ok()) break;
    rocksdb::ColumnFamilyHandle* const family = families.Of(write->key);
    status = write->value.has_value()
                 ? to->Put(family, write->key, *write->value)
                 : to->Delete(family, write->key);
  }
  return status;
}

}  // namespace

absl::StatusOr<std::unique_ptr<RocksDbStore>> RocksDbStore::Open(
    Options options) {
  std::unique_ptr<rocksdb::Env> env = rocksdb::NewCompositeEnv(
      std::make_shared<ZeroFilledLogs>(options.file_system));
  ASSIGN_OR_RETURN(Database opened, OpenDatabase(options, env.get()));
  std::unique_ptr<RocksDbStore> store(
      new RocksDbStore(std::move(options), std::move(env), std::move(opened.db),
                       std::move(opened.families)));
  RETURN_IF_ERROR(store->LoadHead());
  RETURN_IF_ERROR(store->CheckDatabaseRecord());
  RETURN_IF_ERROR(store->CheckMark());
  return store;
}

RocksDbStore::RocksDbStore(Options options, std::unique_ptr<rocksdb::Env> env,
                           std::unique_ptr<rocksdb::DB> db,
                           std::unique_ptr<KeyFamilies> families)
    : options_(std::move(options)),
      env_(std::move(env)),
      db_(std::move(db)),
      families_(std::move(families)) {}

RocksDbStore::~RocksDbStore() = default;

absl::Status RocksDbStore::LoadHead() {
  ASSIGN_OR_RETURN(std::optional<std::string> bytes, Get(kHeadKey));
  v1::HeadRecord head;
  if (bytes.has_value() && !head.ParseFromString(*bytes)) {
    return Damaged(options_.directory, "the head is not a record");
  }
  head_ = std::move(bytes).value_or("");
  commit_ = head.commit();
  return absl::OkStatus();
}

absl::Status RocksDbStore::CheckDatabaseRecord() {
  ASSIGN_OR_RETURN(std::optional<std::string> bytes, Get(kDatabaseKey));
  if (!bytes.has_value() && head_.empty()) {
    return FromRocksDb(
        db_->Put(DurableWrite(), kDatabaseKey,
                 options_.database.SerializeAsString()),
        absl::StrCat("cannot write to database ", options_.directory));
  }
  v1::DatabaseRecord found;
  if (!bytes.has_value() || !found.ParseFromString(*bytes)) {
    return Damaged(options_.directory, "it does not say what it is");
  }
  return CheckRecord(options_.directory, found, options_.database);
}

absl::Status RocksDbStore::CheckMark() {
  ASSIGN_OR_RETURN(mark_, OpenMark(options_));
  v1::HeadRecord head;
  head.ParseFromString(head_);
  const v1::HeadRecord told = mark_->mark().value_or(v1::HeadRecord());
  if (head.commit() > told.commit()) {
    RETURN_IF_ERROR(mark_->Advance(head));
    return mark_->Sync();
  }
  if (head.SerializeAsString() == told.SerializeAsString()) {
    return absl::OkStatus();
  }
  return BehindItsMark(options_.directory, head.commit(), told.commit());
}

absl::StatusOr<std::optional<std::string>> RocksDbStore::Get(
    absl::string_view key) const {
  return GetFrom(db_.get(), families_->Of(key), rocksdb::ReadOptions(), key);
}

absl::StatusOr<std::vector<KeyValue>> RocksDbStore::Scan(
    const KeyRange& range, size_t limit, ScanOrder order) const {
  // Each family's keys are read by themselves.
  if (families_->Split(range).size() > 1) {
    return Snapshot()->Scan(range, limit, order);
  }
  return ScanFrom(db_.get(), *families_, rocksdb::ReadOptions(), range, limit,
                  order);
}

std::unique_ptr<Reader> RocksDbStore::Snapshot() const {
  return std::make_unique<SnapshotReader>(db_.get(), families_.get());
}

Store::Limits RocksDbStore::limits() const { return kLimits; }

CommitResult RocksDbStore::Commit(const Batch& batch,
                                  absl::string_view expected_head) {
  if (!failed_.ok()) return {CommitOutcome::kUnknown, failed_};
  absl::StatusOr<std::string> next = HeadOf(batch, kLimits);
  if (!next.ok()) return {CommitOutcome::kFenced, next.status()};
  if (*next == head_) return {CommitOutcome::kCommitted, absl::OkStatus()};
  if (head_ != expected_head) return Fenced();
  v1::HeadRecord head;
  if (!head.ParseFromString(*next) || head.commit() != commit_ + 1) {
    return {CommitOutcome::kFenced,
            absl::InvalidArgumentError(absl::StrCat(
                "the new head is not that of commit ", commit_ + 1))};
  }
  failed_ = Write(batch, head);
  if (!failed_.ok()) return {CommitOutcome::kUnknown, failed_};
  head_ = *std::move(next);
  commit_ = head.commit();
  return {CommitOutcome::kCommitted, absl::OkStatus()};
}

absl::Status RocksDbStore::Write(const Batch& batch,
                                 const v1::HeadRecord& head) {
  rocksdb::WriteBatch writes(batch.bytes() + 16 * batch.operations());
  rocksdb::Status status = Translate(batch, *families_, &writes);
  if (status.ok()) {
    status = families_->NoteLast(batch, &writes);
  }
  if (status.ok()) status = db_->Write(DurableWrite(), &writes);
  if (!status.ok()) {
    return absl::UnavailableError(
        absl::StrCat("cannot write commit ", head.commit(), " to database ",
                     options_.directory, ": ", status.ToString(),
                     "; start again from the disk"));
  }
  return mark_->Advance(head);
}

absl::Status RocksDbStore::CheckTables(
    const std::function<bool()>& proceed) const {
  return baton::CheckTables(db_.get(), options_.file_system.get(),
                            options_.directory, proceed);
}

absl::Status RocksDbStore::SyncHighWaterMark() { return mark_->Sync(); }

}  // namespace baton
