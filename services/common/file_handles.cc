#include "services/common/file_handles.h"

#include <sys/resource.h>

#include <cerrno>

#include "absl/strings/str_cat.h"

namespace baton {

absl::Status RequireFileHandles(uint64_t needed) {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return absl::ErrnoToStatus(errno, "cannot read the limit of open files");
  }
  if (limit.rlim_max < needed) {
    return absl::FailedPreconditionError(absl::StrCat(
        "at most ", limit.rlim_max, " files and connections may be open, but ",
        needed, " are needed: set LimitNOFILE=", needed,
        " in the systemd unit, or 'ulimit -n ", needed,
        "' before the start; or lower limits.max_streams"));
  }
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return absl::ErrnoToStatus(errno, "cannot raise the limit of open files");
  }
  return absl::OkStatus();
}

}  // namespace baton
