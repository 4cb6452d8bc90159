#ifndef BATON_SERVICES_COMMON_PORT_FILE_H_
#define BATON_SERVICES_COMMON_PORT_FILE_H_

#include <string>

#include "absl/status/status.h"

namespace baton {

// Writes the port a server listens on to `file` (unless empty), by rename: who
// sees the file sees all of it. FAILED_PRECONDITION names the file.
absl::Status WritePortFile(const std::string& file, int port);

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_PORT_FILE_H_
