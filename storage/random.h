#ifndef BATON_STORAGE_RANDOM_H_
#define BATON_STORAGE_RANDOM_H_

#include <cstddef>
#include <string>

namespace baton {

// Where keys, salts and nonces come from. Passed in, so that a simulator can
// own it. Thread-safe.
class RandomSource {
 public:
  virtual ~RandomSource() = default;
  virtual std::string Bytes(size_t count) = 0;
};

// The operating system's generator, through OpenSSL.
class SystemRandom final : public RandomSource {
 public:
  std::string Bytes(size_t count) override;
};

}  // namespace baton

#endif  // BATON_STORAGE_RANDOM_H_
