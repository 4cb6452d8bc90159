// RocksDB's CRC32c, which its own library computes by tables and ours by
// instructions (storage/log_checksum.cc).

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

// By the linker: what RocksDB calls, and what it would have called.
namespace rocksdb::crc32c {
uint32_t Extend(uint32_t crc, const char* data, size_t size);
}  // namespace rocksdb::crc32c
extern "C" uint32_t __real__ZN7rocksdb6crc32c6ExtendEjPKcm(uint32_t crc,
                                                           const char* data,
                                                           size_t size);
namespace {

// RFC 3720, appendix B.4.
TEST(LogChecksumTest, IsCrc32c) {
  const std::string zeros(32, '\0');
  EXPECT_EQ(rocksdb::crc32c::Extend(0, zeros.data(), zeros.size()),
            0x8a9136aaU);
  const std::string digits = "123456789";
  EXPECT_EQ(rocksdb::crc32c::Extend(0, digits.data(), digits.size()),
            0xe3069283U);
}

// ISA-L has a constant for each multiple of 24 bytes up to 3,072, and another
// loop beyond 6,144; a record of the log has up to 32 KiB.
TEST(LogChecksumTest, IsTheLibrarysOwnForEveryLengthPlaceAndBeginning) {
  std::vector<size_t> sizes(3100);
  std::iota(sizes.begin(), sizes.end(), 0);
  sizes.insert(sizes.end(), {6143, 6144, 6145, 6146, 32761, 65537});
  std::mt19937 random(1);
  std::string bytes(65546, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  uint32_t crc = 0;
  for (const size_t size : sizes) {
    for (size_t from = 0; from < 9; ++from) {
      const uint32_t next =
          __real__ZN7rocksdb6crc32c6ExtendEjPKcm(crc, &bytes[from], size);
      ASSERT_EQ(rocksdb::crc32c::Extend(crc, &bytes[from], size), next)
          << size << " bytes from " << from;
      crc = next;
    }
  }
}

}  // namespace
