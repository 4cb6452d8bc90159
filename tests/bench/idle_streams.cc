// Streams that wait for messages which never come: opens them on the desks
// "idle-1" to "idle-N" of the council in turn, says "open" once the exchange
// has spoken on each, and holds them until its input ends.
//
//   idle_streams --port=PORT --certificates=DIR [--streams=1000] [--desks=31]

#include <condition_variable>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "grpcpp/grpcpp.h"
#include "tests/bench/peers/common.h"
#include "tests/bench/traffic.h"

namespace baton::bench {
namespace {

// Counts down to zero. Thread-safe.
class Countdown {
 public:
  explicit Countdown(int count) : count_(count) {}
  void Done() {
    std::lock_guard<std::mutex> lock(mu_);
    if (--count_ == 0) zero_.notify_all();
  }
  void Wait() {
    std::unique_lock<std::mutex> lock(mu_);
    zero_.wait(lock, [this] { return count_ == 0; });
  }

 private:
  std::mutex mu_;
  std::condition_variable zero_;
  int count_;
};

class IdleStream final
    : public grpc::ClientBidiReactor<v1::StreamingPullRequest,
                                     v1::StreamingPullResponse> {
 public:
  IdleStream(v1::BrokerService::Stub* stub, const std::string& queue,
             const std::string& consumer, Countdown* heard, Countdown* ended)
      : heard_(heard), ended_(ended) {
    request_.set_queue(queue);
    request_.set_consumer(consumer);
    request_.set_max_outstanding_messages(64);
    stub->async()->StreamingPull(&context_, this);
    StartWrite(&request_);
    StartRead(&response_);
    StartCall();
  }

  void Cancel() { context_.TryCancel(); }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    if (!spoken_) heard_->Done();
    spoken_ = true;
    StartRead(&response_);
  }

  void OnDone(const grpc::Status& status) override {
    if (!spoken_) ::bench::Die("a stream ended: " + status.error_message());
    ended_->Done();
  }

 private:
  Countdown* const heard_;
  Countdown* const ended_;
  grpc::ClientContext context_;
  v1::StreamingPullRequest request_;
  v1::StreamingPullResponse response_;
  bool spoken_ = false;
};

int Main(int argc, char** argv) {
  const ::bench::Options options(argc, argv);
  const int count = static_cast<int>(options.Int("streams", 1000));
  const int desks = static_cast<int>(options.Int("desks", 31));
  const auto stub =
      Connect("localhost:" + options.Str("port", ""),
              options.Str("certificates", ""), "council-E06000018");
  Countdown heard(count);
  Countdown ended(count);
  std::vector<std::unique_ptr<IdleStream>> streams;
  for (int i = 0; i < count; ++i) {
    streams.push_back(std::make_unique<IdleStream>(
        stub.get(), "council/E06000018/idle-" + std::to_string(i % desks + 1),
        "waiting-" + std::to_string(i), &heard, &ended));
  }
  heard.Wait();
  std::cout << "open" << std::endl;
  std::cin.ignore(1 << 20, EOF);
  for (const auto& stream : streams) stream->Cancel();
  ended.Wait();
  return 0;
}

}  // namespace
}  // namespace baton::bench

int main(int argc, char** argv) { return baton::bench::Main(argc, argv); }
