// One million messages that nobody takes, then a crash and a cold start:
// starts the broker itself, fills one queue, kills the broker with SIGKILL,
// drops the page cache, starts it again and measures how long until the first
// publish is acknowledged and until the oldest message is delivered.
//
//   backlog_bench --broker=FILE --config=FILE --port_file=FILE
//                 --certificates=DIR [--messages=1000000] [--payload=1024]
//                 [--conversations=0] [--drain=100000]
//
// With `conversations` 0 every message opens a conversation, the dearest case;
// otherwise the messages are updates in that many conversations.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "services/common/ids.h"
#include "tests/bench/broker_process.h"
#include "tests/bench/closed_loop.h"
#include "tests/bench/peers/common.h"
#include "tests/bench/traffic.h"

namespace baton::bench {
namespace {

using ::bench::Die;
using ::bench::Seconds;

constexpr int kBatch = 64;

void Print(const std::string& figure, double value, const char* unit) {
  std::printf("%s\t%.2f\t%s\n", figure.c_str(), value, unit);
  std::fflush(stdout);
}

void PrintMemory(const BrokerProcess& broker, const std::string& when) {
  Print("RSS " + when, broker.Memory("VmRSS"), "MiB");
  Print("RSS " + when + ", heap and stacks", broker.Memory("RssAnon"), "MiB");
}

double DirectoryBytes(const std::string& directory) {
  double bytes = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file())
      bytes += static_cast<double>(entry.file_size());
  }
  return bytes;
}

// Makes reads of `directory` go to the disk; says by which means.
std::string DropPageCache(const std::string& directory) {
  sync();
  if (std::ofstream drop("/proc/sys/vm/drop_caches");
      drop << "3" << std::flush) {
    return "/proc/sys/vm/drop_caches";
  }
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(directory)) {
    const int fd = open(entry.path().c_str(), O_RDONLY);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    close(fd);
  }
  return "posix_fadvise";
}

struct Filled {
  uint64_t oldest = UINT64_MAX;  // Sequence.
  double messages_per_s = 0;
};

// Conversations to publish in, opened before; their flags are READY too.
std::vector<std::string> Open(v1::BrokerService::Stub* stub, Traffic* traffic,
                              uint64_t count, Filled* filled) {
  std::vector<std::string> ids;
  PublishInLoop(
      stub, {.outstanding = 16, .calls = count},
      [&](v1::PublishRequest* request) {
        request->clear_messages();
        *request->add_messages() = traffic->Flag();
      },
      [&](const v1::PublishResponse& response) {
        const auto& receipt = response.receipts(0);
        ids.push_back(receipt.conversation_id());
        filled->oldest =
            std::min(filled->oldest, *ParseMessageId(receipt.message_id()));
      });
  return ids;
}

Filled Fill(v1::BrokerService::Stub* stub, Traffic* traffic, uint64_t messages,
            uint64_t conversations) {
  Filled filled;
  const std::vector<std::string> ids =
      Open(stub, traffic, conversations, &filled);
  const double begin = Seconds();
  uint64_t next = 0;
  LoopResult result = PublishInLoop(
      stub, {.outstanding = 4, .calls = (messages - ids.size()) / kBatch},
      [&](v1::PublishRequest* request) {
        request->clear_messages();
        for (int i = 0; i < kBatch; ++i) {
          *request->add_messages() =
              ids.empty() ? traffic->Flag()
                          : traffic->Update(ids[next++ % ids.size()]);
        }
      },
      [&](const v1::PublishResponse& response) {
        filled.oldest = std::min(
            filled.oldest, *ParseMessageId(response.receipts(0).message_id()));
      });
  filled.messages_per_s =
      static_cast<double>(result.calls) * kBatch / (Seconds() - begin);
  Print("publish call of 64, p50", result.latency.Us(0.5) / 1000, "ms");
  Print("publish call of 64, p99", result.latency.Us(0.99) / 1000, "ms");
  return filled;
}

using PullStream = grpc::ClientReaderWriter<v1::StreamingPullRequest,
                                            v1::StreamingPullResponse>;

// The council's side of one stream.
class Consumer {
 public:
  Consumer(const std::string& address, const std::string& certificates,
           int credit)
      : stub_(Connect(address, certificates, "council-E06000018")),
        stream_(stub_->StreamingPull(&context_)) {
    v1::StreamingPullRequest first;
    first.set_queue(kQueue);
    first.set_consumer("bench");
    first.set_max_outstanding_messages(credit);
    if (!stream_->Write(first)) Die("cannot open the stream");
  }
  ~Consumer() {
    context_.TryCancel();
    stream_->Finish();
  }

  // The next response that holds messages.
  const v1::StreamingPullResponse& Next() {
    do {
      if (!stream_->Read(&response_)) {
        Die("stream: " + stream_->Finish().error_message());
      }
    } while (response_.received_messages().empty());
    return response_;
  }

  // Acknowledges everything in the last response.
  void Acknowledge() {
    v1::StreamingPullRequest request;
    for (const auto& received : response_.received_messages()) {
      request.add_acknowledge_ids(received.ack_id());
    }
    if (!stream_->Write(request)) Die("cannot acknowledge");
  }

 private:
  const std::unique_ptr<v1::BrokerService::Stub> stub_;
  grpc::ClientContext context_;
  const std::unique_ptr<PullStream> stream_;
  v1::StreamingPullResponse response_;
};

// Takes and acknowledges `count` messages in order from `expected` on.
void Drain(Consumer* consumer, uint64_t count) {
  const double begin = Seconds();
  uint64_t taken = 0;
  while (taken < count) {
    taken += consumer->Next().received_messages_size();
    consumer->Acknowledge();
  }
  Print("drained messages", static_cast<double>(taken), "");
  Print("drain rate", static_cast<double>(taken) / (Seconds() - begin),
        "msgs/s");
}

int Main(int argc, char** argv) {
  const ::bench::Options options(argc, argv);
  const std::string certificates = options.Str("certificates", "");
  const std::string data = options.Str("data", "");
  const auto start = [&] {
    return std::make_unique<BrokerProcess>(options.Str("broker", ""),
                                           options.Str("config", ""),
                                           options.Str("port_file", ""));
  };
  Traffic traffic(options.Int("payload", 1024));

  std::unique_ptr<BrokerProcess> broker = start();
  auto stub = Connect(broker->Address(), certificates, "emergency-RX1RA");
  PrintMemory(*broker, "empty");
  const Filled filled =
      Fill(stub.get(), &traffic, options.Int("messages", 1'000'000),
           options.Int("conversations", 0));
  Print("publish rate, calls of 64", filled.messages_per_s, "msgs/s");
  PrintMemory(*broker, "full");
  Print("RSS highest", broker->Memory("VmHWM"), "MiB");
  stub.reset();
  broker->Kill();
  Print("data on disk", DirectoryBytes(data) / (1 << 20), "MiB");
  std::printf("page cache dropped by\t%s\t\n", DropPageCache(data).c_str());

  broker = start();
  const std::string address = broker->Address();
  Print("restart: listening", broker->Age(), "s");
  double first_publish = 0;
  std::thread publisher([&] {
    auto again = Connect(address, certificates, "emergency-RX1RA");
    PublishInLoop(
        again.get(), {.calls = 1},
        [&](v1::PublishRequest* request) {
          *request->add_messages() = traffic.Flag();
        },
        [](const v1::PublishResponse&) {});
    first_publish = broker->Age();
  });
  Consumer consumer(address, certificates, 1024);
  const v1::StreamingPullResponse& response = consumer.Next();
  const double first_delivery = broker->Age();
  publisher.join();
  Print("restart: first publish acknowledged", first_publish, "s");
  Print("restart: oldest message delivered", first_delivery, "s");
  const std::string oldest = MessageId(filled.oldest);
  if (response.received_messages(0).message().message_id() != oldest) {
    Die("the first message delivered is not the oldest, " + oldest);
  }
  PrintMemory(*broker, "after restart");
  consumer.Acknowledge();
  Drain(&consumer, options.Int("drain", 100'000));
  PrintMemory(*broker, "after draining");
  Print("RSS highest since restart", broker->Memory("VmHWM"), "MiB");
  return 0;
}

}  // namespace
}  // namespace baton::bench

int main(int argc, char** argv) { return baton::bench::Main(argc, argv); }
