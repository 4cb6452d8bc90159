// RocksDB's CRC32c, which its own library computes by tables and ours by
// instructions (storage/log_checksum.cc).

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>

#include "gtest/gtest.h"

// By the linker: what RocksDB calls, and what it would have called.
namespace rocksdb::crc32c {
uint32_t Extend(uint32_t crc, const char* data, size_t size);
}  // namespace rocksdb::crc32c
extern "C" uint32_t __real__ZN7rocksdb6crc32c6ExtendEjPKcm(uint32_t crc,
                                                           const char* data,
                                                           size_t size);
extern "C" uint32_t __wrap__ZN7rocksdb6crc32c6ExtendEjPKcm(uint32_t crc,
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

TEST(LogChecksumTest, IsWhatRocksDbCalls) {
  EXPECT_EQ(&rocksdb::crc32c::Extend, &__wrap__ZN7rocksdb6crc32c6ExtendEjPKcm);
}

TEST(LogChecksumTest, IsTheLibrarysOwnForEveryLengthPlaceAndBeginning) {
  std::mt19937 random(1);
  std::string bytes(4096, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  uint32_t crc = 0;
  for (size_t size = 0; size < 600; ++size) {
    for (size_t from = 0; from < 9; ++from) {
      const uint32_t next =
          __real__ZN7rocksdb6crc32c6ExtendEjPKcm(crc, &bytes[from], size);
      ASSERT_EQ(rocksdb::crc32c::Extend(crc, &bytes[from], size), next)
          << size << " bytes from " << from;
      crc = next;
    }
  }
  EXPECT_EQ(
      rocksdb::crc32c::Extend(crc, bytes.data(), bytes.size()),
      __real__ZN7rocksdb6crc32c6ExtendEjPKcm(crc, bytes.data(), bytes.size()));
}

}  // namespace
