#include "services/broker/doorway.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/faults.h"

namespace baton {

void Doorway::Refuse(const absl::StatusOr<Identity>& caller,
                     const absl::Status& refusal, absl::string_view call,
                     std::function<void(grpc::Status)> finish) const {
  const auto code = static_cast<size_t>(refusal.code());
  if (code < refusals_.size()) ++refusals_[code];
  DeniedCommand denied;
  if (caller.ok()) denied.caller = *caller;
  denied.code =
      absl::StrCat(absl::StatusCodeToString(refusal.code()), "/", call);
  denied.done = [finish, status = ToGrpc(refusal)] { finish(status); };
  if (!sequencer_->Submit(std::move(denied)).ok()) finish(ToGrpc(refusal));
}

void Doorway::Refuse(const absl::StatusOr<Identity>& caller,
                     const absl::Status& refusal, absl::string_view call,
                     grpc::ServerUnaryReactor* reactor) const {
  Refuse(caller, refusal, call, [reactor](grpc::Status status) {
    reactor->Finish(std::move(status));
  });
}

std::optional<Identity> Doorway::Admit(
    const grpc::CallbackServerContext& context, absl::string_view call,
    grpc::ServerUnaryReactor* reactor) const {
  absl::StatusOr<Identity> caller = Identify(context);
  if (caller.ok()) return *std::move(caller);
  Refuse(caller, caller.status(), call, reactor);
  return std::nullopt;
}

grpc::ServerUnaryReactor* Doorway::Read(
    grpc::CallbackServerContext* context, absl::string_view call,
    std::function<absl::Status(const Identity& caller)> read) const {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const std::optional<Identity> caller = Admit(*context, call, reactor);
  if (!caller.has_value()) return reactor;
  OnReader(reactor, [this, caller = *caller, call = std::string(call), reactor,
                     read = std::move(read)] {
    const absl::Status status = read(caller);
    if (absl::IsPermissionDenied(status)) {
      Refuse(caller, status, call, reactor);
      return;
    }
    reactor->Finish(ToGrpc(status));
  });
  return reactor;
}

void Doorway::OnReader(grpc::ServerUnaryReactor* reactor,
                       std::function<void()> work) const {
  if (readers_->Submit(std::move(work))) return;
  reactor->Finish(ToGrpc(
      LimitReached("reads", "too many reads wait", absl::Milliseconds(200))));
}

}  // namespace baton
