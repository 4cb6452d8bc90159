#ifndef BATON_SERVICES_CLI_INPUT_H_
#define BATON_SERVICES_CLI_INPUT_H_

#include <string>

#include "absl/status/status.h"
#include "google/protobuf/message.h"

namespace baton::cli {

// Fills `message` from a file of a whole request: ".json" (protobuf's JSON
// mapping) or ".txtpb" (text format), at most 1 MiB. INVALID_ARGUMENT says
// what is wrong, in text format with line and column.
absl::Status ReadMessage(const std::string& file,
                         google::protobuf::Message* message);

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_INPUT_H_
