#include "tests/bench/closed_loop.h"

#include <memory>
#include <optional>
#include <vector>

#include "grpcpp/grpcpp.h"

namespace baton::bench {
namespace {

// One of the calls in flight; used again and again.
struct Slot {
  v1::PublishRequest request;
  v1::PublishResponse response;
  std::optional<grpc::ClientContext> context;
  grpc::Status status;
  uint64_t begin_ns = 0;
  std::unique_ptr<grpc::ClientAsyncResponseReader<v1::PublishResponse>> reader;
};

void Start(v1::BrokerService::Stub* stub, grpc::CompletionQueue* queue,
           Slot* slot) {
  slot->response.Clear();
  slot->context.emplace();
  slot->begin_ns = ::bench::NowNs();
  slot->reader = stub->AsyncPublish(&*slot->context, slot->request, queue);
  slot->reader->Finish(&slot->response, &slot->status, slot);
}

}  // namespace

LoopResult PublishInLoop(
    v1::BrokerService::Stub* stub, const LoopOptions& options,
    const std::function<void(v1::PublishRequest*)>& fill,
    const std::function<void(const v1::PublishResponse&)>& answered) {
  grpc::CompletionQueue queue;
  LoopResult result;
  std::vector<std::unique_ptr<Slot>> slots;
  const double end = ::bench::Seconds() + options.seconds;
  uint64_t started = 0;
  const auto start = [&](Slot* slot) {
    ++started;
    fill(&slot->request);
    Start(stub, &queue, slot);
  };
  while (started < options.calls &&
         started < static_cast<uint64_t>(options.outstanding)) {
    start(slots.emplace_back(std::make_unique<Slot>()).get());
  }
  void* tag = nullptr;
  bool ok = false;
  while (result.calls < started && queue.Next(&tag, &ok)) {
    Slot* const slot = static_cast<Slot*>(tag);
    if (!ok || !slot->status.ok()) {
      ::bench::Die("publish: " + slot->status.error_message());
    }
    result.latency.Add(::bench::NowNs() - slot->begin_ns);
    ++result.calls;
    answered(slot->response);
    if (started < options.calls && ::bench::Seconds() < end) start(slot);
  }
  return result;
}

}  // namespace baton::bench
