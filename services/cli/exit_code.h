#ifndef BATON_SERVICES_CLI_EXIT_CODE_H_
#define BATON_SERVICES_CLI_EXIT_CODE_H_

namespace baton::cli {

// What scripts may rely on; printed by --help and in the README.
enum class ExitCode {
  kOk = 0,
  kError = 1,        // The call failed, or this machine did.
  kUsage = 2,        // The command, a flag, a file or the configuration.
  kUnreachable = 3,  // Nobody answered: what became of it is not known.
  kRefused = 4,      // The service answered, and refused.
  kAuditFailed = 5,  // The audit log is not what it was.
  kHeld = 6,         // Accepted on this machine's disk, NOT sent.
};

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_EXIT_CODE_H_
