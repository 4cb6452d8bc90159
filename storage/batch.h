#ifndef BATON_STORAGE_BATCH_H_
#define BATON_STORAGE_BATCH_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace baton {

// Writes that become visible and durable together, or not at all. Holds at
// most one write per key: a later Put or Delete replaces an earlier one.
//
// Not thread-safe.
class Batch {
 public:
  struct Write {
    std::string key;
    std::optional<std::string> value;  // Empty: the key is deleted.
  };
  struct Range {
    std::string begin;  // Included.
    std::string end;    // Not included.
  };

  void Put(absl::string_view key, std::string value);
  void Delete(absl::string_view key);

  // Deletes every key in [begin, end) that the store holds. No key written by
  // this batch may lie in it (stores such as etcd refuse the overlap); checked.
  void DeleteRange(absl::string_view begin, absl::string_view end);

  // The write of `key`, or null when this batch does not touch it.
  const Write* Find(absl::string_view key) const;

  const std::vector<Write>& writes() const { return writes_; }
  const std::vector<Range>& ranges() const { return ranges_; }
  bool empty() const { return writes_.empty() && ranges_.empty(); }
  size_t operations() const { return writes_.size() + ranges_.size(); }
  // Bytes of all keys and values.
  size_t bytes() const { return bytes_; }

 private:
  Write& At(absl::string_view key);

  std::vector<Write> writes_;
  std::vector<Range> ranges_;
  absl::flat_hash_map<std::string, size_t> index_;
  size_t bytes_ = 0;
};

}  // namespace baton

#endif  // BATON_STORAGE_BATCH_H_
