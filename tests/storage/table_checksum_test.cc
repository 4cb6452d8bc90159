#include "storage/table_checksum.h"

#include <string>

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"

namespace baton {
namespace {

std::unique_ptr<rocksdb::FileChecksumGenerator> Make(const std::string& name) {
  rocksdb::FileChecksumGenContext context;
  context.requested_checksum_func_name = name;
  return TableChecksums()->CreateFileChecksumGenerator(context);
}

std::string ChecksumOf(rocksdb::FileChecksumGenerator* checksum) {
  checksum->Finalize();
  return absl::BytesToHexString(checksum->GetChecksum());
}

// The number that xxHash's specification gives for no bytes.
TEST(TableChecksumTest, OfNoBytesIsThePublishedOne) {
  EXPECT_EQ(ChecksumOf(Make("").get()), "2d06800538d394c2");
}

TEST(TableChecksumTest, DependsOnTheBytesAndNotOnTheirPieces) {
  std::string bytes(100'000, 'x');
  const auto whole = Make("");
  whole->Update(bytes.data(), bytes.size());
  const auto pieces = Make(whole->Name());
  for (size_t at = 0; at < bytes.size(); at += 777) {
    const std::string piece = bytes.substr(at, 777);
    pieces->Update(piece.data(), piece.size());
  }
  const std::string checksum = ChecksumOf(whole.get());
  EXPECT_EQ(ChecksumOf(pieces.get()), checksum);

  bytes[50'000] ^= 1;
  const auto damaged = Make("");
  damaged->Update(bytes.data(), bytes.size());
  EXPECT_NE(ChecksumOf(damaged.get()), checksum);
}

TEST(TableChecksumTest, KnowsThatOfOlderTablesAndNoOther) {
  const auto older = Make(rocksdb::kStandardDbFileChecksumFuncName);
  ASSERT_NE(older, nullptr);
  EXPECT_STREQ(older->Name(), rocksdb::kStandardDbFileChecksumFuncName);
  EXPECT_EQ(Make("FileChecksumOfTomorrow"), nullptr);
}

}  // namespace
}  // namespace baton
