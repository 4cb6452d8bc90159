#include "storage/table_checksum.h"

#include <cstdio>
#include <cstdlib>
#include <string>

#include "xxhash.h"

namespace baton {
namespace {

// In manifests for ever.
constexpr char kName[] = "FileChecksumXxh3";

struct FreeState {
  void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
};

class Xxh3Checksum final : public rocksdb::FileChecksumGenerator {
 public:
  Xxh3Checksum() : state_(XXH3_createState()) {
    if (state_ == nullptr || XXH3_64bits_reset(state_.get()) == XXH_ERROR) {
      std::fprintf(stderr, "table checksum: no memory\n");
      std::abort();
    }
  }

  void Update(const char* data, size_t size) override {
    XXH3_64bits_update(state_.get(), data, size);
  }

  void Finalize() override {
    XXH64_canonical_t bytes;
    XXH64_canonicalFromHash(&bytes, XXH3_64bits_digest(state_.get()));
    checksum_.assign(reinterpret_cast<const char*>(bytes.digest),
                     sizeof(bytes.digest));
  }

  std::string GetChecksum() const override { return checksum_; }
  const char* Name() const override { return kName; }

 private:
  const std::unique_ptr<XXH3_state_t, FreeState> state_;
  std::string checksum_;
};

class Factory final : public rocksdb::FileChecksumGenFactory {
 public:
  std::unique_ptr<rocksdb::FileChecksumGenerator> CreateFileChecksumGenerator(
      const rocksdb::FileChecksumGenContext& context) override {
    const std::string& wanted = context.requested_checksum_func_name;
    if (wanted.empty() || wanted == kName) {
      return std::make_unique<Xxh3Checksum>();
    }
    return rocksdb::GetFileChecksumGenCrc32cFactory()
        ->CreateFileChecksumGenerator(context);
  }

  const char* Name() const override { return "TableChecksums"; }
};

}  // namespace

std::shared_ptr<rocksdb::FileChecksumGenFactory> TableChecksums() {
  return std::make_shared<Factory>();
}

}  // namespace baton
