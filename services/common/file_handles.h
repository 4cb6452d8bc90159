#ifndef BATON_SERVICES_COMMON_FILE_HANDLES_H_
#define BATON_SERVICES_COMMON_FILE_HANDLES_H_

#include <cstdint>

#include "absl/status/status.h"

namespace baton {

// Makes sure that this process may have `needed` files and connections open,
// raising its soft limit to the hard one. FAILED_PRECONDITION says what to set
// when that is not enough: better now than in the middle of a night.
absl::Status RequireFileHandles(uint64_t needed);

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_FILE_HANDLES_H_
