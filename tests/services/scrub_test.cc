#include "services/broker/scrub.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>

#include "gtest/gtest.h"
#include "storage/store_writer.h"
#include "tests/support/temp_dir.h"

namespace baton {
namespace {

namespace fs = std::filesystem;

class ScrubTest : public testing::Test {
 protected:
  RocksDbStore::Options Options() const {
    RocksDbStore::Options options;
    options.directory = dir_ / "db";
    options.database.set_format_version(1);
    options.verify_tables = false;
    return options;
  }

  // A database with one table; opened without looking at it.
  void SetUp() override {
    {
      auto store = RocksDbStore::Open(Options());
      ASSERT_TRUE(store.ok()) << store.status();
      auto writer = StoreWriter::Open(store->get());
      Batch batch;
      batch.Put("k", std::string(10000, 'v'));
      v1::HeadRecord head;
      head.set_commit(1);
      ASSERT_TRUE(writer->Commit(std::move(batch), head).ok());
    }
    auto store = RocksDbStore::Open(Options());
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  void DamageTables() {
    for (const auto& entry : fs::directory_iterator(dir_ / "db")) {
      if (entry.path().extension() != ".sst") continue;
      std::fstream file(entry.path(), std::ios::in | std::ios::out);
      file.seekg(100);
      const char byte = static_cast<char>(file.get());
      file.seekp(100);
      file.put(static_cast<char>(byte ^ 1));
    }
  }

  TempDir dir_;
  std::unique_ptr<RocksDbStore> store_;
};

TEST_F(ScrubTest, DamageIsReportedWithoutAnybodyReadingIt) {
  DamageTables();
  const Scrub scrub(store_.get());
  while (scrub.status().ok()) std::this_thread::yield();
  EXPECT_TRUE(absl::IsDataLoss(scrub.status())) << scrub.status();
}

}  // namespace
}  // namespace baton
