#ifndef BATON_SERVICES_COMMON_RESPONSE_PUMP_H_
#define BATON_SERVICES_COMMON_RESPONSE_PUMP_H_

#include <deque>
#include <functional>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "services/common/faults.h"
#include "services/common/rpc_status.h"
#include "services/common/stream_registry.h"
#include "storage/mutex.h"

namespace baton {

// The outgoing half of a server stream: one write in flight at most, one
// Finish, nothing after it. The rules of gRPC's reactors live here, once.
//
// A stream whose reader does not keep up ends with RESOURCE_EXHAUSTED and
// says so; whoever does not fetch even that is cut off, when the stream is in a
// StreamRegistry, whose beats tell.
//
// Thread-safe. Operations of gRPC do not block; they are started under the
// mutex, so that a write cannot race Finish, and a call cannot be over while it
// is cancelled. The reactor calls Detach() in OnDone, before it goes away.
template <typename Response>
class ResponsePump final : public OpenStream {
 public:
  // Beats (StreamRegistry) that one response may take: a client that fetches
  // none for so long does not read. What is ending has less.
  static constexpr int kMaxBeats = 60;
  static constexpr int kMaxEndBeats = 6;

  // `reactor` starts the operations, `context` cancels the call; both are
  // there until Detach().
  template <typename Reactor, typename Context>
  ResponsePump(Reactor* reactor, Context* context, size_t max_pending)
      : write_([reactor](const Response* response) {
          reactor->StartWrite(response);
        }),
        finish_([reactor](grpc::Status status) {
          reactor->Finish(std::move(status));
        }),
        cancel_([context] { context->TryCancel(); }),
        max_pending_(max_pending) {}

  // Sends `response` after those before it. False when the stream is ending.
  bool Send(Response response) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    if (end_.has_value() || close_.has_value()) return false;
    if (pending_.size() >= max_pending_) {
      EndUnread();
      return false;
    }
    pending_.push_back(std::move(response));
    Pump();
    return true;
  }

  // Calls `start`, which starts an operation of the call, unless the call is
  // over or about to be: nothing may be started then.
  void IfOpen(const std::function<void()>& start) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    if (!finished_ && !detached_) start();
  }

  // Ends the stream with `status` once everything sent so far is written, for
  // which the client has to read; nothing more is sent.
  void Close(absl::Status status) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    if (!close_.has_value()) {
      close_ = std::move(status);
      beats_ = 0;
    }
    Pump();
  }

  // Ends the stream with `status`; what waits is dropped. The first call
  // counts.
  void End(absl::Status status) override ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    EndLocked(std::move(status));
  }

  void Drain(absl::Status status) override ABSL_LOCKS_EXCLUDED(mu_) {
    Close(std::move(status));
  }

  void Beat() override ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    if (!writing_ || detached_) return;
    ++beats_;
    const bool is_ending = end_.has_value() || close_.has_value();
    if (is_ending && beats_ >= kMaxEndBeats) cancel_();
    if (!is_ending && beats_ >= kMaxBeats) EndUnread();
  }

  void OnWriteDone(bool ok) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    writing_ = false;
    beats_ = 0;
    pending_.pop_front();
    if (!ok) EndLocked(absl::CancelledError("the client is gone"));
    Pump();
  }

  void Detach() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    detached_ = true;
    end_ = absl::CancelledError("the stream is over");
    pending_.clear();
  }

 private:
  void EndUnread() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    EndLocked(LimitReached("stream responses",
                           "the client does not read this stream",
                           absl::Seconds(1)));
  }

  void EndLocked(absl::Status status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (end_.has_value()) return;
    end_ = std::move(status);
    beats_ = 0;
    // The response being written must stay until it is.
    pending_.resize(writing_ ? 1 : 0);
    Pump();
  }

  void Pump() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (writing_ || detached_) return;
    if (!pending_.empty()) {
      writing_ = true;
      write_(&pending_.front());
    } else if ((end_.has_value() || close_.has_value()) && !finished_) {
      finished_ = true;
      finish_(ToGrpc(end_.has_value() ? *end_ : *close_));
    }
  }

  const std::function<void(const Response*)> write_;
  const std::function<void(grpc::Status)> finish_;
  const std::function<void()> cancel_;
  const size_t max_pending_;

  Mutex mu_;
  std::deque<Response> pending_ ABSL_GUARDED_BY(mu_);  // Front: being written.
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mu_);
  std::optional<absl::Status> close_ ABSL_GUARDED_BY(mu_);
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  int beats_ ABSL_GUARDED_BY(mu_) = 0;  // Since the write, or the end, began.
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  bool detached_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_RESPONSE_PUMP_H_
