#ifndef BATON_TESTS_SUPPORT_EXCHANGE_FIXTURE_H_
#define BATON_TESTS_SUPPORT_EXCHANGE_FIXTURE_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "baton/v1/audit_service.pb.h"
#include "baton/v1/broker_service.pb.h"
#include "baton/v1/config.pb.h"
#include "baton/v1/record.pb.h"
#include "services/broker/access.h"
#include "services/broker/command.h"
#include "services/broker/directory_book.h"
#include "services/broker/exchange.h"
#include "services/broker/publish_check.h"
#include "services/common/clock.h"
#include "services/common/identity.h"
#include "storage/batch.h"
#include "storage/mutex.h"
#include "storage/random.h"
#include "storage/status.h"
#include "storage/store.h"
#include "storage/vault.h"
#include "tests/support/temp_dir.h"

namespace baton {

// Queues of the exchange every test starts with.
inline constexpr char kIntake[] = "council/E06000018/intake";
inline constexpr char kDuty[] = "council/E06000018/duty";
inline constexpr char kCounty[] = "council/E10000024/intake";
inline constexpr char kHospitalDesk[] = "emergency/RX1RA/replies";
inline constexpr char kUnknownDesk[] = "operator/OPS/unknown";

Identity CouncilCaller();   // council/E06000018
Identity CountyCaller();    // council/E10000024
Identity HospitalCaller();  // emergency/RX1RA
Identity PoliceCaller();    // police/E23000019
Identity SchoolCaller();    // school/123456: no rule lets it send
Identity OperatorCaller();  // operator/OPS

// Moves when it is told to. Thread-safe.
class FakeClock final : public Clock {
 public:
  Instant Now() const override ABSL_LOCKS_EXCLUDED(mu_);
  void Advance(absl::Duration by) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  mutable Mutex mu_;
  Instant now_ ABSL_GUARDED_BY(mu_) = {
      .wall = absl::FromUnixSeconds(1767225600), .steady = absl::Hours(1)};
};

// A store that shows what is asked of it and fails on demand.
class WatchedStore final : public Store {
 public:
  // Called before each commit, outside any lock; an answer replaces the commit.
  std::function<std::optional<CommitResult>(const Batch&)> on_commit;
  // Called before each scan; an error replaces it.
  std::function<absl::Status(const KeyRange&)> on_scan;

  explicit WatchedStore(Store* store) : store_(store) {}

  absl::StatusOr<std::optional<std::string>> Get(
      absl::string_view key) const override {
    return store_->Get(key);
  }
  absl::StatusOr<std::vector<KeyValue>> Scan(
      const KeyRange& range, size_t limit,
      ScanOrder order = ScanOrder::kAscending) const override {
    if (on_scan) RETURN_IF_ERROR(on_scan(range));
    return store_->Scan(range, limit, order);
  }
  CommitResult Commit(const Batch& batch,
                      absl::string_view expected_head) override;
  std::unique_ptr<Reader> Snapshot() const override {
    return store_->Snapshot();
  }
  Limits limits() const override { return store_->limits(); }

 private:
  Store* const store_;
};

// The far end of a subscription: keeps everything it is handed.
class TestConsumer final : public DeliverySink {
 public:
  TestConsumer(uint64_t consumer_id, std::string queue_name)
      : id(consumer_id), queue(std::move(queue_name)) {}

  void Deliver(std::vector<v1::ReceivedMessage> messages) override;
  void Notify(v1::ConsumerNotice notice) override;
  void End(absl::Status why) override { ended = std::move(why); }

  // The oldest delivery not yet taken from here; fails the test when there is
  // none.
  v1::ReceivedMessage Next();
  // All of them.
  std::vector<v1::ReceivedMessage> TakeAll();
  // The texts of all of them, as Publish(text) sent them, in order.
  std::vector<std::string> TakeTexts();

  const uint64_t id;
  const std::string queue;
  int calls = 0;  // Of Deliver.
  std::vector<v1::ConsumerNotice> notices;
  absl::Status ended;

 private:
  std::vector<v1::ReceivedMessage> received_;
};

// What Publish(text) put into `message`.
std::string TextOf(const v1::Message& message);

// A configuration with the agencies above. Tests change it before Start().
v1::BrokerConfig TestBrokerConfig();
v1::AccessPolicy TestAccessPolicy();
PublishLimits TestPublishLimits();

// A valid message from a hospital to kIntake with one common part. Each call
// makes a new idempotency key.
v1::Message TextMessage(const std::string& text);
// Opens one matter per name: a WaitingFlag about an invented child.
v1::Message FlagMessage(const std::vector<std::string>& names);
// Answers about one matter.
v1::Message TakenMessage(const std::string& conversation_id,
                         const std::string& matter_id,
                         int64_t expected_version = 0);
v1::Message DecisionMessage(const std::string& conversation_id,
                            const std::string& matter_id, v1::Outcome outcome,
                            const std::string& reason);
v1::Address AddressOf(const std::string& queue);
v1::Recipient RecipientOf(const std::string& queue, v1::RecipientRole role);

// A person of the council, who can be rung.
v1::Actor TestWorker(const std::string& name = "Wilhelmina Worker");

// An envelope for `queue`, without payload; none when it is empty.
v1::Message Envelope(v1::MessageKind kind, const std::string& queue);
template <typename Content>
void AddPart(const std::string& matter_id, const Content& content,
             v1::Message* message) {
  v1::PayloadPart* const part = message->add_payload();
  part->set_matter_id(matter_id);
  part->set_type(Content::descriptor()->full_name());
  part->set_content(content.SerializeAsString());
}
// Says `content` about one matter, by Wilhelmina Worker when it names nobody,
// to whomever the exchange tells.
template <typename Content>
v1::Message Say(v1::MessageKind kind, const std::string& conversation_id,
                const std::string& matter_id, Content content) {
  if (!content.has_worker()) *content.mutable_worker() = TestWorker();
  if constexpr (requires { content.set_matter_id(matter_id); }) {
    content.set_matter_id(matter_id);
  }
  v1::Message message = Envelope(kind, "");
  message.set_conversation_id(conversation_id);
  AddPart(matter_id, content, &message);
  return message;
}

// The whole exchange on a real disk, without threads: a test says what
// arrives and how time passes, and sees what comes out.
class ExchangeFixture {
 public:
  struct ConsumerOptions {
    std::string name = "";
    int credit = 1000;
    int64_t bytes = 16 << 20;
    absl::Duration ack_deadline = absl::Seconds(60);
    bool once = false;
    bool wait = true;
    bool exclusive = false;
  };

  ExchangeFixture();
  ~ExchangeFixture();

  // Before Start().
  v1::BrokerConfig config = TestBrokerConfig();
  v1::AccessPolicy policy = TestAccessPolicy();

  // Opens everything from the disk.
  void Start();
  // Ends the process and starts the next one from what is on disk.
  void Restart();
  // Likewise, where the disk may be refused.
  absl::Status Reopen();
  void Stop();
  bool started() const { return exchange_ != nullptr; }

  // Publishing. `Publish` checks as the RPC does first.
  absl::StatusOr<v1::PublishResponse> Publish(const Identity& sender,
                                              v1::PublishRequest request);
  absl::StatusOr<v1::PublishReceipt> Publish(const Identity& sender,
                                             v1::Message message);
  v1::PublishReceipt Publish(const std::string& text,
                             const std::string& ordering_key = "");
  // Must be accepted.
  v1::PublishReceipt Accept(const Identity& sender, v1::Message message);

  // Consuming.
  std::shared_ptr<TestConsumer> Consume(const std::string& queue,
                                        ConsumerOptions options);
  std::shared_ptr<TestConsumer> Consume(const std::string& queue) {
    return Consume(queue, ConsumerOptions());
  }
  void Grant(const TestConsumer& consumer, int messages, int64_t bytes);
  void Unsubscribe(const TestConsumer& consumer);
  // Settling, by default as the council on kIntake.
  absl::Status Ack(const std::string& ack_id,
                   const std::string& queue = kIntake,
                   const Identity& caller = CouncilCaller());
  absl::Status Ack(const v1::ReceivedMessage& message,
                   const std::string& queue = kIntake,
                   const Identity& caller = CouncilCaller()) {
    return Ack(message.ack_id(), queue, caller);
  }
  absl::Status Nack(const v1::ReceivedMessage& message,
                    const std::string& reason = "not now",
                    std::optional<absl::Duration> delay = std::nullopt);
  absl::Status Reject(const v1::ReceivedMessage& message,
                      const std::string& reason);
  absl::Status ModifyDeadline(const v1::ReceivedMessage& message,
                              absl::Duration ack_deadline);
  absl::StatusOr<SettleResult> Settle(SettleCommand command);
  absl::StatusOr<v1::Matter> FirstRead(const Identity& caller,
                                       const std::string& matter_id,
                                       const std::string& name);
  // About documents.
  absl::StatusOr<v1::AttachmentRecord> Attach(const Identity& caller,
                                              AttachmentAct act);

  // By hand: one of queue_acts.h.
  template <typename Act>
  absl::StatusOr<typename Act::Answer> Do(const Identity& caller, Act act) {
    absl::StatusOr<typename Act::Answer> answer = absl::UnknownError("untold");
    std::vector<Command> commands;
    commands.push_back(QueueCommand<Act>{
        .caller = caller,
        .act = std::move(act),
        .done = [&answer](absl::StatusOr<typename Act::Answer> decided) {
          answer = std::move(decided);
        }});
    Step(std::move(commands));
    return answer;
  }

  // Time and steps.
  void Advance(absl::Duration by);
  // Steps until there is no more work.
  void Step(std::vector<Command> commands = {});
  // Steps once; what it leaves is told.
  absl::StatusOr<StepResult> StepOnce(std::vector<Command> commands);
  // As the deliver option of a Sequencer.
  void Deliver(StepResult::Delivery delivery);

  // What is on disk.
  v1::HeadRecord Head() const;
  template <typename Record>
  std::optional<Record> Read(const std::string& key) const {
    const std::optional<std::string> bytes = ReadBytes(key);
    if (!bytes.has_value()) return std::nullopt;
    Record record;
    return record.ParseFromString(*bytes) ? std::optional<Record>(record)
                                          : std::nullopt;
  }
  std::optional<std::string> ReadBytes(const std::string& key) const;
  std::vector<KeyValue> Scan(const KeyRange& range) const;
  // Its counts, as a process that starts now would find them.
  v1::QueueRecord QueueOnDisk(const std::string& queue) const;
  // Likewise, one copy of it; empty when there is none.
  v1::DeliveryRecord CopyOnDisk(const std::string& queue,
                                const v1::PublishReceipt& receipt) const;
  // Commits `batch` behind the exchange's back; then Restart().
  void Overwrite(Batch batch);
  // Likewise, the bytes of one key.
  void Damage(const std::string& key, const std::string& bytes);
  // As tracking shows it, also when its record is still to be written.
  v1::Conversation Conversation(const std::string& conversation_id);
  // Likewise, one copy of a message; empty when nothing is known of it.
  v1::DeliveryRecord Copy(const std::string& queue,
                          const v1::PublishReceipt& receipt);
  // All leaves of the audit log, after a check that they give the head's root.
  std::vector<v1::AuditEntry> Leaves() const;
  // Those of one type.
  std::vector<v1::AuditEntry> Leaves(v1::AuditType type) const;
  // True when any file of the database or vault holds `text`.
  bool DiskHolds(const std::string& text) const;

  FakeClock& clock() { return clock_; }
  WatchedStore& store() { return *watched_; }
  Vault& vault() { return *vault_; }
  Exchange& exchange() { return *exchange_; }
  DirectoryBook& directory() { return *directory_; }

 private:
  absl::Status Open();

  TempDir dir_;
  FakeClock clock_;
  SystemRandom random_;
  uint64_t last_consumer_id_ = 0;

  std::unique_ptr<DirectoryBook> directory_;
  std::optional<Access> access_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<WatchedStore> watched_;
  std::unique_ptr<Vault> vault_;
  std::unique_ptr<Exchange> exchange_;
};

}  // namespace baton

#endif  // BATON_TESTS_SUPPORT_EXCHANGE_FIXTURE_H_
