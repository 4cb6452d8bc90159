// Baton through the phases of the peers (peers/peer.h), with everything on:
// mutual TLS, checks, idempotency, custody, sealing, audit. A hospital
// publishes updates that go round 64 conversations; the council consumes them.
//
//   peer_baton --phase=setup|publish|consume|both --port=PORT
//              --certificates=DIR --state=FILE [--stream=1]
//              [--conversations=64] [--first=0] [as the peers]
//
// --stream=1 publishes on one StreamingPublish, in requests of 16 messages.
// `setup` opens the conversations, empties the queue of what opened them and
// keeps their names in FILE. 64 of them get 500 updates each, then the next
// 64, and after the last the first again; --first is the number of the first
// update of a phase.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <fstream>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "baton/v1/waiting.pb.h"
#include "grpcpp/grpcpp.h"
#include "tests/bench/closed_loop.h"
#include "tests/bench/peers/peer.h"
#include "tests/bench/traffic.h"

namespace baton::bench {
namespace {

constexpr uint64_t kAtATime = 64;
constexpr uint64_t kUpdatesEach = 500;
constexpr int kMaxAcksPerRequest = 1024;
constexpr int kMessagesPerRequest = 16;

// Updates that go round the conversations of `state`.
class Updates {
 public:
  Updates(size_t payload_bytes, const std::string& state, uint64_t first)
      : traffic_(payload_bytes), next_(first) {
    std::ifstream file(state);
    for (std::string id; file >> id;) conversations_.push_back(id);
    if (conversations_.empty()) ::bench::Die("no conversations in " + state);
  }

  // `count` messages, made of those that are there.
  template <typename Request>
  void Fill(int count, Request* request) {
    for (int i = 0; i < count; ++i) {
      const std::string& id = conversations_[Place(next_++)];
      if (request->messages_size() == i) {
        *request->add_messages() = traffic_.Update(id);
      } else {
        traffic_.MakeUpdate(id, request->mutable_messages(i));
      }
      traffic_.Stamp(request->mutable_messages(i));
    }
  }

 private:
  size_t Place(uint64_t number) const {
    const uint64_t before = number / (kAtATime * kUpdatesEach) * kAtATime;
    return (before + number % kAtATime) % conversations_.size();
  }

  Traffic traffic_;
  std::vector<std::string> conversations_;
  uint64_t next_;
};

class BatonPublisher final : public ::bench::Publisher {
 public:
  BatonPublisher(const ::bench::PeerArgs& args, const std::string& certificates,
                 const std::string& state, uint64_t first)
      : args_(args),
        stub_(Connect("localhost:" + std::to_string(args.port), certificates,
                      "emergency-RX1RA")),
        updates_(args.size, state, first) {}

  uint64_t Run(double deadline, uint64_t max, ::bench::Samples* lat) override {
    LoopResult result = PublishInLoop(
        stub_.get(),
        {.outstanding = args_.outstanding,
         .seconds = deadline - ::bench::Seconds(),
         .calls = max},
        [this](v1::PublishRequest* request) { updates_.Fill(1, request); },
        [](const v1::PublishResponse&) {});
    lat->Merge(result.latency);
    return result.calls;
  }

 private:
  const ::bench::PeerArgs& args_;
  const std::unique_ptr<v1::BrokerService::Stub> stub_;
  Updates updates_;
};

// One stream with `outstanding` messages in flight, as the bare one of
// peers/limit_grpc_client.cc.
class PublishingStream final
    : public grpc::ClientBidiReactor<v1::StreamingPublishRequest,
                                     v1::StreamingPublishResponse> {
 public:
  PublishingStream(v1::BrokerService::Stub* stub, Updates* updates,
                   int outstanding, double deadline, uint64_t max,
                   ::bench::Samples* latency)
      : updates_(updates),
        deadline_(deadline),
        max_(max),
        latency_(latency),
        slots_(std::max(1, outstanding / kMessagesPerRequest)) {
    stub->async()->StreamingPublish(&context_, this);
    StartRead(&response_);
    StartCall();
    std::unique_lock<std::mutex> lock(mu_);
    Pump(&lock);
  }

  // How many messages were published.
  uint64_t Wait() {
    std::unique_lock<std::mutex> lock(mu_);
    over_.wait(lock, [this] { return done_; });
    return results_;
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return;
    std::unique_lock<std::mutex> lock(mu_);
    writing_ = false;
    Pump(&lock);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    std::unique_lock<std::mutex> lock(mu_);
    for (const v1::PublishResult& result : response_.results()) {
      if (result.has_refusal()) ::bench::Die(result.refusal().message());
      // All of a request are answered together.
      if (++results_ % kMessagesPerRequest != 0) continue;
      const uint64_t sent = sent_.front();
      sent_.pop_front();
      for (int i = 0; i < kMessagesPerRequest; ++i) {
        latency_->Add(::bench::NowNs() - sent);
      }
    }
    StartRead(&response_);
    Pump(&lock);
  }

  void OnDone(const grpc::Status& status) override {
    if (!status.ok()) ::bench::Die(status.error_message());
    std::lock_guard<std::mutex> lock(mu_);
    done_ = true;
    over_.notify_one();
  }

 private:
  void Pump(std::unique_lock<std::mutex>* lock) {
    if (writing_ || closed_) return;
    if (requests_ * kMessagesPerRequest >= max_ ||
        ::bench::Seconds() >= deadline_) {
      if (!sent_.empty()) return;
      closed_ = true;
      lock->unlock();
      StartWritesDone();
      return;
    }
    if (sent_.size() == slots_.size()) return;
    writing_ = true;
    // Answered in order, so the slot's last request has been.
    v1::StreamingPublishRequest& request = slots_[requests_++ % slots_.size()];
    updates_->Fill(kMessagesPerRequest, &request);
    sent_.push_back(::bench::NowNs());
    lock->unlock();
    StartWrite(&request);
  }

  Updates* const updates_;
  const double deadline_;
  const uint64_t max_;
  ::bench::Samples* const latency_;
  grpc::ClientContext context_;
  v1::StreamingPublishResponse response_;

  std::mutex mu_;
  std::condition_variable over_;
  std::vector<v1::StreamingPublishRequest> slots_;
  std::deque<uint64_t> sent_;  // When, of requests without an answer.
  uint64_t requests_ = 0;
  uint64_t results_ = 0;
  bool writing_ = false;
  bool closed_ = false;
  bool done_ = false;
};

class BatonStreamPublisher final : public ::bench::Publisher {
 public:
  BatonStreamPublisher(const ::bench::PeerArgs& args,
                       const std::string& certificates,
                       const std::string& state, uint64_t first)
      : args_(args),
        stub_(Connect("localhost:" + std::to_string(args.port), certificates,
                      "emergency-RX1RA")),
        updates_(args.size, state, first) {}

  uint64_t Run(double deadline, uint64_t max, ::bench::Samples* lat) override {
    PublishingStream stream(stub_.get(), &updates_, args_.outstanding, deadline,
                            max, lat);
    return stream.Wait();
  }

 private:
  const ::bench::PeerArgs& args_;
  const std::unique_ptr<v1::BrokerService::Stub> stub_;
  Updates updates_;
};

// Acknowledges what each response brought at once; a message is done when the
// exchange says that its acknowledgement is on disk.
class BatonConsumer final : public ::bench::Consumer {
 public:
  BatonConsumer(const ::bench::PeerArgs& args, const std::string& certificates)
      : args_(args),
        stub_(Connect("localhost:" + std::to_string(args.port), certificates,
                      "council-E06000018")) {}

  uint64_t Run(const std::atomic<uint64_t>& want, double give_up,
               ::bench::Samples* e2e) override {
    grpc::ClientContext context;
    const auto stream = stub_->StreamingPull(&context);
    v1::StreamingPullRequest request;
    request.set_queue(kQueue);
    request.set_max_outstanding_messages(args_.outstanding);
    request.set_consumer("bench");
    stream->Write(request);
    std::atomic<uint64_t> done = 0;
    // `want` may be lowered to what is done already while Read() waits.
    std::atomic<bool> over = false;
    std::thread enough([&] {
      while (!over && done < want) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
      context.TryCancel();
    });
    v1::StreamingPullResponse response;
    while (done < want && ::bench::Seconds() < give_up &&
           stream->Read(&response)) {
      request.Clear();
      for (const v1::ReceivedMessage& received : response.received_messages()) {
        if (e2e != nullptr) {
          e2e->Add(::bench::NowNs() - Traffic::ReadStamp(received.message()));
        }
        request.add_acknowledge_ids(received.ack_id());
      }
      if (request.acknowledge_ids_size() > kMaxAcksPerRequest) {
        ::bench::Die("more at once than can be acknowledged at once");
      }
      if (request.acknowledge_ids_size() > 0) stream->Write(request);
      for (const v1::Settlement& settlement : response.settled()) {
        if (!settlement.settled()) ::bench::Die(settlement.error());
        ++done;
      }
    }
    over = true;
    enough.join();
    stream->Finish();
    return done;
  }

 private:
  const ::bench::PeerArgs& args_;
  const std::unique_ptr<v1::BrokerService::Stub> stub_;
};

void SetUp(const ::bench::PeerArgs& args, const std::string& certificates,
           const std::string& state, uint64_t conversations) {
  const auto stub = Connect("localhost:" + std::to_string(args.port),
                            certificates, "emergency-RX1RA");
  Traffic traffic(args.size);
  std::ofstream file(state);
  PublishInLoop(
      stub.get(), {.outstanding = 16, .calls = conversations},
      [&](v1::PublishRequest* request) {
        request->clear_messages();
        *request->add_messages() = traffic.Flag();
      },
      [&](const v1::PublishResponse& response) {
        file << response.receipts(0).conversation_id() << "\n";
      });
  const std::atomic<uint64_t> want = conversations;
  BatonConsumer(args, certificates)
      .Run(want, ::bench::Seconds() + 20, /*e2e=*/nullptr);
}

int Main(int argc, char** argv) {
  // As our programs do (services/common/process.cc).
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  const ::bench::Options options(argc, argv);
  const ::bench::PeerArgs args(options, "baton");
  const std::string certificates = options.Str("certificates", "");
  const std::string state = options.Str("state", "");
  const uint64_t first = options.Int("first", 0);
  return ::bench::RunPeer(
      args,
      {[&] {
         SetUp(args, certificates, state, options.Int("conversations", 64));
       },
       [&]() -> std::unique_ptr<::bench::Publisher> {
         if (options.Int("stream", 0) != 0) {
           return std::make_unique<BatonStreamPublisher>(args, certificates,
                                                         state, first);
         }
         return std::make_unique<BatonPublisher>(args, certificates, state,
                                                 first);
       },
       [&] { return std::make_unique<BatonConsumer>(args, certificates); }});
}

}  // namespace
}  // namespace baton::bench

int main(int argc, char** argv) { return baton::bench::Main(argc, argv); }
