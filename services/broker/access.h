#ifndef BATON_SERVICES_BROKER_ACCESS_H_
#define BATON_SERVICES_BROKER_ACCESS_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "baton/v1/agency.pb.h"
#include "baton/v1/config.pb.h"
#include "baton/v1/message.pb.h"
#include "services/common/faults.h"

namespace baton {

// The access policy: default deny, from one file. Immutable; thread-safe.
class Access {
 public:
  // Reports every fault of `policy`, with paths as in its file.
  static Access Create(v1::AccessPolicy policy, Faults* faults);

  // PERMISSION_DENIED unless a rule allows `sender` to publish this.
  absl::Status CheckPublish(const v1::Agency& sender,
                            v1::AgencyClass recipient_class,
                            v1::MessageKind kind, v1::Purpose purpose) const;

  // PERMISSION_DENIED unless `queue` belongs to `agency`. Says the same
  // whether or not there is such a queue.
  absl::Status CheckConsume(const v1::Agency& agency,
                            absl::string_view queue) const;

  // PERMISSION_DENIED unless `queue` belongs to `agency`, or that is an
  // operator.
  absl::Status CheckManage(const v1::Agency& agency,
                           absl::string_view queue) const;

  // PERMISSION_DENIED unless `agency` may read the audit log.
  absl::Status CheckAudit(const v1::Agency& agency) const;

 private:
  explicit Access(v1::AccessPolicy policy) : policy_(std::move(policy)) {}

  v1::AccessPolicy policy_;
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_ACCESS_H_
