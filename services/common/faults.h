#ifndef BATON_SERVICES_COMMON_FAULTS_H_
#define BATON_SERVICES_COMMON_FAULTS_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// Errors that list everything wrong at once, as google.rpc details in the
// payloads of an absl::Status; services/common/rpc_status.h carries them over
// the wire.
namespace baton {

// Collects what is wrong with a request or a configuration.
class Faults {
 public:
  // `field` is a path such as "messages[0].ordering_key"; `description` says
  // what is wrong and what to do, without the value when it may be personal.
  void Add(absl::string_view field, absl::string_view description);

  // Adds the faults of another's ToStatus(), or the status itself.
  void AddAll(const absl::Status& status);

  // The same faults, each field renamed: a path becomes a place in a file.
  Faults Mapped(
      const std::function<std::string(absl::string_view)>& rename) const;

  bool empty() const { return faults_.empty(); }

  // OK when empty; otherwise INVALID_ARGUMENT with a google.rpc.BadRequest.
  absl::Status ToStatus() const;

 private:
  struct Fault {
    std::string field;
    std::string description;
  };
  std::vector<Fault> faults_;
};

// RESOURCE_EXHAUSTED with google.rpc.RetryInfo and QuotaFailure: which limit,
// and when to try again.
absl::Status LimitReached(absl::string_view limit, absl::string_view what,
                          absl::Duration retry_after);

// UNAVAILABLE with google.rpc.RetryInfo: when to connect again.
absl::Status Stopping(absl::string_view what, absl::Duration retry_after);

// `status` with a google.rpc.ErrorInfo of domain "baton": `reason` is an
// UPPER_CASE name that programs may rely on.
absl::Status WithReason(absl::Status status, absl::string_view reason);

// `status` as a serialized google.rpc.Status, with its details.
std::string SerializeStatus(const absl::Status& status);

// The reason of WithReason, or empty.
std::string ReasonOf(const absl::Status& status);

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_FAULTS_H_
