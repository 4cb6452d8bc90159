// The checksum of every record of RocksDB's log, and of whatever else it checks
// by CRC32c. Debian builds it by tables, a byte in a nanosecond, which is a
// twentieth of what a streamed message costs; ISA-L has the processor's own
// instructions. Where RocksDB is linked into our programs the linker's --wrap
// (CMakeLists.txt) brings its calls here; elsewhere they stay where they were.
// Both give the same number: what one has written the other reads.

#include <isa-l/crc.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace {

constexpr size_t kMaxBytesAtOnce = size_t{1} << 30;  // ISA-L counts in an int.

}  // namespace

// rocksdb::crc32c::Extend(uint32_t, const char*, size_t).
extern "C" uint32_t __wrap__ZN7rocksdb6crc32c6ExtendEjPKcm(uint32_t crc,
                                                           const char* data,
                                                           size_t size) {
  // ISA-L leaves it to its caller to turn the bits before and after.
  uint32_t turned = ~crc;
  while (size > 0) {
    const size_t part = std::min(size, kMaxBytesAtOnce);
    // It only reads, whatever its declaration says.
    turned =
        crc32_iscsi(reinterpret_cast<unsigned char*>(const_cast<char*>(data)),
                    static_cast<int>(part), turned);
    data += part;
    size -= part;
  }
  return ~turned;
}
