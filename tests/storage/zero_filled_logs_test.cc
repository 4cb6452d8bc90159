#include "storage/zero_filled_logs.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/temp_dir.h"

namespace baton {
namespace {

constexpr size_t kFill = ZeroFilledLogs::kFillBytes;

class ZeroFilledLogsTest : public testing::Test {
 protected:
  std::unique_ptr<rocksdb::FSWritableFile> New(const std::string& name) {
    std::unique_ptr<rocksdb::FSWritableFile> file;
    const rocksdb::IOStatus status = file_system_.NewWritableFile(
        directory_ / name, rocksdb::FileOptions(), &file, nullptr);
    EXPECT_TRUE(status.ok()) << status.ToString();
    return file;
  }

  static void Append(const std::string& bytes, rocksdb::FSWritableFile* file) {
    ASSERT_TRUE(file->Append(bytes, rocksdb::IOOptions(), nullptr).ok());
    ASSERT_TRUE(file->Sync(rocksdb::IOOptions(), nullptr).ok());
  }

  std::string Content(const std::string& name) const {
    std::ifstream file(directory_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  TempDir directory_;
  ZeroFilledLogs file_system_{rocksdb::FileSystem::Default()};
};

TEST_F(ZeroFilledLogsTest, LogGrowsByFillsNotByAppends) {
  const auto log = New("000007.log");
  Append("one", log.get());
  EXPECT_EQ(std::filesystem::file_size(directory_ / "000007.log"), kFill);
  Append(std::string(kFill - 3, 'x'), log.get());
  EXPECT_EQ(std::filesystem::file_size(directory_ / "000007.log"), kFill);
  Append("two", log.get());
  EXPECT_EQ(std::filesystem::file_size(directory_ / "000007.log"), 2 * kFill);
  EXPECT_EQ(log->GetFileSize(rocksdb::IOOptions(), nullptr), kFill + 3);
}

TEST_F(ZeroFilledLogsTest, LogHoldsWhatWasAppendedThenZeros) {
  const auto log = New("000007.log");
  const std::string large(2 * kFill + 5, 'y');
  Append("one", log.get());
  Append(large, log.get());
  ASSERT_TRUE(log->Close(rocksdb::IOOptions(), nullptr).ok());
  std::string expected = "one" + large;
  expected.resize(3 * kFill, '\0');
  EXPECT_TRUE(Content("000007.log") == expected);
}

TEST_F(ZeroFilledLogsTest, LogOfTheSameNameBeginsEmpty) {
  Append("old", New("000007.log").get());
  Append("n", New("000007.log").get());
  EXPECT_EQ(Content("000007.log").substr(0, 3), std::string("n\0\0", 3));
}

TEST_F(ZeroFilledLogsTest, OtherFilesAreAppendedTo) {
  const auto table = New("000008.sst");
  Append("one", table.get());
  ASSERT_TRUE(table->Close(rocksdb::IOOptions(), nullptr).ok());
  EXPECT_EQ(Content("000008.sst"), "one");
}

}  // namespace
}  // namespace baton
