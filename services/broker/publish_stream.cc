#include "services/broker/publish_stream.h"

#include <deque>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/common/faults.h"
#include "services/common/proto_time.h"
#include "storage/status.h"

namespace baton {
namespace {

// More results than ever wait, and heartbeats nobody reads.
constexpr size_t kMaxPendingResponses = 4 * PublishStream::kMaxWaiting;

absl::Status CheckFrame(const v1::StreamingPublishRequest& request) {
  Faults faults;
  const int count = request.messages_size();
  if (count < 1 || count > PublishLimits::kMaxMessages) {
    faults.Add("messages", absl::StrCat("1 to ", PublishLimits::kMaxMessages,
                                        ", not ", count));
  }
  if (request.ByteSizeLong() > PublishLimits::kMaxPublishBytes) {
    faults.Add("messages",
               absl::StrCat("together at most ",
                            PublishLimits::kMaxPublishBytes, " bytes"));
  }
  return faults.ToStatus();
}

// The answer to every message of a request that could not be taken.
v1::StreamingPublishResponse RefuseAll(int count, const absl::Status& why) {
  const v1::PublishRefusal refusal = ToRefusal(why);
  v1::StreamingPublishResponse response;
  for (int i = 0; i < count; ++i) {
    *response.add_results()->mutable_refusal() = refusal;
  }
  return response;
}

}  // namespace

// What waits for a result, and whether reading waits for it or the client has
// said that nothing more comes. Results leave in the order of the requests,
// also when one is refused before those in front of it are on disk.
class PublishStream::State final : public OpenStream {
 public:
  explicit State(std::shared_ptr<Pump> pump) : pump_(std::move(pump)) {}

  // One more waits; its number. Nullopt when nothing more is taken.
  std::optional<uint64_t> Begin() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    if (drained_.has_value()) return std::nullopt;
    results_.emplace_back();
    return first_ + results_.size() - 1;
  }

  // Reads the next request, now or when fewer wait; never once drained.
  void ReadOn(std::function<void()> read) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    if (drained_.has_value()) return;
    resume_ = std::move(read);
    Resume();
  }

  void Answer(uint64_t number, v1::StreamingPublishResponse response)
      ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    results_[number - first_] = std::move(response);
    for (; !results_.empty() && results_.front().has_value(); ++first_) {
      pump_->Send(*std::move(results_.front()));
      results_.pop_front();
    }
    Resume();
    CloseAfterTheLast();
  }

  // The client is done: the stream ends with the last result.
  void HalfClose() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    half_closed_ = true;
    CloseAfterTheLast();
  }

  void End(absl::Status status) override { pump_->End(std::move(status)); }
  void Beat() override { pump_->Beat(); }

  // Every message that was taken has its result before the end.
  void Drain(absl::Status status) override ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    resume_ = nullptr;
    drained_ = std::move(status);
    CloseAfterTheLast();
  }

  // The reactor goes away.
  void Detach() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    resume_ = nullptr;
  }

 private:
  void Resume() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (!resume_ || results_.size() >= kMaxWaiting) return;
    pump_->IfOpen(std::exchange(resume_, nullptr));
  }

  void CloseAfterTheLast() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (!results_.empty()) return;
    if (half_closed_) {
      pump_->Close(absl::OkStatus());
    } else if (drained_.has_value()) {
      pump_->Close(*drained_);
    }
  }

  const std::shared_ptr<Pump> pump_;

  Mutex mu_;
  // Of requests that wait, in order; `first_` is the number of the first.
  std::deque<std::optional<v1::StreamingPublishResponse>> results_
      ABSL_GUARDED_BY(mu_);
  uint64_t first_ ABSL_GUARDED_BY(mu_) = 0;
  bool half_closed_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<absl::Status> drained_ ABSL_GUARDED_BY(mu_);
  std::function<void()> resume_ ABSL_GUARDED_BY(mu_);
};

PublishStream::PublishStream(const DeliveryStreamParts& parts,
                             const PublishLimits& limits,
                             grpc::CallbackServerContext* context)
    : parts_(parts),
      limits_(limits),
      caller_(parts.doorway->Identify(*context)),
      pump_(std::make_shared<Pump>(this, context, kMaxPendingResponses)),
      state_(std::make_shared<State>(pump_)) {
  const absl::Status opened = caller_.ok() ? Open() : caller_.status();
  if (opened.ok()) {
    StartRead(&request_);
  } else {
    Fail(opened);
  }
}

absl::Status PublishStream::Open() {
  ASSIGN_OR_RETURN(registration_,
                   parts_.streams->Add(caller_->agency, state_, [] {}));
  return absl::OkStatus();
}

void PublishStream::OnReadDone(bool ok) {
  if (!ok) return state_->HalfClose();
  if (const absl::Status frame = CheckFrame(request_); !frame.ok()) {
    return Fail(frame);
  }
  const std::optional<uint64_t> number = state_->Begin();
  if (!number.has_value()) return;
  const int count = request_.messages_size();
  if (const absl::Status taken = Take(*number); !taken.ok()) {
    state_->Answer(*number, RefuseAll(count, taken));
  }
  state_->ReadOn([this] { StartRead(&request_); });
}

absl::Status PublishStream::Take(uint64_t number) {
  const absl::Time now = parts_.clock->Now().wall;
  PublishEachCommand command{
      .sender = *caller_, .request = {}, .refusals = {}, .done = nullptr};
  command.request.Swap(&request_);
  for (v1::Message& message : *command.request.mutable_messages()) {
    Faults faults;
    CheckMessage(limits_, now, &message, &faults);
    command.refusals.push_back(faults.ToStatus());
  }
  command.done = [state = state_, number](
                     absl::StatusOr<v1::StreamingPublishResponse> response) {
    state->Answer(number, *std::move(response));
  };
  return parts_.sequencer->Submit(std::move(command));
}

// Ends the stream once the leaf of the refusal is on disk.
void PublishStream::Fail(const absl::Status& refusal) {
  parts_.doorway->Refuse(
      caller_, refusal, "StreamingPublish",
      [pump = pump_, refusal](const grpc::Status&) { pump->End(refusal); });
}

void PublishStream::OnWriteDone(bool ok) { pump_->OnWriteDone(ok); }

void PublishStream::OnCancel() {
  pump_->End(absl::CancelledError("the client is gone"));
}

void PublishStream::OnDone() {
  state_->Detach();
  pump_->Detach();
  if (registration_ != 0) parts_.streams->Remove(registration_);
  delete this;
}

}  // namespace baton
