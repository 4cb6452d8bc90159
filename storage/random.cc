#include "storage/random.h"

#include <openssl/rand.h>

#include <cstdio>
#include <cstdlib>

namespace baton {

std::string SystemRandom::Bytes(size_t count) {
  std::string bytes(count, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()),
                 static_cast<int>(count)) != 1) {
    std::fprintf(stderr, "random: the system's generator failed\n");
    std::abort();
  }
  return bytes;
}

}  // namespace baton
