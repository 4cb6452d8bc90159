#include "tests/support/source_file.h"

namespace baton {

// Not from __FILE__: ccache may make that relative.
std::string SourceFile(const std::string& path) {
  return BATON_SOURCE_DIR "/" + path;
}

}  // namespace baton
