// Publishes to a running baton-broker over mutual TLS and prints one line:
//   tag outstanding msgs/s p50_us p99_us client_cpu_us server_cpu_us
//   msgs_per_flush
//
//   publish_bench --address=HOST:PORT --certificates=DIR --server_pid=PID
//                 [--outstanding=64] [--seconds=3] [--conversations=64]
//                 [--payload=1024] [--tag=NAME]
//
// Every message has a call and an idempotency key of its own. They go round
// `conversations` conversations opened before; with 0 each opens its own.

#include <cstdio>
#include <string>
#include <vector>

#include "tests/bench/closed_loop.h"
#include "tests/bench/peers/common.h"
#include "tests/bench/traffic.h"

namespace baton::bench {
namespace {

// Opens `count` conversations and returns their ids.
std::vector<std::string> OpenConversations(v1::BrokerService::Stub* stub,
                                           Traffic* traffic, uint64_t count) {
  std::vector<std::string> ids;
  PublishInLoop(
      stub, {.outstanding = 16, .calls = count},
      [&](v1::PublishRequest* request) {
        request->clear_messages();
        *request->add_messages() = traffic->Flag();
      },
      [&](const v1::PublishResponse& response) {
        ids.push_back(response.receipts(0).conversation_id());
      });
  return ids;
}

int Main(int argc, char** argv) {
  const ::bench::Options options(argc, argv);
  const auto stub = Connect(options.Str("address", ""),
                            options.Str("certificates", ""), "emergency-RX1RA");
  Traffic traffic(options.Int("payload", 1024));
  const std::vector<std::string> conversations =
      OpenConversations(stub.get(), &traffic, options.Int("conversations", 64));
  uint64_t next = 0;
  const auto fill = [&](v1::PublishRequest* request) {
    const bool first = request->messages().empty();
    if (conversations.empty()) {
      if (first)
        *request->add_messages() = traffic.Flag();
      else
        traffic.MakeFlag(request->mutable_messages(0));
      return;
    }
    const std::string& id = conversations[next++ % conversations.size()];
    if (first)
      *request->add_messages() = traffic.Update(id);
    else
      traffic.MakeUpdate(id, request->mutable_messages(0));
  };
  const auto publish = [&](double seconds) {
    return PublishInLoop(
        stub.get(),
        {.outstanding = static_cast<int>(options.Int("outstanding", 64)),
         .seconds = seconds},
        fill, [](const v1::PublishResponse&) {});
  };
  publish(0.3);  // Warms up.
  ::bench::Meter meter(options.Ints("server_pid"));
  meter.Start();
  LoopResult result = publish(options.Num("seconds", 3));
  meter.Stop();
  const double messages = static_cast<double>(result.calls);
  std::printf("%s\t%d\t%.0f\t%.0f\t%.0f\t%.1f\t%.1f\t%.1f\n",
              options.Str("tag", "baton").c_str(),
              static_cast<int>(options.Int("outstanding", 64)),
              messages / meter.seconds, result.latency.Us(0.5),
              result.latency.Us(0.99), meter.client_cpu / messages * 1e6,
              meter.server_cpu / messages * 1e6,
              meter.flushes > 0 ? messages / meter.flushes : 0.0);
  return 0;
}

}  // namespace
}  // namespace baton::bench

int main(int argc, char** argv) { return baton::bench::Main(argc, argv); }
