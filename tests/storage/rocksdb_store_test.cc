#include "storage/rocksdb_store.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <vector>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rocksdb/write_batch.h"
#include "storage/keys.h"
#include "storage/store_writer.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/temp_dir.h"

namespace baton {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

v1::DatabaseRecord BrokerRecord(int version = 1) {
  v1::DatabaseRecord record;
  record.set_format_version(version);
  record.set_owner("broker");
  record.set_environment(v1::ENVIRONMENT_LIVE);
  return record;
}

// First letters of keys that lie in column families of their own.
constexpr absl::string_view kFamilies = "aim";

// Of a kind that this program does not know.
class ChecksumsOfTomorrow final : public rocksdb::FileChecksumGenFactory {
 public:
  class Length final : public rocksdb::FileChecksumGenerator {
   public:
    void Update(const char*, size_t size) override { size_ += size; }
    void Finalize() override {}
    std::string GetChecksum() const override { return absl::StrCat(size_); }
    const char* Name() const override { return "FileChecksumOfTomorrow"; }

   private:
    size_t size_ = 0;
  };

  std::unique_ptr<rocksdb::FileChecksumGenerator> CreateFileChecksumGenerator(
      const rocksdb::FileChecksumGenContext&) override {
    return std::make_unique<Length>();
  }
  const char* Name() const override { return "ChecksumsOfTomorrow"; }
};

// One file of it cannot be opened, for want of a handle for instance.
class OneFileUnopenable final : public rocksdb::FileSystemWrapper {
 public:
  explicit OneFileUnopenable(std::string path)
      : FileSystemWrapper(rocksdb::FileSystem::Default()),
        path_(std::move(path)) {}

  const char* Name() const override { return "OneFileUnopenable"; }
  rocksdb::IOStatus NewRandomAccessFile(
      const std::string& path, const rocksdb::FileOptions& options,
      std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
      rocksdb::IODebugContext* debug) override {
    if (path == path_) return rocksdb::IOStatus::IOError(path, "unopenable");
    return target()->NewRandomAccessFile(path, options, file, debug);
  }

 private:
  const std::string path_;
};

class RocksDbStoreTest : public testing::Test {
 protected:
  absl::Status TryOpen(v1::DatabaseRecord record = BrokerRecord()) {
    Close();
    absl::StatusOr<std::unique_ptr<RocksDbStore>> store =
        RocksDbStore::Open({.directory = path_,
                            .database = std::move(record),
                            .file_system = file_system_,
                            .block_cache_bytes = 1 << 20,
                            .write_buffer_bytes = write_buffer_bytes_});
    if (!store.ok()) return store.status();
    store_ = *std::move(store);
    absl::StatusOr<StoreWriter> writer = StoreWriter::Open(store_.get());
    if (!writer.ok()) return writer.status();
    writer_ = std::make_unique<StoreWriter>(*std::move(writer));
    return absl::OkStatus();
  }

  void Open() {
    const absl::Status status = TryOpen();
    ASSERT_TRUE(status.ok()) << status;
  }

  // By RocksDB itself, with all families.
  std::unique_ptr<rocksdb::DB> OpenRaw(
      rocksdb::Options options,
      std::vector<rocksdb::ColumnFamilyHandle*>* handles) const {
    options.allow_concurrent_memtable_write = false;  // Of hashed memtables.
    rocksdb::DB* db = nullptr;
    const rocksdb::Status status = rocksdb::DB::Open(
        options, path_, KeyFamilies::Descriptors(options), handles, &db);
    EXPECT_TRUE(status.ok()) << status.ToString();
    return std::unique_ptr<rocksdb::DB>(db);
  }

  // Every table, with the checksum of `checksums`.
  void WriteTablesAnew(
      std::shared_ptr<rocksdb::FileChecksumGenFactory> checksums) const {
    rocksdb::Options options;
    options.file_checksum_gen_factory = std::move(checksums);
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    const std::unique_ptr<rocksdb::DB> db = OpenRaw(options, &handles);
    rocksdb::CompactRangeOptions all;
    all.bottommost_level_compaction =
        rocksdb::BottommostLevelCompaction::kForce;
    for (rocksdb::ColumnFamilyHandle* const family : handles) {
      EXPECT_TRUE(db->CompactRange(all, family, nullptr, nullptr).ok());
      EXPECT_TRUE(db->DestroyColumnFamilyHandle(family).ok());
    }
  }

  void Close() {
    writer_.reset();
    store_.reset();
  }

  static std::string ValueOf(uint64_t commit) {
    return absl::StrCat("value ", commit, std::string(500, 'v'));
  }
  static std::string KeyOf(uint64_t commit) {
    return absl::StrCat("k/", 1000000 + commit);
  }

  absl::Status CommitNext() {
    v1::HeadRecord next = writer_->head();
    next.set_commit(next.commit() + 1);
    Batch batch;
    batch.Put(KeyOf(next.commit()), ValueOf(next.commit()));
    for (const char letter : kFamilies) {
      batch.Put(absl::StrCat(std::string(1, letter), KeyOf(next.commit())),
                absl::StrCat(next.commit()));
    }
    return writer_->Commit(std::move(batch), next);
  }

  void CommitMany(int count) {
    for (int i = 0; i < count; ++i) ASSERT_TRUE(CommitNext().ok());
  }

  uint64_t head() const { return writer_->head().commit(); }

  // Every commit up to the head is there, and nothing after it.
  void ExpectComplete() {
    absl::StatusOr<std::vector<KeyValue>> found =
        store_->Scan({"k/", "k0"}, 1 << 20);
    ASSERT_TRUE(found.ok()) << found.status();
    ASSERT_EQ(found->size(), head());
    for (uint64_t i = 0; i < head(); ++i) {
      ASSERT_EQ((*found)[i].key, KeyOf(i + 1));
      ASSERT_EQ((*found)[i].value, ValueOf(i + 1));
      for (const char letter : kFamilies) {
        const auto value =
            store_->Get(absl::StrCat(std::string(1, letter), KeyOf(i + 1)));
        ASSERT_TRUE(value.ok()) << value.status();
        ASSERT_EQ(value->value_or("(none)"), absl::StrCat(i + 1)) << letter;
      }
    }
  }

  // Closes, and opens again with every part of the manifest: each is refused or
  // holds everything.
  void CutManifestAnywhere() {
    const uint64_t commits = head();
    Close();
    const std::string whole = directory_ / "whole";
    fs::rename(path_, whole);
    int refused = 0;
    for (uint64_t size = 0;; size += 10) {
      Close();
      fs::remove_all(path_);
      fs::copy(whole, path_, fs::copy_options::recursive);
      const std::string manifest = File("MANIFEST", "");
      if (size >= fs::file_size(manifest)) break;
      SCOPED_TRACE(absl::StrCat("cut at ", size));
      fs::resize_file(manifest, size);
      const absl::Status status = TryOpen();
      if (status.ok()) {
        EXPECT_EQ(head(), commits);
        ExpectComplete();
      } else {
        ++refused;
        EXPECT_TRUE(absl::IsDataLoss(status)) << status;
      }
    }
    EXPECT_GT(refused, 0);
  }

  std::vector<std::string> Files(absl::string_view suffix) const {
    std::vector<std::string> files;
    for (const auto& entry : fs::directory_iterator(path_)) {
      if (absl::EndsWith(entry.path().string(), suffix)) {
        files.push_back(entry.path());
      }
    }
    std::sort(files.begin(), files.end());
    return files;
  }

  // The one that is in use: the last of its kind.
  std::string File(absl::string_view prefix, absl::string_view suffix) const {
    std::string newest;
    for (const std::string& path : Files(suffix)) {
      const std::string name = fs::path(path).filename();
      if (absl::StartsWith(name, prefix)) newest = path;
    }
    EXPECT_NE(newest, "") << prefix << "*" << suffix;
    return newest;
  }

  static void Flip(const std::string& path, uint64_t offset, int bit = 0) {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekg(static_cast<std::streamoff>(offset));
    const char byte = static_cast<char>(file.get());
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(static_cast<char>(byte ^ (1 << bit)));
  }

  // Debian's RocksDB is built with its assertions, and reads the restart count
  // of a table's properties before it checks the block. The count's top bit
  // ends the process, which says so: System.DamagedDiskTest.
  static bool EndsAtAnAssertion(const std::string& path, uint64_t offset,
                                int bit) {
    if (bit != 7 || !absl::EndsWith(path, ".sst")) return false;
    std::ifstream file(path, std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)), {});
    const std::string one_restart("\0\0\0\0\1\0\0\0\0", 9);
    const size_t properties = bytes.find("rocksdb.block.based.table");
    return offset == bytes.find(one_restart, properties) + 7;
  }

  // Where what was written ends: the zeros behind it are filled in ahead.
  static uint64_t EndOfLog(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)), {});
    return bytes.find_last_not_of('\0') + 1;
  }

  static void CutToHalf(const std::string& path) {
    fs::resize_file(path, fs::file_size(path) / 2);
  }

  void ExpectRefused(absl::string_view what) {
    const absl::Status status = TryOpen();
    EXPECT_TRUE(absl::IsDataLoss(status)) << what << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(path_)) << what;
    EXPECT_THAT(std::string(status.message()), HasSubstr("newest backup"));
  }

  TempDir directory_;
  const std::string path_ = directory_ / "db";
  const std::string mark_ = path_ + "/HIGH_WATER_MARK";
  std::shared_ptr<FaultFileSystem> file_system_ =
      std::make_shared<FaultFileSystem>(rocksdb::FileSystem::Default(), 1);
  size_t write_buffer_bytes_ = 64 << 20;
  std::unique_ptr<RocksDbStore> store_;
  std::unique_ptr<StoreWriter> writer_;
};

TEST_F(RocksDbStoreTest, HeadMustFollowTheLastOne) {
  Open();
  Batch batch;
  v1::HeadRecord head;
  head.set_commit(2);
  batch.Put(kHeadKey, head.SerializeAsString());
  EXPECT_TRUE(absl::IsInvalidArgument(store_->Commit(batch, "").status));
  batch.Put(kHeadKey, "\xff not a record");
  const CommitResult result = store_->Commit(batch, "");
  EXPECT_EQ(result.outcome, CommitOutcome::kFenced);
  EXPECT_TRUE(absl::IsInvalidArgument(result.status));
}

// ------------------------------------------------- whose database it is

TEST_F(RocksDbStoreTest, NewerFormatIsRefusedNamingBoth) {
  ASSERT_TRUE(TryOpen(BrokerRecord(8)).ok());
  const absl::Status status = TryOpen(BrokerRecord(7));
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("format 8"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("up to 7"));
  EXPECT_TRUE(TryOpen(BrokerRecord(9)).ok()) << "an older one is read";
}

TEST_F(RocksDbStoreTest, DatabaseOfAnotherServiceIsRefused) {
  Open();
  v1::DatabaseRecord other = BrokerRecord();
  other.set_owner("council");
  const absl::Status status = TryOpen(other);
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("service broker"));
}

TEST_F(RocksDbStoreTest, DatabaseOfAnotherEnvironmentIsRefused) {
  Open();
  v1::DatabaseRecord other = BrokerRecord();
  other.set_environment(v1::ENVIRONMENT_TRAINING);
  const absl::Status status = TryOpen(other);
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("ENVIRONMENT_LIVE"));
}

TEST_F(RocksDbStoreTest, DatabaseWithoutItsRecordIsRefused) {
  Open();
  v1::HeadRecord next;
  next.set_commit(1);
  Batch batch;
  batch.Delete("!");
  ASSERT_TRUE(writer_->Commit(std::move(batch), next).ok());
  ExpectRefused("no record");
}

TEST_F(RocksDbStoreTest, SecondOpenInTheProcessIsRefused) {
  Open();
  const auto second =
      RocksDbStore::Open({.directory = path_, .database = BrokerRecord()});
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status())) << second.status();
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("is locked"));
}

TEST_F(RocksDbStoreTest, DatabaseLockedByAnotherProcessIsRefused) {
  Open();
  Close();
  int locked[2], done[2];
  ASSERT_EQ(pipe(locked), 0);
  ASSERT_EQ(pipe(done), 0);
  const pid_t child = fork();
  if (child == 0) {
    struct flock lock = {};
    lock.l_type = F_WRLCK;
    const int file = open((path_ + "/LOCK").c_str(), O_RDWR);
    const bool held = fcntl(file, F_SETLK, &lock) == 0;
    char byte = held ? 'y' : 'n';
    if (write(locked[1], &byte, 1) != 1) _exit(1);
    close(done[1]);
    _exit(read(done[0], &byte, 1) == 0 ? 0 : 1);
  }
  char byte = 0;
  ASSERT_EQ(read(locked[0], &byte, 1), 1);
  ASSERT_EQ(byte, 'y');
  const absl::Status status = TryOpen();
  close(done[0]);
  close(done[1]);
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("another process"));
  Open();
}

TEST_F(RocksDbStoreTest, UnusableDirectoryIsNamed) {
  std::ofstream(path_) << "a file";
  const absl::Status status = TryOpen();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr(path_));
}

// ------------------------------------------------- behind the mark

TEST_F(RocksDbStoreTest, DatabaseBehindItsMarkIsRefused) {
  Open();
  CommitMany(3);
  Close();
  fs::copy(path_, directory_ / "old", fs::copy_options::recursive);
  Open();
  CommitMany(4);
  Close();
  fs::copy(mark_, directory_ / "mark");
  fs::remove_all(path_);
  fs::copy(directory_ / "old", path_, fs::copy_options::recursive);
  fs::remove(mark_);
  fs::copy(directory_ / "mark", mark_);

  const absl::Status status = TryOpen();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("is at commit 3"));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("commit 7 was acknowledged"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("move " + mark_));

  fs::remove(mark_);  // As the text says.
  Open();
  EXPECT_EQ(head(), 3u);
  ExpectComplete();
}

TEST_F(RocksDbStoreTest, DatabaseWithAnotherHistoryIsRefused) {
  Open();
  CommitMany(1);
  Close();
  fs::copy(mark_, directory_ / "mark");
  fs::remove_all(path_);
  Open();
  v1::HeadRecord other;
  other.set_commit(1);
  other.set_root("another root");
  ASSERT_TRUE(writer_->Commit(Batch(), other).ok());
  Close();
  fs::remove(mark_);
  fs::copy(directory_ / "mark", mark_);
  ExpectRefused("same commit, other root");
}

TEST_F(RocksDbStoreTest, DeletedLogIsRefused) {
  Open();
  CommitMany(3);
  Close();
  fs::remove(File("", ".log"));
  ExpectRefused("deleted log");
}

TEST_F(RocksDbStoreTest, MarkCatchesUpWithARestoredDatabase) {
  Open();
  CommitMany(3);
  Close();
  fs::remove(mark_);
  Open();
  Close();
  fs::remove(File("", ".sst"));
  ExpectRefused("deleted table");
}

TEST_F(RocksDbStoreTest, ADatabaseFromBeforeTheFamiliesIsReadAndGoesOn) {
  v1::HeadRecord head;
  head.set_commit(1);
  {
    rocksdb::Options options;
    options.create_if_missing = true;
    rocksdb::DB* raw = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(options, path_, &raw).ok());
    const std::unique_ptr<rocksdb::DB> db(raw);
    rocksdb::WriteBatch batch;
    batch.Put(kDatabaseKey, BrokerRecord().SerializeAsString());
    batch.Put(kHeadKey, head.SerializeAsString());
    // Idempotency records, none; of leaves and messages one each.
    batch.Put("a1", "leaf 1");
    batch.Put("m1", "message 1");
    ASSERT_TRUE(db->Write({}, &batch).ok());
  }
  Open();
  head.set_commit(2);
  Batch batch;
  for (const char* key : {"a2", "i2", "m2"}) batch.Put(key, "second");
  ASSERT_TRUE(writer_->Commit(std::move(batch), head).ok());
  Open();
  const auto keys = [this](ScanOrder order) {
    const auto entries = store_->Scan({"a", "n"}, 100, order).value();
    std::vector<std::string> found;
    for (const KeyValue& entry : entries) {
      if (entry.key != kHeadKey) found.push_back(entry.key);
    }
    return found;
  };
  EXPECT_THAT(keys(ScanOrder::kAscending),
              ElementsAre("a1", "a2", "i2", "m1", "m2"));
  EXPECT_THAT(keys(ScanOrder::kDescending),
              ElementsAre("m2", "m1", "i2", "a2", "a1"));
  EXPECT_EQ(store_->Get("m1").value(), "message 1");
  EXPECT_EQ(store_->Get("m2").value(), "second");
}

// ------------------------------------------------- damage

TEST_F(RocksDbStoreTest, DamageInTheMiddleOfTheLogIsRefused) {
  Open();
  CommitMany(20);
  Close();
  const std::string log = File("", ".log");
  Flip(log, EndOfLog(log) / 2);
  ExpectRefused("flipped log");
  Flip(log, EndOfLog(log) / 2);
  Open();  // Refusing changed nothing.
  EXPECT_EQ(head(), 20u);
  ExpectComplete();
}

TEST_F(RocksDbStoreTest, DamageInTheLastRecordOfTheLogIsRefused) {
  Open();
  CommitMany(20);
  Close();
  const std::string log = File("", ".log");
  Flip(log, EndOfLog(log) - 3);
  ExpectRefused("flipped last record");
}

TEST_F(RocksDbStoreTest, LogCutShortOfAnAcknowledgedCommitIsRefused) {
  Open();
  CommitMany(20);
  Close();
  const std::string log = File("", ".log");
  fs::resize_file(log, EndOfLog(log) - 1);
  ExpectRefused("short log");
}

TEST_F(RocksDbStoreTest, TornTailOfAnUnacknowledgedCommitOpens) {
  Open();
  CommitMany(20);
  Close();
  const std::string log = File("", ".log");
  // A record of 400 bytes of which 200 were written.
  const std::string torn =
      std::string("crc!\x90\x01\x01", 7) + std::string(200, 'v');
  std::fstream file(log, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(EndOfLog(log)));
  file << torn << std::flush;
  Open();
  EXPECT_EQ(head(), 20u);
  ExpectComplete();
}

TEST_F(RocksDbStoreTest, DamagedTableIsRefused) {
  Open();
  CommitMany(20);
  Open();  // Writes the table.
  Close();
  const std::string table = File("", ".sst");
  Flip(table, 100);
  ExpectRefused("flipped table");
  Flip(table, 100);
  CutToHalf(table);
  ExpectRefused("short table");
}

TEST_F(RocksDbStoreTest, DamageInATableIsFoundWhenReadWithoutTheCheck) {
  Open();
  v1::HeadRecord next = writer_->head();
  next.set_commit(next.commit() + 1);
  Batch batch;
  // Many blocks, so that opening does not read the damaged one.
  for (int i = 0; i < 256; ++i) {
    batch.Put(absl::StrCat("m", KeyOf(i)), std::string(1024, 'v'));
  }
  ASSERT_TRUE(writer_->Commit(std::move(batch), next).ok());
  Open();
  Close();
  const std::vector<std::string> tables = Files(".sst");
  const std::string& table = *std::max_element(
      tables.begin(), tables.end(), [](const auto& a, const auto& b) {
        return fs::file_size(a) < fs::file_size(b);
      });
  Flip(table, fs::file_size(table) / 2);
  auto store = RocksDbStore::Open(
      {.directory = path_, .database = BrokerRecord(), .verify_tables = false});
  ASSERT_TRUE(store.ok()) << store.status();
  absl::Status read;
  for (int i = 0; i < 256 && read.ok(); ++i) {
    read = (*store)->Get(absl::StrCat("m", KeyOf(i))).status();
  }
  const absl::Status scan = (*store)->Scan({"m", "n"}, 1000).status();
  for (const absl::Status& damaged : {read, scan}) {
    EXPECT_TRUE(absl::IsDataLoss(damaged)) << damaged;
    EXPECT_THAT(
        std::string(damaged.message()),
        AllOf(HasSubstr("is damaged"), HasSubstr("restore the newest backup")));
  }
}

// RocksDB 7.8.3 frees the range deletions of a table twice when the next older
// one cannot be opened for an iterator (its pull request 12805). A start opens
// 16 tables at once, and the others when they are read, unless it may keep all.
TEST_F(RocksDbStoreTest, ATableThatCannotBeOpenedEndsTheStartCleanly) {
  Open();
  CommitMany(3);
  Close();
  {
    rocksdb::Options options;
    options.disable_auto_compactions = true;
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    const std::unique_ptr<rocksdb::DB> db = OpenRaw(options, &handles);
    for (int i = 0; i < 20; ++i) {
      ASSERT_TRUE(db->Put({}, handles[0], "z/", "value").ok());
      ASSERT_TRUE(db->DeleteRange({}, handles[0], "y/", "y0").ok());
      ASSERT_TRUE(db->Flush({}, handles[0]).ok());
    }
    for (rocksdb::ColumnFamilyHandle* const family : handles) {
      EXPECT_TRUE(db->DestroyColumnFamilyHandle(family).ok());
    }
  }
  for (const std::string& table : Files(".sst")) {
    const absl::Status status =
        RocksDbStore::Open(
            {.directory = path_,
             .database = BrokerRecord(),
             .file_system = std::make_shared<OneFileUnopenable>(table),
             .verify_tables = false})
            .status();
    EXPECT_FALSE(status.ok()) << table;
    EXPECT_THAT(std::string(status.message()), HasSubstr("unopenable"));
  }
  Open();
  EXPECT_EQ(head(), 3u);
}

TEST_F(RocksDbStoreTest, DamageThatNobodyReadsIsFoundByCheckTables) {
  Open();
  CommitMany(20);
  Open();
  Close();
  const RocksDbStore::Options options = {
      .directory = path_, .database = BrokerRecord(), .verify_tables = false};
  auto store = RocksDbStore::Open(options);
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_TRUE((*store)->CheckTables([] { return true; }).ok());
  EXPECT_TRUE(absl::IsCancelled((*store)->CheckTables([] { return false; })));
  Flip(File("", ".sst"), 100);
  const absl::Status damaged = (*store)->CheckTables([] { return true; });
  EXPECT_TRUE(absl::IsDataLoss(damaged)) << damaged;
  EXPECT_THAT(std::string(damaged.message()), HasSubstr(".sst is damaged"));
}

TEST_F(RocksDbStoreTest, TablesAreCheckedByTheChecksumTheyWereWrittenWith) {
  Open();
  CommitMany(20);
  Close();
  WriteTablesAnew(rocksdb::GetFileChecksumGenCrc32cFactory());
  Open();
  EXPECT_TRUE(store_->CheckTables([] { return true; }).ok());
  Flip(File("", ".sst"), 100);
  const absl::Status damaged = store_->CheckTables([] { return true; });
  EXPECT_TRUE(absl::IsDataLoss(damaged)) << damaged;
}

TEST_F(RocksDbStoreTest, TablesOfANewerProgramAreNotCalledDamaged) {
  Open();
  CommitMany(20);
  Close();
  WriteTablesAnew(std::make_shared<ChecksumsOfTomorrow>());
  const absl::Status status = RocksDbStore::Open({.directory = path_,
                                                  .database = BrokerRecord(),
                                                  .verify_tables = false})
                                  .status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("OfTomorrow"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("newer program"));
}

// Tables that a compaction replaces meanwhile are no damage.
TEST_F(RocksDbStoreTest, CheckTablesRunsBesideCommits) {
  write_buffer_bytes_ = 64 << 10;
  Open();
  CommitMany(500);
  const absl::Status checked = store_->CheckTables([this] {
    CommitMany(20);
    return true;
  });
  EXPECT_TRUE(checked.ok()) << checked;
}

TEST_F(RocksDbStoreTest, DamagedManifestIsRefused) {
  Open();
  CommitMany(20);
  Open();
  Close();
  const std::string manifest = File("MANIFEST", "");
  Flip(manifest, fs::file_size(manifest) / 2);
  ExpectRefused("flipped manifest");
  Flip(manifest, fs::file_size(manifest) / 2);
  CutToHalf(manifest);
  ExpectRefused("short manifest");
  fs::remove(manifest);
  ExpectRefused("no manifest");
}

TEST_F(RocksDbStoreTest, DamagedCurrentFileIsRefused) {
  Open();
  CommitMany(20);
  Close();
  const std::string current = path_ + "/CURRENT";
  Flip(current, 12);
  ExpectRefused("flipped CURRENT");
  Flip(current, 12);
  CutToHalf(current);
  ExpectRefused("short CURRENT");
  fs::resize_file(current, 0);
  ExpectRefused("empty CURRENT");
}

TEST_F(RocksDbStoreTest, MissingCurrentFileIsRefusedAndNothingRemoved) {
  Open();
  CommitMany(20);
  Close();
  const std::string log = File("", ".log");
  fs::rename(path_ + "/CURRENT", directory_ / "CURRENT");
  ExpectRefused("no CURRENT");
  EXPECT_TRUE(fs::exists(log));
  fs::rename(directory_ / "CURRENT", path_ + "/CURRENT");
  Open();
  ExpectComplete();
}

TEST_F(RocksDbStoreTest, DamagedMarkIsRefused) {
  Open();
  CommitMany(20);
  Close();
  CutToHalf(mark_);
  ExpectRefused("short mark");
}

// Where the first record in the last block of a log file begins (the format is
// RocksDB's: blocks of 32 KiB; records of checksum, length, type, bytes).
uint64_t StartOfLastBlock(const std::string& log) {
  return (fs::file_size(log) - 1) / 32768 * 32768;
}

// Two log files are alive when a crash comes between filling a write buffer
// and writing its table. Damage in the first looks like the end of the log.
TEST_F(RocksDbStoreTest, HoleBetweenTwoLogsIsRefused) {
  Open();
  Close();  // RocksDB itself goes on, so that the table can be held back.
  const std::string crashed = directory_ / "crashed";
  {
    rocksdb::Options options;
    options.write_buffer_size = 128 << 10;
    options.max_write_buffer_number = 4;
    options.track_and_verify_wals_in_manifest = true;
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    const std::unique_ptr<rocksdb::DB> db = OpenRaw(options, &handles);
    ASSERT_NE(db, nullptr);
    KeyFamilies families(db.get(), handles);
    ASSERT_TRUE(families.Find().ok());
    ASSERT_TRUE(db->PauseBackgroundWork().ok());
    rocksdb::WriteOptions write_options;
    write_options.sync = true;
    v1::HeadRecord head;
    const size_t logs_before = Files(".log").size();
    for (uint64_t i = 1; Files(".log").size() < logs_before + 1; ++i) {
      head.set_commit(i);
      rocksdb::WriteBatch batch;
      batch.Put(KeyOf(i), ValueOf(i));
      for (const char letter : kFamilies) {
        const std::string key = absl::StrCat(std::string(1, letter), KeyOf(i));
        batch.Put(families.Of(key), key, absl::StrCat(i));
      }
      batch.Put(kHeadKey, head.SerializeAsString());
      ASSERT_TRUE(db->Write(write_options, &batch).ok());
    }
    absl::StatusOr<HighWaterMark> mark =
        HighWaterMark::Open(rocksdb::FileSystem::Default().get(), mark_);
    ASSERT_TRUE(mark.ok() && mark->Advance(head).ok());
    fs::copy(path_, crashed, fs::copy_options::recursive);
    ASSERT_TRUE(db->ContinueBackgroundWork().ok());
  }
  const auto restore_crashed = [&] {
    fs::remove_all(path_);
    fs::copy(crashed, path_, fs::copy_options::recursive);
  };
  restore_crashed();
  Open();
  EXPECT_GT(head(), 100u);
  ExpectComplete();
  Close();
  restore_crashed();
  const std::vector<std::string> logs = Files(".log");
  ASSERT_GE(logs.size(), 2u);
  const std::string& first = logs[logs.size() - 2];
  Flip(first, StartOfLastBlock(first) + 5, /*bit=*/7);
  ExpectRefused("hole");
}

// A manifest cut short looks like one torn by a crash: RocksDB forgets its last
// table, whose log is gone, and goes on with the log that came after.
TEST_F(RocksDbStoreTest, ManifestCutAnywhereLosesNothingSilently) {
  write_buffer_bytes_ = 64 << 10;
  Open();
  CommitMany(300);
  Open();  // Writes the table of the last of them; a new log begins.
  CommitMany(40);
  CutManifestAnywhere();
}

// All that says which column families there are.
TEST_F(RocksDbStoreTest, AFirstManifestCutAnywhereLosesNothingSilently) {
  Open();
  CommitMany(40);
  CutManifestAnywhere();
}

// Tables that do not overlap are moved to where they stay, never merged.
TEST_F(RocksDbStoreTest, TablesOfWhatIsOnlyAppendedDoNotOverlap) {
  write_buffer_bytes_ = 64 << 10;
  Open();
  for (int i = 0; i < 60; ++i) {
    CommitMany(10);
    v1::HeadRecord next = writer_->head();  // Nothing of the families.
    next.set_commit(next.commit() + 1);
    ASSERT_TRUE(writer_->Commit(Batch(), next).ok());
  }
  Close();
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  const std::unique_ptr<rocksdb::DB> db = OpenRaw({}, &handles);
  ASSERT_NE(db, nullptr);
  const KeyFamilies families(db.get(), handles);
  std::vector<rocksdb::LiveFileMetaData> tables;
  db->GetLiveFilesMetaData(&tables);
  std::sort(tables.begin(), tables.end(), [](const auto& a, const auto& b) {
    return std::tie(a.column_family_name, a.smallestkey) <
           std::tie(b.column_family_name, b.smallestkey);
  });
  size_t neighbours = 0;
  for (size_t i = 1; i < tables.size(); ++i) {
    const std::string& family = tables[i].column_family_name;
    if (family != "messages" && family != "leaves") continue;
    if (family != tables[i - 1].column_family_name) continue;
    ++neighbours;
    EXPECT_LT(tables[i - 1].largestkey, tables[i].smallestkey) << family;
  }
  EXPECT_GT(neighbours, 2u);
}

// What a family got last may be gone since.
TEST_F(RocksDbStoreTest, AFamilyWhoseLastKeyWasDeletedIsNotDamaged) {
  Open();
  CommitMany(3);
  v1::HeadRecord next = writer_->head();
  next.set_commit(next.commit() + 1);
  Batch batch;
  batch.Delete(absl::StrCat("i", KeyOf(3)));
  batch.DeleteRange("m", "n");
  ASSERT_TRUE(writer_->Commit(std::move(batch), next).ok());
  Open();
  EXPECT_EQ(store_->Get(absl::StrCat("m", KeyOf(3))).value(), std::nullopt);
  Open();
}

// A start writes each family's table into it by itself.
TEST_F(RocksDbStoreTest, ASecondManifestCutAnywhereLosesNothingSilently) {
  Open();
  CommitMany(40);
  Open();
  CutManifestAnywhere();
}

TEST_F(RocksDbStoreTest, AFamilyOfANewerProgramIsRefused) {
  Open();
  Close();
  {
    rocksdb::Options options;
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    const std::unique_ptr<rocksdb::DB> db = OpenRaw(options, &handles);
    ASSERT_NE(db, nullptr);
    const KeyFamilies families(db.get(), handles);
    rocksdb::ColumnFamilyHandle* later = nullptr;
    ASSERT_TRUE(db->CreateColumnFamily(options, "later", &later).ok());
    db->DestroyColumnFamilyHandle(later);
  }
  const absl::Status status = TryOpen();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("later"));
}

// Damage anywhere is either refused or harmless.
TEST_F(RocksDbStoreTest, NoSingleDamageLosesACommitSilently) {
  write_buffer_bytes_ = 64 << 10;
  Open();
  CommitMany(300);
  Open();
  CommitMany(40);
  Close();
  const std::string whole = directory_ / "whole";
  fs::rename(path_, whole);
  const uint64_t seed = SeedFor(7);
  std::mt19937_64 random(seed);
  int refused = 0;
  for (int i = 0; i < 150; ++i) {
    Close();
    fs::remove_all(path_);
    fs::copy(whole, path_, fs::copy_options::recursive);
    std::vector<std::string> files = Files("");
    const std::string file = files[random() % files.size()];
    const uint64_t size = fs::file_size(file);
    if (size == 0) continue;
    const uint64_t offset = random() % size;
    const bool flip = random() % 3 != 0;
    SCOPED_TRACE(absl::StrCat("BATON_SEED=", seed, " ", file,
                              flip ? " flipped at " : " cut at ", offset));
    const int bit = static_cast<int>(random() % 8);
    if (flip && EndsAtAnAssertion(file, offset, bit)) continue;
    flip ? Flip(file, offset, bit) : fs::resize_file(file, offset);
    const absl::Status status = TryOpen();
    if (!status.ok()) {
      ++refused;
      EXPECT_TRUE(absl::IsDataLoss(status)) << status;
      continue;
    }
    EXPECT_EQ(head(), 340u);
    ExpectComplete();
    ASSERT_FALSE(HasFailure());
  }
  EXPECT_GT(refused, 20);  // A third of the files means nothing to it.
}

TEST_F(RocksDbStoreTest, FailedMarkStopsAlthoughTheCommitIsSynced) {
  Open();
  CommitMany(1);
  file_system_->CutAfter(2);  // Append and sync of the log; then the mark.
  const absl::Status status = CommitNext();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("high-water mark"));
  Close();
  file_system_->Restore();
  Open();
  EXPECT_EQ(head(), 2u);
  ExpectComplete();
}

TEST_F(RocksDbStoreTest, HighWaterMarkSurvivesAPowerCutOnceSynced) {
  Open();
  CommitMany(3);
  ASSERT_TRUE(store_->SyncHighWaterMark().ok());
  file_system_->Cut();
  EXPECT_FALSE(store_->SyncHighWaterMark().ok());
  Close();
  file_system_->Restore();
  fs::remove(File("", ".log"));
  ExpectRefused("deleted log");
}

}  // namespace
}  // namespace baton
