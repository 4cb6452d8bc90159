#include "tests/support/temp_dir.h"

#include <cstdlib>
#include <filesystem>

#include "gtest/gtest.h"

namespace baton {

TempDir::TempDir() : path_(testing::TempDir() + "/baton-XXXXXX") {
  if (mkdtemp(path_.data()) == nullptr) std::abort();
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace baton
