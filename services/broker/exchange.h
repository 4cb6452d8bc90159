#ifndef BATON_SERVICES_BROKER_EXCHANGE_H_
#define BATON_SERVICES_BROKER_EXCHANGE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baton/v1/config.pb.h"
#include "services/broker/attachment_store.h"
#include "services/broker/command.h"
#include "services/broker/directory_book.h"
#include "services/broker/directory_changes.h"
#include "services/broker/fold_order.h"
#include "services/broker/jobs.h"
#include "services/broker/ledger.h"
#include "services/broker/publisher.h"
#include "services/broker/queue_desk.h"
#include "services/broker/settling.h"
#include "services/common/clock.h"

namespace baton {

// What one step leaves to be told. Nothing of it may be told before Step has
// returned it: then it is on disk.
struct StepResult {
  struct Delivery {
    std::shared_ptr<DeliverySink> sink;
    std::vector<Handover> messages;
    v1::Agency recipient;  // Who gets them: see view.h.
  };
  // To be told in this order. Messages go out ahead of receipts: a consumer
  // whose next messages wait behind all receipts falls behind its publishers,
  // and then every message comes from the disk (tests/bench/README.md).
  std::vector<std::function<void()>> notices;  // To consumers.
  std::vector<Delivery> deliveries;
  std::vector<std::function<void()>> replies;
  std::vector<v1::Conversation> changed;  // Conversations, as committed.
  // Nobody wants them: to take a message apart is work that the commit thread
  // leaves to who tells.
  std::vector<std::shared_ptr<const v1::Message>> spent;
  bool more_work = false;  // Step again at once, also without commands.
  // When to step again although nothing arrived, on the steady clock.
  std::optional<absl::Duration> next_tick;
};

// Tells consumers and callers what a step left for them, once: `deliver` opens
// the messages of one delivery and hands them over.
void Tell(StepResult* result,
          absl::FunctionRef<void(StepResult::Delivery)> deliver);

// The broker's whole state and every decision on it, without threads, network
// or clock: commands and the time go in, one commit and what is to be told
// come out. The sequencer drives it; so do the simulator and the tests.
//
// Guarantee: a StepResult exists only for effects that are durable. After an
// error nothing may be told and the process must stop.
//
// Not thread-safe: owned by the commit thread.
class Exchange {
 public:
  // Bound of the plain messages kept for consumers that are about to get
  // them; others are read from the store again.
  static constexpr size_t kMaxRecentMessages = 4096;
  static constexpr size_t kMaxRecentBytes = 16 << 20;
  // What a stream gets at once: its consumer begins with these while the next
  // are opened, and 64 messages of 1 KiB are more than the 64 KiB that HTTP/2
  // lets a server send before it hears from the client again.
  static constexpr size_t kMaxMessagesPerDelivery = 40;
  // Settled copies of all queues that are not folded yet: bounds memory, and
  // what a start has to read, however many queues there are.
  static constexpr size_t kMaxUnfolded = 128 << 10;

  // All must outlive the exchange. `content_key` keys idempotency digests.
  // Online changes of the directory are laid over what `directory` holds.
  static absl::StatusOr<std::unique_ptr<Exchange>> Open(
      Store* store, Vault* vault, RandomSource* random,
      DirectoryBook* directory, const Access* access, std::string content_key,
      const v1::BrokerLimits& limits);

  // Decides `commands` in order, ends leases and delays that are due, hands
  // ready messages to consumers, and commits all of it as one batch.
  absl::StatusOr<StepResult> Step(std::vector<Command> commands, Instant now);

  // Adds to a command what the commit thread need not make itself; to be
  // called once for each, by whoever submits it. Thread-safe.
  void Prepare(Command* command) const;

  // Thread-safe.
  const LedgerCounters& counters() const { return ledger_->counters(); }

 private:
  // In an order that does not depend on addresses: equal commands make equal
  // commits, and a simulated seed its one history.
  struct ByName {
    bool operator()(const Queue* a, const Queue* b) const {
      return a->name() < b->name();
    }
  };
  using QueueSet = std::set<Queue*, ByName>;

  struct Subscription {
    Queue* queue;
    std::shared_ptr<DeliverySink> sink;
    v1::Agency agency;
    bool once;
    bool wait;
  };

  struct Recent {
    std::shared_ptr<const v1::Message> message;
    size_t bytes;
  };

  Exchange(std::unique_ptr<Ledger> ledger, std::string content_key);

  // Opens queues that were not there, and gives the others their policy.
  absl::Status OpenQueues(const Directory& directory,
                          const std::vector<std::string>& names, Instant now);
  // Makes the queues ready: before the first step.
  absl::Status Start(Instant now);

  absl::Status Decide(PublishCommand command, Instant now, StepResult* result);
  absl::Status Decide(PublishEachCommand command, Instant now,
                      StepResult* result);
  absl::Status Decide(SettleCommand command, Instant now, StepResult* result);
  absl::Status Decide(AcknowledgeAndPublishCommand command, Instant now,
                      StepResult* result);
  absl::Status Decide(SubscribeCommand command, Instant now,
                      StepResult* result);
  absl::Status Decide(GrantCommand command, Instant now, StepResult* result);
  absl::Status Decide(UnsubscribeCommand command, Instant now,
                      StepResult* result);
  absl::Status Decide(FirstReadCommand command, Instant now,
                      StepResult* result);
  absl::Status Decide(ChangeAgencyCommand command, Instant now,
                      StepResult* result);
  absl::Status Decide(AttachmentCommand command, Instant now,
                      StepResult* result);
  absl::Status Decide(FindConversationCommand command, Instant now,
                      StepResult* result);
  absl::Status Decide(FindCopiesCommand command, Instant now,
                      StepResult* result);
  template <typename Act>
  absl::Status Decide(QueueCommand<Act> command, Instant now,
                      StepResult* result);
  absl::Status Decide(DeniedCommand command, Instant now, StepResult* result);

  // Publishes, or writes the leaf of the refusal that `answer` then is. An
  // error is the disk's.
  absl::Status Publish(const Identity& sender, MessageList messages,
                       std::vector<Fingerprint> fingerprints,
                       absl::string_view call, Instant now,
                       absl::StatusOr<v1::PublishResponse>* answer,
                       StepResult* result);

  absl::Status TickDue(Instant now, StepResult* result);
  void NotifyExpired(const std::vector<QueueEvent>& events, StepResult* result);
  // The last that the consumer hears.
  void EndConsumer(uint64_t consumer_id, v1::NoticeCode code, std::string text,
                   std::string reason, StepResult* result);
  void DispatchTouched(Instant now, StepResult* result);
  void DispatchQueue(Queue* queue, Instant now, StepResult* result);
  void AddDeliveries(const Subscription& subscription,
                     std::vector<Handover> messages, StepResult* result);
  void EndSubscription(uint64_t consumer_id);
  void Remember(uint64_t sequence, std::shared_ptr<const v1::Message> message,
                StepResult* result);
  void Touch(Queue* queue) { touched_.insert(queue); }
  void TouchNamed(const std::string& queue);
  void Schedule(Queue* queue, Instant now);

  const std::string content_key_;
  std::unique_ptr<Ledger> ledger_;
  SenderUsage usage_;
  Queues queues_;
  std::unique_ptr<Publisher> publisher_;
  std::unique_ptr<Settling> settling_;
  DirectoryBook* directory_ = nullptr;
  std::unique_ptr<DirectoryChanges> directory_changes_;
  std::unique_ptr<AttachmentStore> attachments_;
  std::unique_ptr<Jobs> jobs_;
  std::unique_ptr<QueueDesk> queue_desk_;

  absl::flat_hash_map<uint64_t, Subscription> subscriptions_;  // By consumer.
  QueueSet touched_;                                           // In this step.
  QueueSet busy_;  // Have more to hand out than one step's worth.
  FoldOrder fold_order_{kMaxUnfolded};
  QueueSet leaving_;  // Their desks went in this step.
  std::set<std::pair<absl::Duration, Queue*>> ticks_;
  absl::flat_hash_map<Queue*, absl::Duration> tick_of_;
  std::map<uint64_t, Recent> recent_;  // By sequence.
  size_t recent_bytes_ = 0;
  bool started_ = false;
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_EXCHANGE_H_
