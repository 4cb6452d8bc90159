#ifndef BATON_SERVICES_CLI_CHECKPOINT_FILE_H_
#define BATON_SERVICES_CLI_CHECKPOINT_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// The last signed tree head this reader saw: what catches a log that was
// rewritten in between. Plain text, exactly the signed note.
namespace baton::cli {

// The note in `file`; empty when there is no such file yet. INTERNAL when it
// is there and cannot be read: an unreadable memory must not pass for none.
absl::StatusOr<std::string> ReadCheckpointFile(const std::string& file);

// Replaces `file` by `note`: after a power cut it holds the old note or the
// new one, whole.
absl::Status WriteCheckpointFile(const std::string& file,
                                 absl::string_view note);

// Keeps `note`, which contradicts `file`, beside it as "<file>.conflict",
// ".conflict-2", ...: never over earlier evidence. Returns the name.
absl::StatusOr<std::string> KeepEvidence(const std::string& file,
                                         absl::string_view note);

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_CHECKPOINT_FILE_H_
