// Baton through the phases of the peers (peers/peer.h), with everything on:
// mutual TLS, checks, idempotency, custody, sealing, audit. A hospital
// publishes updates that go round 64 conversations; the council consumes them.
//
//   peer_baton --phase=setup|publish|consume|both --port=PORT
//              --certificates=DIR --state=FILE [as the peers]
//
// `setup` opens the conversations, empties the queue of what opened them and
// keeps their names in FILE.

#include <fstream>

#include "baton/v1/waiting.pb.h"
#include "grpcpp/grpcpp.h"
#include "tests/bench/closed_loop.h"
#include "tests/bench/peers/peer.h"
#include "tests/bench/traffic.h"

namespace baton::bench {
namespace {

constexpr int kConversations = 64;
constexpr int kMaxAcksPerRequest = 1024;

class BatonPublisher final : public ::bench::Publisher {
 public:
  BatonPublisher(const ::bench::PeerArgs& args, const std::string& certificates,
                 const std::string& state)
      : args_(args),
        stub_(Connect("localhost:" + std::to_string(args.port), certificates,
                      "emergency-RX1RA")),
        traffic_(args.size) {
    std::ifstream file(state);
    for (std::string id; file >> id;) conversations_.push_back(id);
    if (conversations_.empty()) ::bench::Die("no conversations in " + state);
  }

  uint64_t Run(double deadline, uint64_t max, ::bench::Samples* lat) override {
    LoopResult result = PublishInLoop(
        stub_.get(),
        {.outstanding = args_.outstanding,
         .seconds = deadline - ::bench::Seconds(),
         .calls = max},
        [this](v1::PublishRequest* request) { Fill(request); },
        [](const v1::PublishResponse&) {});
    lat->Merge(result.latency);
    return result.calls;
  }

 private:
  void Fill(v1::PublishRequest* request) {
    const std::string& id = conversations_[next_++ % conversations_.size()];
    if (request->messages().empty()) {
      *request->add_messages() = traffic_.Update(id);
    } else {
      traffic_.MakeUpdate(id, request->mutable_messages(0));
    }
    traffic_.Stamp(request->mutable_messages(0));
  }

  const ::bench::PeerArgs& args_;
  const std::unique_ptr<v1::BrokerService::Stub> stub_;
  Traffic traffic_;
  std::vector<std::string> conversations_;
  uint64_t next_ = 0;
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
    // Read() waits for heartbeats at most; `want` may be met by then.
    uint64_t done = 0;
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
    context.TryCancel();
    stream->Finish();
    return done;
  }

 private:
  const ::bench::PeerArgs& args_;
  const std::unique_ptr<v1::BrokerService::Stub> stub_;
};

void SetUp(const ::bench::PeerArgs& args, const std::string& certificates,
           const std::string& state) {
  const auto stub = Connect("localhost:" + std::to_string(args.port),
                            certificates, "emergency-RX1RA");
  Traffic traffic(args.size);
  std::ofstream file(state);
  PublishInLoop(
      stub.get(), {.outstanding = 16, .calls = kConversations},
      [&](v1::PublishRequest* request) {
        request->clear_messages();
        *request->add_messages() = traffic.Flag();
      },
      [&](const v1::PublishResponse& response) {
        file << response.receipts(0).conversation_id() << "\n";
      });
  const std::atomic<uint64_t> want = kConversations;
  BatonConsumer(args, certificates)
      .Run(want, ::bench::Seconds() + 20, /*e2e=*/nullptr);
}

int Main(int argc, char** argv) {
  const ::bench::Options options(argc, argv);
  const ::bench::PeerArgs args(options, "baton");
  const std::string certificates = options.Str("certificates", "");
  const std::string state = options.Str("state", "");
  return ::bench::RunPeer(
      args,
      {[&] { SetUp(args, certificates, state); },
       [&] {
         return std::make_unique<BatonPublisher>(args, certificates, state);
       },
       [&] { return std::make_unique<BatonConsumer>(args, certificates); }});
}

}  // namespace
}  // namespace baton::bench

int main(int argc, char** argv) { return baton::bench::Main(argc, argv); }
