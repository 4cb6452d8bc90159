#ifndef BATON_SERVICES_BROKER_DOORWAY_H_
#define BATON_SERVICES_BROKER_DOORWAY_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "grpcpp/grpcpp.h"
#include "services/broker/sequencer.h"
#include "services/common/executor.h"
#include "services/common/rpc_identity.h"
#include "services/common/rpc_status.h"

namespace baton {

// What every call passes first: who is asking, and the leaf of a refusal.
// Thread-safe.
class Doorway {
 public:
  // All must outlive the doorway.
  Doorway(const IdentitySource* identities, Sequencer* sequencer,
          Executor* readers)
      : identities_(identities), sequencer_(sequencer), readers_(readers) {}

  // Calls refused here since the start, by code (absl::StatusCode).
  using Refusals = std::array<std::atomic<int64_t>, 17>;
  const Refusals& refusals() const { return refusals_; }

  absl::StatusOr<Identity> Identify(
      const grpc::CallbackServerContext& context) const {
    return identities_->Identify(context);
  }

  // Who is asking; nullopt: nobody who may, and the call is refused.
  std::optional<Identity> Admit(const grpc::CallbackServerContext& context,
                                absl::string_view call,
                                grpc::ServerUnaryReactor* reactor) const;

  // Answers with `refusal` once its leaf is on disk (at once when there is no
  // room for leaves). `call` is the RPC's name. `finish` is called once.
  void Refuse(const absl::StatusOr<Identity>& caller,
              const absl::Status& refusal, absl::string_view call,
              std::function<void(grpc::Status)> finish) const;
  void Refuse(const absl::StatusOr<Identity>& caller,
              const absl::Status& refusal, absl::string_view call,
              grpc::ServerUnaryReactor* reactor) const;

  // Serves a call by a read that may wait for the disk, off gRPC's threads.
  // Its status finishes the call; PERMISSION_DENIED gets a leaf.
  grpc::ServerUnaryReactor* Read(
      grpc::CallbackServerContext* context, absl::string_view call,
      std::function<absl::Status(const Identity& caller)> read) const;

  // Asks the commit thread, and goes on with its answer on a reader thread;
  // `then` finishes the call. A refusal finishes it here.
  template <typename Result, typename FindCommand>
  void Ask(grpc::ServerUnaryReactor* reactor, FindCommand command,
           std::function<void(Result)> then) const;

  // Goes on with a call on a reader thread; `work` finishes it. When too much
  // waits there, it is finished here, with RESOURCE_EXHAUSTED.
  void OnReader(grpc::ServerUnaryReactor* reactor,
                std::function<void()> work) const;

 private:
  const IdentitySource* const identities_;
  Sequencer* const sequencer_;
  Executor* const readers_;

  mutable Refusals refusals_{};
};

template <typename Result, typename FindCommand>
void Doorway::Ask(grpc::ServerUnaryReactor* reactor, FindCommand command,
                  std::function<void(Result)> then) const {
  command.done = [this, reactor,
                  then = std::move(then)](absl::StatusOr<Result> result) {
    if (!result.ok()) return reactor->Finish(ToGrpc(result.status()));
    OnReader(reactor, [then, result = *std::move(result)]() mutable {
      then(std::move(result));
    });
  };
  const absl::Status asked = sequencer_->Submit(std::move(command));
  if (!asked.ok()) reactor->Finish(ToGrpc(asked));
}

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_DOORWAY_H_
