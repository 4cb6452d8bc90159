// Minutes at full rate while consumers die: nothing may be lost, nothing done
// twice, and memory must not grow.
//
//   soak_bench --broker=FILE --config=FILE --port_file=FILE --certificates=DIR
//              --samples=FILE [--seconds=600] [--consumers=4] [--payload=1024]
//
// A hospital publishes as fast as it is answered, 64 at a time, while fewer
// than 20,000 messages wait; every 500 messages a new conversation takes the
// place of an old one. Competing consumers acknowledge what they get, and die
// after a second or two, with whatever they hold, to come back under their
// names and acknowledge again what was not confirmed. A message is done when
// its acknowledgement is confirmed; done twice, when it was delivered after
// that, and lost, when it never was.

#include <atomic>
#include <cstdio>
#include <fstream>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "grpcpp/grpcpp.h"
#include "services/common/ids.h"
#include "tests/bench/broker_process.h"
#include "tests/bench/closed_loop.h"
#include "tests/bench/peers/common.h"
#include "tests/bench/traffic.h"

namespace baton::bench {
namespace {

using ::bench::Die;
using ::bench::Seconds;

constexpr int kConversations = 64;
constexpr int kUpdatesPerConversation = 500;
constexpr uint64_t kMaxWaiting = 20'000;
constexpr double kMeanLife = 2;      // Seconds a consumer lives.
constexpr double kLastMinute = 120;  // Seconds in which the rest must come.

// What became of every message, by its sequence. Thread-safe.
class Book {
 public:
  void Published(uint64_t sequence) {
    std::lock_guard<std::mutex> lock(mu_);
    At(sequence).published = true;
    ++published_;
  }
  void Delivered(uint64_t sequence) {
    std::lock_guard<std::mutex> lock(mu_);
    Entry& entry = At(sequence);
    doubled_ += entry.done ? 1 : 0;
    again_ += entry.delivered ? 1 : 0;
    entry.delivered = true;
  }
  void Done(uint64_t sequence) {
    std::lock_guard<std::mutex> lock(mu_);
    Entry& entry = At(sequence);
    done_ += entry.done ? 0 : 1;
    entry.done = true;
  }

  struct Totals {
    uint64_t published = 0;
    uint64_t done = 0;
    uint64_t doubled = 0;
    uint64_t again = 0;
  };
  Totals totals() {
    std::lock_guard<std::mutex> lock(mu_);
    return {published_, done_, doubled_, again_};
  }
  uint64_t Lost() {
    std::lock_guard<std::mutex> lock(mu_);
    uint64_t lost = 0;
    for (const Entry& entry : entries_) lost += entry.published && !entry.done;
    return lost;
  }

 private:
  struct Entry {
    bool published : 1 = false;
    bool delivered : 1 = false;
    bool done : 1 = false;
  };
  Entry& At(uint64_t sequence) {
    if (sequence >= entries_.size()) entries_.resize(sequence * 3 / 2 + 1);
    return entries_[sequence];
  }

  std::mutex mu_;
  std::vector<Entry> entries_;
  uint64_t published_ = 0;
  uint64_t done_ = 0;
  uint64_t doubled_ = 0;
  uint64_t again_ = 0;
};

// Conversations in turn, each for a while.
class Conversations {
 public:
  explicit Conversations(size_t payload_bytes) : traffic_(payload_bytes) {}

  void Fill(v1::PublishRequest* request) {
    request->clear_messages();
    const bool opens = open_.size() < kConversations ||
                       ++since_ % kUpdatesPerConversation == 0;
    *request->add_messages() =
        opens ? traffic_.Flag()
              : traffic_.Update(open_[next_++ % open_.size()]);
  }
  void Answered(const v1::PublishReceipt& receipt) {
    if (receipt.matter_ids().empty() ||
        receipt.conversation_id().substr(2) != receipt.message_id().substr(2)) {
      return;
    }
    if (open_.size() < kConversations) {
      open_.push_back(receipt.conversation_id());
    } else {
      open_[replaced_++ % open_.size()] = receipt.conversation_id();
    }
  }

 private:
  Traffic traffic_;
  std::vector<std::string> open_;
  uint64_t next_ = 0;
  uint64_t since_ = 0;
  uint64_t replaced_ = 0;
};

void PublishUntil(const std::string& address, const std::string& certificates,
                  size_t payload, double end, Book* book) {
  const auto stub = Connect(address, certificates, "emergency-RX1RA");
  Conversations conversations(payload);
  while (Seconds() < end) {
    const Book::Totals totals = book->totals();
    if (totals.published - totals.done >= kMaxWaiting) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      continue;
    }
    PublishInLoop(
        stub.get(), {.outstanding = 64, .calls = 4096},
        [&](v1::PublishRequest* request) { conversations.Fill(request); },
        [&](const v1::PublishResponse& response) {
          conversations.Answered(response.receipts(0));
          book->Published(*ParseMessageId(response.receipts(0).message_id()));
        });
  }
}

// One life of a consumer: it ends in the middle of whatever it does.
// `unconfirmed` are the acknowledgements of its earlier lives, and then of this
// one, that were not answered.
void Live(v1::BrokerService::Stub* stub, const std::string& name, double end,
          const std::atomic<bool>& over, std::set<std::string>* unconfirmed,
          Book* book) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::microseconds(static_cast<int64_t>(
                           std::max(0.01, end - Seconds()) * 1e6)));
  const auto stream = stub->StreamingPull(&context);
  v1::StreamingPullRequest request;
  request.set_queue(kQueue);
  request.set_max_outstanding_messages(64);
  request.set_consumer(name);
  stream->Write(request);
  request.Clear();
  for (const std::string& ack_id : *unconfirmed) {
    request.add_acknowledge_ids(ack_id);
  }
  if (!unconfirmed->empty()) stream->Write(request);
  v1::StreamingPullResponse response;
  while (!over && stream->Read(&response)) {
    request.Clear();
    for (const v1::ReceivedMessage& received : response.received_messages()) {
      book->Delivered(*ParseMessageId(received.message().message_id()));
      request.add_acknowledge_ids(received.ack_id());
      unconfirmed->insert(received.ack_id());
    }
    if (request.acknowledge_ids_size() > 0) stream->Write(request);
    for (const v1::Settlement& settlement : response.settled()) {
      unconfirmed->erase(settlement.ack_id());
      if (settlement.settled()) {
        book->Done(ParseAckId(settlement.ack_id())->sequence);
      }
    }
  }
  context.TryCancel();
  stream->Finish();
}

void Consume(const std::string& address, const std::string& certificates,
             int number, const std::atomic<bool>& calm,
             const std::atomic<bool>& over, std::atomic<int>* deaths,
             Book* book) {
  std::mt19937_64 random(static_cast<uint64_t>(number));
  std::exponential_distribution<double> life(1 / kMeanLife);
  const auto stub = Connect(address, certificates, "council-E06000018");
  std::set<std::string> unconfirmed;
  while (!over) {
    const double end = calm ? Seconds() + 10 : Seconds() + life(random);
    Live(stub.get(), "soak-" + std::to_string(number), end, over, &unconfirmed,
         book);
    if (!calm && !over) ++*deaths;
  }
}

// MiB a minute, by least squares over what came after a fifth of the time.
double Slope(const std::vector<std::pair<double, double>>& samples) {
  const size_t from = samples.size() / 5;
  const double n = static_cast<double>(samples.size() - from);
  double t = 0, m = 0, tt = 0, tm = 0;
  for (size_t i = from; i < samples.size(); ++i) {
    t += samples[i].first;
    m += samples[i].second;
    tt += samples[i].first * samples[i].first;
    tm += samples[i].first * samples[i].second;
  }
  return n < 2 ? 0 : 60 * (n * tm - t * m) / (n * tt - t * t);
}

int Main(int argc, char** argv) {
  const ::bench::Options options(argc, argv);
  const std::string certificates = options.Str("certificates", "");
  const double seconds = static_cast<double>(options.Int("seconds", 600));
  BrokerProcess broker(options.Str("broker", ""), options.Str("config", ""),
                       options.Str("port_file", ""));
  const std::string address = broker.Address();
  Book book;
  std::atomic<bool> calm{false};
  std::atomic<bool> over{false};
  std::atomic<int> deaths{0};
  const double begin = Seconds();
  std::vector<std::thread> threads;
  threads.emplace_back([&] {
    PublishUntil(address, certificates, options.Int("payload", 1024),
                 begin + seconds, &book);
  });
  for (int i = 0; i < options.Int("consumers", 4); ++i) {
    threads.emplace_back([&, i] {
      Consume(address, certificates, i, calm, over, &deaths, &book);
    });
  }
  std::ofstream file(options.Str("samples", ""));
  file << "seconds\trss_mib\theap_mib\tpublished\tdone\n";
  std::vector<std::pair<double, double>> heap;
  while (Seconds() < begin + seconds) {
    std::this_thread::sleep_for(std::chrono::seconds(1));
    const Book::Totals totals = book.totals();
    heap.emplace_back(Seconds() - begin, broker.Memory("RssAnon"));
    file << heap.back().first << "\t" << broker.Memory("VmRSS") << "\t"
         << heap.back().second << "\t" << totals.published << "\t"
         << totals.done << "\n";
  }
  calm = true;
  threads[0].join();
  const double give_up = Seconds() + kLastMinute;
  while (book.Lost() > 0 && Seconds() < give_up) {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  over = true;
  for (size_t i = 1; i < threads.size(); ++i) threads[i].join();

  const Book::Totals totals = book.totals();
  const uint64_t lost = book.Lost();
  std::printf("published\t%.0f\t\n", static_cast<double>(totals.published));
  std::printf("rate\t%.0f\tmsgs/s\n",
              static_cast<double>(totals.published) / seconds);
  std::printf("deaths of consumers\t%d\t\n", deaths.load());
  std::printf("delivered again\t%.0f\t\n", static_cast<double>(totals.again));
  std::printf("lost\t%.0f\t\n", static_cast<double>(lost));
  std::printf("done twice\t%.0f\t\n", static_cast<double>(totals.doubled));
  std::printf("RSS highest\t%.1f\tMiB\n", broker.Memory("VmHWM"));
  std::printf("slope of heap and stacks\t%.2f\tMiB/min\n", Slope(heap));
  return lost == 0 && totals.doubled == 0 ? 0 : 1;
}

}  // namespace
}  // namespace baton::bench

int main(int argc, char** argv) { return baton::bench::Main(argc, argv); }
