#ifndef BATON_TESTS_BENCH_TRAFFIC_H_
#define BATON_TESTS_BENCH_TRAFFIC_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "baton/v1/broker_service.grpc.pb.h"
#include "baton/v1/message.pb.h"

// What a hospital sends to the council of the benchmark's exchange (see
// tests/bench/run): flags that open a conversation with one matter, and
// updates about that matter. Invented, and marked as training.
namespace baton::bench {

inline constexpr char kQueue[] = "council/E06000018/intake";

// Makes messages that differ in their idempotency keys only. Keys of
// different objects and processes differ too. Not thread-safe.
class Traffic {
 public:
  // `payload_bytes` is the size of a message's one payload part.
  explicit Traffic(size_t payload_bytes);

  // A flag, opening a conversation.
  v1::Message Flag();
  // An update about the first matter of `conversation_id`.
  v1::Message Update(const std::string& conversation_id);

  // Turns `message`, which must be one of ours, into one more update. Cheaper
  // than Update: a load generator shares the machine with what it measures.
  void MakeUpdate(const std::string& conversation_id, v1::Message* message);
  void MakeFlag(v1::Message* message) { GiveKey(message); }

  // Puts the time into an update, and reads it back where it arrives.
  static void Stamp(v1::Message* update);
  static uint64_t ReadStamp(const v1::Message& update);

 private:
  void GiveKey(v1::Message* message);

  const std::string key_prefix_;
  uint64_t last_key_ = 0;
  v1::Message flag_;
  v1::Message update_;
};

// A stub for the broker at `address`, as the hospital whose certificate and
// authority stand in `certificates`; stops the process when there is none
// within 10 s.
std::unique_ptr<v1::BrokerService::Stub> Connect(
    const std::string& address, const std::string& certificates,
    const std::string& identity);

}  // namespace baton::bench

#endif  // BATON_TESTS_BENCH_TRAFFIC_H_
