#ifndef BATON_STORAGE_FORMAT_H_
#define BATON_STORAGE_FORMAT_H_

namespace baton {

// Version of every format on disk: keys (keys.h), records (record.proto), the
// audit leaves and the vault. Raised with any change an older program could
// not read; a newer database is refused. tests/system/fixtures holds databases
// of each version, and a test opens them.
inline constexpr int kFormatVersion = 2;

}  // namespace baton

#endif  // BATON_STORAGE_FORMAT_H_
