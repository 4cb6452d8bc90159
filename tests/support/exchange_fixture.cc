#include "tests/support/exchange_fixture.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "baton/v1/decision.pb.h"
#include "baton/v1/waiting.pb.h"
#include "gtest/gtest.h"
#include "rocksdb/file_system.h"
#include "services/broker/handover.h"
#include "services/broker/queue_recovery.h"
#include "services/broker/sealed_records.h"
#include "services/broker/settled_copies.h"
#include "services/broker/view.h"
#include "services/common/agency.h"
#include "services/common/faults.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"
#include "storage/audit_log.h"
#include "storage/format.h"
#include "storage/keys.h"
#include "storage/merkle.h"
#include "storage/rocksdb_store.h"
#include "storage/status.h"
#include "storage/store_writer.h"

namespace baton {
namespace {

constexpr char kKeyEncryptionKey[] = "0123456789abcdef0123456789abcdef";
constexpr char kContentKey[] = "fedcba9876543210fedcba9876543210";
constexpr int kMaxSteps = 10000;

Identity CallerNamed(const std::string& agency) {
  return {.agency = ParseAgency(agency).value(), .key_id = "12345678"};
}

void AddAgency(const std::string& agency, const std::vector<std::string>& desks,
               v1::BrokerConfig* config) {
  v1::AgencyConfig* const added = config->add_agencies();
  *added->mutable_agency() = ParseAgency(agency).value();
  for (const std::string& desk : desks) added->add_desks()->set_name(desk);
}

std::string NewKey() {
  static std::atomic<int> last = 0;
  return absl::StrCat("key-", ++last);
}

}  // namespace

Identity CouncilCaller() { return CallerNamed("council/E06000018"); }
Identity CountyCaller() { return CallerNamed("council/E10000024"); }
Identity HospitalCaller() { return CallerNamed("emergency/RX1RA"); }
Identity PoliceCaller() { return CallerNamed("police/E23000019"); }
Identity SchoolCaller() { return CallerNamed("school/123456"); }
Identity OperatorCaller() { return CallerNamed("operator/OPS"); }

Instant FakeClock::Now() const {
  MutexLock lock(&mu_);
  return now_;
}

void FakeClock::Advance(absl::Duration by) {
  MutexLock lock(&mu_);
  now_.wall += by;
  now_.steady += by;
}

CommitResult WatchedStore::Commit(const Batch& batch,
                                  absl::string_view expected_head) {
  if (on_commit) {
    if (std::optional<CommitResult> instead = on_commit(batch)) return *instead;
  }
  return store_->Commit(batch, expected_head);
}

void TestConsumer::Deliver(std::vector<v1::ReceivedMessage> messages) {
  ++calls;
  for (v1::ReceivedMessage& message : messages) {
    received_.push_back(std::move(message));
  }
}

void TestConsumer::Notify(v1::ConsumerNotice notice) {
  EXPECT_TRUE(ended.ok()) << "told after its end: " << notice.text();
  notices.push_back(std::move(notice));
}

v1::ReceivedMessage TestConsumer::Next() {
  if (received_.empty()) {
    ADD_FAILURE() << "nothing was delivered from " << queue;
    return {};
  }
  v1::ReceivedMessage next = received_.front();
  received_.erase(received_.begin());
  return next;
}

std::vector<v1::ReceivedMessage> TestConsumer::TakeAll() {
  return std::exchange(received_, {});
}

std::vector<std::string> TestConsumer::TakeTexts() {
  std::vector<std::string> texts;
  for (const v1::ReceivedMessage& message : TakeAll()) {
    texts.push_back(TextOf(message.message()));
  }
  return texts;
}

std::string TextOf(const v1::Message& message) {
  return message.payload().empty() ? "" : message.payload(0).content();
}

v1::BrokerConfig TestBrokerConfig() {
  v1::BrokerConfig config;
  config.set_environment(v1::ENVIRONMENT_TRAINING);
  AddAgency("council/E06000018", {"intake", "duty"}, &config);
  AddAgency("council/E10000024", {"intake"}, &config);
  AddAgency("emergency/RX1RA", {"replies"}, &config);
  AddAgency("police/E23000019", {"replies"}, &config);
  AddAgency("school/123456", {"office"}, &config);
  AddAgency("operator/OPS", {"unknown"}, &config);
  *config.mutable_unknown_recipient_desk() = AddressOf(kUnknownDesk);
  return config;
}

v1::AccessPolicy TestAccessPolicy() {
  v1::AccessPolicy policy;
  v1::AccessRule* const rule = policy.add_rules();
  rule->set_name("everybody but schools");
  for (const v1::AgencyClass agency_class :
       {v1::AGENCY_CLASS_EMERGENCY, v1::AGENCY_CLASS_POLICE,
        v1::AGENCY_CLASS_COUNCIL}) {
    rule->add_sender_classes(agency_class);
    rule->add_recipient_classes(agency_class);
  }
  for (const v1::MessageKind kind :
       {v1::MESSAGE_KIND_CONTACT, v1::MESSAGE_KIND_WAITING_FLAG,
        v1::MESSAGE_KIND_WAITING_UPDATE, v1::MESSAGE_KIND_TAKEN,
        v1::MESSAGE_KIND_DECISION, v1::MESSAGE_KIND_ATTACHMENT}) {
    rule->add_kinds(kind);
  }
  rule->add_purposes(v1::PURPOSE_SAFEGUARDING);
  return policy;
}

PublishLimits TestPublishLimits() {
  return {.environment = v1::ENVIRONMENT_TRAINING};
}

v1::Message TextMessage(const std::string& text) {
  v1::Message message = Envelope(v1::MESSAGE_KIND_CONTACT, kIntake);
  v1::PayloadPart* const part = message.add_payload();
  part->set_type("test.Text");
  part->set_content(text);
  return message;
}

v1::Message FlagMessage(const std::vector<std::string>& names) {
  v1::Message message = Envelope(v1::MESSAGE_KIND_WAITING_FLAG, kIntake);
  for (size_t i = 0; i < names.size(); ++i) {
    v1::WaitingFlag flag;
    flag.set_sender_reference(absl::StrCat("encounter-", i));
    flag.mutable_child()->add_names()->set_given(names[i]);
    flag.mutable_child()->mutable_nhs_number()->set_value("9990000018");
    AddPart(absl::StrCat("#", i + 1), flag, &message);
  }
  return message;
}

v1::Message TakenMessage(const std::string& conversation_id,
                         const std::string& matter_id,
                         int64_t expected_version) {
  v1::Message message = Envelope(v1::MESSAGE_KIND_TAKEN, kHospitalDesk);
  message.set_conversation_id(conversation_id);
  v1::Taken taken;
  taken.set_matter_id(matter_id);
  *taken.mutable_worker() = TestWorker();
  taken.set_expected_version(expected_version);
  AddPart(matter_id, taken, &message);
  return message;
}

v1::Message DecisionMessage(const std::string& conversation_id,
                            const std::string& matter_id, v1::Outcome outcome,
                            const std::string& reason) {
  v1::Message message = Envelope(v1::MESSAGE_KIND_DECISION, kHospitalDesk);
  message.set_conversation_id(conversation_id);
  v1::Decision decision;
  decision.set_matter_id(matter_id);
  decision.set_outcome(outcome);
  decision.set_reason(reason);
  decision.set_next_step("We visit on Thursday.");
  decision.set_contact_phone("0115 496 0456");
  *decision.mutable_worker() = TestWorker();
  AddPart(matter_id, decision, &message);
  return message;
}

v1::Address AddressOf(const std::string& queue) {
  return ParseQueueName(queue).value();
}

v1::Recipient RecipientOf(const std::string& queue, v1::RecipientRole role) {
  v1::Recipient recipient;
  *recipient.mutable_address() = AddressOf(queue);
  recipient.set_role(role);
  return recipient;
}

v1::Actor TestWorker(const std::string& name) {
  v1::Actor worker;
  worker.set_name(name);
  worker.set_role("duty social worker");
  worker.set_team("MASH");
  worker.set_phone("0115 496 0123");
  return worker;
}

v1::Message Envelope(v1::MessageKind kind, const std::string& queue) {
  v1::Message message;
  message.set_kind(kind);
  if (!queue.empty()) {
    *message.add_recipients() = RecipientOf(queue, v1::RECIPIENT_ROLE_ACTION);
  }
  message.set_idempotency_key(NewKey());
  *message.mutable_idempotency_time() = ToProto(FakeClock().Now().wall);
  message.set_purpose(v1::PURPOSE_SAFEGUARDING);
  message.set_legal_basis(v1::LEGAL_BASIS_CHILDREN_ACT_2004_S11);
  message.set_environment(v1::ENVIRONMENT_TRAINING);
  message.set_format_version(1);
  return message;
}

ExchangeFixture::ExchangeFixture() = default;
ExchangeFixture::~ExchangeFixture() { Stop(); }

void ExchangeFixture::Start() {
  const absl::Status opened = Open();
  ASSERT_TRUE(opened.ok()) << opened;
}

absl::Status ExchangeFixture::Open() {
  Faults faults;
  directory_ = std::make_unique<DirectoryBook>(
      Directory::Create(config, &faults).value());
  access_ = Access::Create(policy, &faults);
  RETURN_IF_ERROR(faults.ToStatus());

  v1::DatabaseRecord database;
  database.set_format_version(kFormatVersion);
  database.set_owner("broker");
  database.set_environment(v1::ENVIRONMENT_TRAINING);
  ASSIGN_OR_RETURN(store_, RocksDbStore::Open({.directory = dir_ / "db",
                                               .database = database,
                                               .block_cache_bytes = 1 << 20,
                                               .write_buffer_bytes = 4 << 20}));
  watched_ = std::make_unique<WatchedStore>(store_.get());
  ASSIGN_OR_RETURN(vault_, Vault::Open(rocksdb::FileSystem::Default().get(),
                                       dir_ / "vault", kKeyEncryptionKey,
                                       Head().last_key_slot() + 1, &random_));
  ASSIGN_OR_RETURN(
      exchange_,
      Exchange::Open(watched_.get(), vault_.get(), &random_, directory_.get(),
                     &*access_, kContentKey, config.limits()));
  return absl::OkStatus();
}

void ExchangeFixture::Stop() {
  exchange_.reset();
  vault_.reset();
  watched_.reset();
  store_.reset();
}

void ExchangeFixture::Restart() {
  Stop();
  Start();
}

absl::Status ExchangeFixture::Reopen() {
  Stop();
  return Open();
}

// --- Publishing.

absl::StatusOr<v1::PublishResponse> ExchangeFixture::Publish(
    const Identity& sender, v1::PublishRequest request) {
  PublishLimits limits = TestPublishLimits();
  Faults faults;
  CheckPublish(limits, clock_.Now().wall, &request, &faults);
  if (!faults.empty()) return faults.ToStatus();
  absl::StatusOr<v1::PublishResponse> answer =
      absl::InternalError("not answered");
  std::vector<Command> commands;
  commands.push_back(
      PublishCommand{sender, std::move(request),
                     [&answer](absl::StatusOr<v1::PublishResponse> response) {
                       answer = std::move(response);
                     }});
  Step(std::move(commands));
  return answer;
}

absl::StatusOr<v1::PublishReceipt> ExchangeFixture::Publish(
    const Identity& sender, v1::Message message) {
  v1::PublishRequest request;
  *request.add_messages() = std::move(message);
  absl::StatusOr<v1::PublishResponse> response =
      Publish(sender, std::move(request));
  if (!response.ok()) return response.status();
  return response->receipts(0);
}

v1::PublishReceipt ExchangeFixture::Publish(const std::string& text,
                                            const std::string& ordering_key) {
  v1::Message message = TextMessage(text);
  message.set_ordering_key(ordering_key);
  return Accept(HospitalCaller(), std::move(message));
}

v1::PublishReceipt ExchangeFixture::Accept(const Identity& sender,
                                           v1::Message message) {
  absl::StatusOr<v1::PublishReceipt> receipt =
      Publish(sender, std::move(message));
  EXPECT_TRUE(receipt.ok()) << receipt.status();
  return receipt.ok() ? *receipt : v1::PublishReceipt();
}

// --- Consuming.

std::shared_ptr<TestConsumer> ExchangeFixture::Consume(
    const std::string& queue, ConsumerOptions options) {
  auto consumer = std::make_shared<TestConsumer>(++last_consumer_id_, queue);
  std::vector<Command> commands;
  commands.push_back(SubscribeCommand{
      .caller = {.agency = AddressOf(queue).agency(), .key_id = "12345678"},
      .queue = queue,
      .consumer = {.id = consumer->id,
                   .name = options.name,
                   .max_messages = options.credit,
                   .max_bytes = options.bytes,
                   .ack_deadline = options.ack_deadline,
                   .exclusive = options.exclusive},
      .sink = consumer,
      .once = options.once,
      .wait = options.wait});
  Step(std::move(commands));
  return consumer;
}

void ExchangeFixture::Grant(const TestConsumer& consumer, int messages,
                            int64_t bytes) {
  std::vector<Command> commands;
  commands.push_back(
      GrantCommand{consumer.queue, consumer.id, messages, bytes});
  Step(std::move(commands));
}

void ExchangeFixture::Unsubscribe(const TestConsumer& consumer) {
  std::vector<Command> commands;
  commands.push_back(UnsubscribeCommand{consumer.queue, consumer.id});
  Step(std::move(commands));
}

absl::StatusOr<SettleResult> ExchangeFixture::Settle(SettleCommand command) {
  absl::StatusOr<SettleResult> answer = absl::InternalError("not answered");
  command.done = [&answer](absl::StatusOr<SettleResult> result) {
    answer = std::move(result);
  };
  std::vector<Command> commands;
  commands.push_back(std::move(command));
  Step(std::move(commands));
  return answer;
}

namespace {

absl::Status OnlyStatus(absl::StatusOr<SettleResult> result) {
  if (!result.ok()) return result.status();
  EXPECT_EQ(result->statuses.size(), 1u);
  return result->statuses.at(0);
}

}  // namespace

absl::Status ExchangeFixture::Ack(const std::string& ack_id,
                                  const std::string& queue,
                                  const Identity& caller) {
  return OnlyStatus(Settle({.caller = caller,
                            .kind = SettleKind::kAcknowledge,
                            .queue = queue,
                            .ack_ids = {ack_id},
                            .reason = "",
                            .duration = std::nullopt,
                            .done = nullptr}));
}

absl::Status ExchangeFixture::Nack(const v1::ReceivedMessage& message,
                                   const std::string& reason,
                                   std::optional<absl::Duration> delay) {
  return OnlyStatus(Settle({.caller = CouncilCaller(),
                            .kind = SettleKind::kNack,
                            .queue = kIntake,
                            .ack_ids = {message.ack_id()},
                            .reason = reason,
                            .duration = delay,
                            .done = nullptr}));
}

absl::Status ExchangeFixture::Reject(const v1::ReceivedMessage& message,
                                     const std::string& reason) {
  return OnlyStatus(Settle({.caller = CouncilCaller(),
                            .kind = SettleKind::kReject,
                            .queue = kIntake,
                            .ack_ids = {message.ack_id()},
                            .reason = reason,
                            .duration = std::nullopt,
                            .done = nullptr}));
}

absl::Status ExchangeFixture::ModifyDeadline(const v1::ReceivedMessage& message,
                                             absl::Duration ack_deadline) {
  return OnlyStatus(Settle({.caller = CouncilCaller(),
                            .kind = SettleKind::kModifyDeadline,
                            .queue = kIntake,
                            .ack_ids = {message.ack_id()},
                            .reason = "",
                            .duration = ack_deadline,
                            .done = nullptr}));
}

absl::StatusOr<v1::Matter> ExchangeFixture::FirstRead(
    const Identity& caller, const std::string& matter_id,
    const std::string& name) {
  absl::StatusOr<v1::Matter> answer = absl::InternalError("not answered");
  v1::Actor actor;
  actor.set_name(name);
  actor.set_role("duty social worker");
  std::vector<Command> commands;
  commands.push_back(FirstReadCommand{
      caller, matter_id, actor, [&answer](absl::StatusOr<v1::Matter> matter) {
        answer = std::move(matter);
      }});
  Step(std::move(commands));
  return answer;
}

absl::StatusOr<v1::AttachmentRecord> ExchangeFixture::Attach(
    const Identity& caller, AttachmentAct act) {
  absl::StatusOr<v1::AttachmentRecord> answer =
      absl::InternalError("not answered");
  std::vector<Command> commands;
  commands.push_back(
      AttachmentCommand{caller, std::move(act),
                        [&answer](absl::StatusOr<v1::AttachmentRecord> record) {
                          answer = std::move(record);
                        }});
  Step(std::move(commands));
  return answer;
}

// --- Time and steps.

void ExchangeFixture::Advance(absl::Duration by) {
  clock_.Advance(by);
  Step();
}

void ExchangeFixture::Step(std::vector<Command> commands) {
  for (int i = 0; i < kMaxSteps; ++i) {
    const absl::StatusOr<StepResult> result =
        StepOnce(std::exchange(commands, {}));
    ASSERT_TRUE(result.ok()) << result.status();
    if (result->more_work) continue;
    if (result->next_tick.value_or(absl::InfiniteDuration()) <=
        clock_.Now().steady) {
      continue;
    }
    return;
  }
  FAIL() << "more work without end";
}

absl::StatusOr<StepResult> ExchangeFixture::StepOnce(
    std::vector<Command> commands) {
  for (Command& command : commands) exchange_->Prepare(&command);
  absl::StatusOr<StepResult> result =
      exchange_->Step(std::move(commands), clock_.Now());
  if (!result.ok()) return result;
  Tell(&*result,
       [this](StepResult::Delivery delivery) { Deliver(std::move(delivery)); });
  return result;
}

void ExchangeFixture::Deliver(StepResult::Delivery delivery) {
  std::vector<v1::ReceivedMessage> messages;
  for (absl::StatusOr<v1::ReceivedMessage>& received :
       OpenHandovers(delivery.messages, delivery.recipient, *watched_, *vault_,
                     *directory_->Now())) {
    ASSERT_TRUE(received.ok()) << received.status();
    messages.push_back(*std::move(received));
  }
  delivery.sink->Deliver(std::move(messages));
}

// --- What is on disk.

std::optional<std::string> ExchangeFixture::ReadBytes(
    const std::string& key) const {
  return store_->Get(key).value();
}

std::vector<KeyValue> ExchangeFixture::Scan(const KeyRange& range) const {
  return store_->Scan(range, 1 << 20).value();
}

v1::HeadRecord ExchangeFixture::Head() const {
  return Read<v1::HeadRecord>(kHeadKey).value_or(v1::HeadRecord());
}

v1::QueueRecord ExchangeFixture::QueueOnDisk(const std::string& queue) const {
  Queue found(queue, {});
  const absl::Status recovered = RecoverQueue(*store_, &found);
  EXPECT_TRUE(recovered.ok()) << recovered;
  found.Start(absl::Seconds(60), clock_.Now());
  v1::QueueRecord counts;
  counts.set_message_count(found.message_count());
  counts.set_total_bytes(found.total_bytes());
  return counts;
}

v1::DeliveryRecord ExchangeFixture::CopyOnDisk(
    const std::string& queue, const v1::PublishReceipt& receipt) const {
  const uint64_t sequence = ParseMessageId(receipt.message_id()).value();
  Queue found(queue, {});
  const absl::Status recovered = RecoverQueue(*store_, &found);
  EXPECT_TRUE(recovered.ok()) << recovered;
  if (auto copy = found.Find(sequence)) return *std::move(copy);
  const auto settled = ReadSettled(*store_, queue, sequence);
  EXPECT_TRUE(settled.ok()) << settled.status();
  return settled->value_or(v1::DeliveryRecord());
}

void ExchangeFixture::Overwrite(Batch batch) {
  StoreWriter writer = StoreWriter::Open(store_.get()).value();
  v1::HeadRecord head = writer.head();
  head.set_commit(head.commit() + 1);
  const absl::Status written = writer.Commit(std::move(batch), head);
  ASSERT_TRUE(written.ok()) << written;
}

void ExchangeFixture::Damage(const std::string& key, const std::string& bytes) {
  Batch batch;
  batch.Put(key, bytes);
  Overwrite(std::move(batch));
}

v1::Conversation ExchangeFixture::Conversation(
    const std::string& conversation_id) {
  const uint64_t number = ParseConversationId(conversation_id).value();
  if (started()) {
    std::optional<baton::Conversation> known;
    std::vector<Command> commands;
    commands.push_back(FindConversationCommand{
        .number = number,
        .done =
            [&known](absl::StatusOr<std::optional<baton::Conversation>> found) {
              known = *std::move(found);
            }});
    Step(std::move(commands));
    if (known.has_value()) return ToPublic(*known);
  }
  const auto conversation = ReadConversation(*store_, number, *vault_);
  EXPECT_TRUE(conversation.ok()) << conversation.status();
  return conversation.ok() ? ToPublic(*conversation) : v1::Conversation();
}

v1::DeliveryRecord ExchangeFixture::Copy(const std::string& queue,
                                         const v1::PublishReceipt& receipt) {
  const uint64_t sequence = ParseMessageId(receipt.message_id()).value();
  std::optional<v1::DeliveryRecord> copy;
  using Found = std::vector<std::optional<v1::DeliveryRecord>>;
  std::vector<Command> commands;
  commands.push_back(FindCopiesCommand{
      .copies = {{.queue = queue, .sequence = sequence}},
      .done = [&copy](absl::StatusOr<Found> found) { copy = found->at(0); }});
  Step(std::move(commands));
  if (copy.has_value()) return *std::move(copy);
  const auto settled = ReadSettled(*store_, queue, sequence);
  EXPECT_TRUE(settled.ok()) << settled.status();
  return settled.ok() ? settled->value_or(v1::DeliveryRecord())
                      : v1::DeliveryRecord();
}

std::vector<v1::AuditEntry> ExchangeFixture::Leaves() const {
  const v1::HeadRecord head = Head();
  const auto leaves = ReadLeaves(*store_, 0, head.tree_size() + 1);
  EXPECT_TRUE(leaves.ok()) << leaves.status();
  if (!leaves.ok()) return {};
  CompactRange range;
  std::vector<v1::AuditEntry> entries;
  for (const std::string& leaf : *leaves) {
    range.Append(LeafHash(leaf));
    EXPECT_TRUE(entries.emplace_back().ParseFromString(leaf));
    EXPECT_EQ(entries.back().index(), static_cast<int64_t>(entries.size()) - 1);
  }
  EXPECT_EQ(entries.size(), head.tree_size());
  EXPECT_EQ(AsBytes(range.Root()), head.root());
  return entries;
}

std::vector<v1::AuditEntry> ExchangeFixture::Leaves(v1::AuditType type) const {
  std::vector<v1::AuditEntry> chosen;
  for (const v1::AuditEntry& entry : Leaves()) {
    if (entry.type() == type) chosen.push_back(entry);
  }
  return chosen;
}

bool ExchangeFixture::DiskHolds(const std::string& text) const {
  for (const auto& file :
       std::filesystem::recursive_directory_iterator(dir_.path())) {
    if (!file.is_regular_file()) continue;
    std::ifstream stream(file.path(), std::ios::binary);
    std::stringstream content;
    content << stream.rdbuf();
    if (absl::StrContains(content.str(), text)) return true;
  }
  return false;
}

}  // namespace baton
