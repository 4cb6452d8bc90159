#include "services/council/council_desk.h"

#include <functional>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "baton/v1/decision.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/agency/first_reads.h"
#include "services/agency/intake_feed.h"
#include "services/agency/intake_record.h"
#include "services/common/agency.h"
#include "services/common/faults.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"
#include "storage/format.h"
#include "storage/rocksdb_store.h"
#include "tests/support/temp_dir.h"

namespace baton {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kQueue[] = "council/E06000018/intake";
constexpr char kDiskKey[] = "0123456789abcdef0123456789abcdef";
constexpr char kMatter[] = "c-4k7.1";  // Opened by m-4k7.

v1::Agency Ours() { return ParseAgency("council/E06000018").value(); }
v1::Agency Hospital() { return ParseAgency("emergency/RX1RA").value(); }

// A store that counts commits, so that a test sees what came after which.
class CountingStore final : public Store {
 public:
  explicit CountingStore(Store* store) : store_(store) {}

  absl::StatusOr<std::optional<std::string>> Get(
      absl::string_view key) const override {
    return store_->Get(key);
  }
  absl::StatusOr<std::vector<KeyValue>> Scan(const KeyRange& range,
                                             size_t limit,
                                             ScanOrder order) const override {
    return store_->Scan(range, limit, order);
  }
  CommitResult Commit(const Batch& batch,
                      absl::string_view expected_head) override {
    if (!fail.ok()) return {CommitOutcome::kFenced, fail};
    ++commits;
    return store_->Commit(batch, expected_head);
  }
  std::unique_ptr<Reader> Snapshot() const override {
    return store_->Snapshot();
  }
  Limits limits() const override { return store_->limits(); }

  int commits = 0;
  absl::Status fail;

 private:
  Store* const store_;
};

// The exchange, as far as a test lets it answer.
class FakeLink final : public ExchangeLink {
 public:
  void Publish(v1::PublishRequest request,
               Callback<v1::PublishResponse> done) override {
    published.push_back({std::move(request), std::move(done)});
  }
  void GetConversation(v1::GetConversationRequest,
                       Callback<v1::GetConversationResponse>) override {}
  void RecordFirstRead(v1::RecordFirstReadRequest request,
                       Callback<v1::RecordFirstReadResponse> done) override {
    first_reads.push_back({std::move(request), std::move(done)});
  }
  void Acknowledge(const std::string& queue,
                   std::vector<std::string> ack_ids) override {
    EXPECT_EQ(queue, kQueue);
    if (on_acknowledge) on_acknowledge();
    for (std::string& id : ack_ids) acknowledged.push_back(std::move(id));
  }

  struct Publishing {
    v1::PublishRequest request;
    Callback<v1::PublishResponse> done;
  };
  struct FirstRead {
    v1::RecordFirstReadRequest request;
    Callback<v1::RecordFirstReadResponse> done;
  };
  std::vector<Publishing> published;
  std::vector<FirstRead> first_reads;
  std::vector<std::string> acknowledged;
  std::function<void()> on_acknowledge;
};

// A consuming system.
class FakeSink final : public IntakeSink {
 public:
  bool Send(v1::Message message,
            std::optional<absl::Time> heard_time) override {
    if (gone) return false;
    if (on_send) on_send();
    v1::StreamIntakeResponse& response = received.emplace_back();
    *response.mutable_message() = std::move(message);
    if (heard_time.has_value()) {
      *response.mutable_exchange_heard_time() = ToProto(*heard_time);
    }
    return true;
  }
  void End(absl::Status status) override { ended = std::move(status); }

  // The ids of the messages since the last call.
  std::vector<std::string> TakeIds() {
    std::vector<std::string> ids;
    for (const v1::StreamIntakeResponse& response : received) {
      ids.push_back(response.message().message_id());
    }
    received.clear();
    return ids;
  }

  std::vector<v1::StreamIntakeResponse> received;
  absl::Status ended;
  bool gone = false;
  std::function<void()> on_send;
};

v1::Actor Worker() {
  v1::Actor worker;
  worker.set_name("Wilhelmina Worker");
  worker.set_role("duty social worker");
  worker.set_team("MASH");
  worker.set_phone("0115 496 0123");
  return worker;
}

void AddRecipient(const std::string& queue, v1::RecipientRole role,
                  v1::Message* message) {
  v1::Recipient* const recipient = message->add_recipients();
  *recipient->mutable_address() = ParseQueueName(queue).value();
  recipient->set_role(role);
}

// A message `id` ("m-4k7") of the conversation of `matters`, for our intake.
v1::Message MessageAbout(const std::string& id,
                         const std::vector<std::string>& matters) {
  v1::Message message;
  message.set_message_id(id);
  message.set_kind(v1::MESSAGE_KIND_WAITING_UPDATE);
  *message.mutable_sender() = Hospital();
  *message.mutable_publish_time() = ToProto(absl::FromUnixSeconds(1767225000));
  message.set_legal_basis(v1::LEGAL_BASIS_CHILDREN_ACT_1989_S17);
  AddRecipient(kQueue, v1::RECIPIENT_ROLE_ACTION, &message);
  for (const std::string& matter : matters) {
    message.set_conversation_id(
        ConversationId(ParseMatterId(matter)->conversation_number));
    message.add_matter_ids(matter);
    v1::PayloadPart* const part = message.add_payload();
    part->set_matter_id(matter);
    part->set_type("baton.v1.WaitingFlag");
  }
  return message;
}

v1::Message Opening() {
  v1::Message message = MessageAbout("m-4k7", {kMatter});
  message.set_kind(v1::MESSAGE_KIND_WAITING_FLAG);
  return message;
}

class CouncilDeskTest : public testing::Test {
 protected:
  CouncilDeskTest() { Start(); }

  void Start() {
    RocksDbStore::Options options;
    options.directory = dir_ / "db";
    options.database.set_format_version(kFormatVersion);
    options.database.set_owner("council");
    options.database.set_environment(v1::ENVIRONMENT_TRAINING);
    auto database = RocksDbStore::Open(std::move(options));
    ASSERT_TRUE(database.ok()) << database.status();
    database_ = *std::move(database);
    counting_ = std::make_unique<CountingStore>(database_.get());
    auto store = AgencyStore::Open(counting_.get(), kDiskKey, &random_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    loop_ = std::make_unique<AgencyLoop>(store_.get(), &clock_);
    Office::Options options_of_office;
    options_of_office.outbox.sender = Ours();
    options_of_office.outbox.max_held = max_held_;
    options_of_office.cases.environment = v1::ENVIRONMENT_TRAINING;
    auto office = Office::Open(
        {.store = store_.get(), .loop = loop_.get(), .link = &link_},
        std::move(options_of_office), now_);
    ASSERT_TRUE(office.ok()) << office.status();
    office_ = *std::move(office);
    desk_ = std::make_unique<CouncilDesk>(office_.get());
    loop_->set_desk(office_.get());
  }

  // The process ends without warning and starts again; calls that were under
  // way are never answered.
  void Restart() {
    desk_.reset();
    office_.reset();
    loop_.reset();
    store_.reset();
    counting_.reset();
    database_.reset();
    link_.published.clear();
    link_.first_reads.clear();
    Start();
  }

  // Runs `event` on the loop, and the loop until it is quiet.
  void On(const std::function<void()>& event) {
    ASSERT_TRUE(loop_->Post([event](Instant) { event(); }));
    Settle();
  }
  void Settle() {
    for (int i = 0; i < 100; ++i) {
      const absl::StatusOr<bool> more = loop_->Step(now_);
      ASSERT_TRUE(more.ok()) << more.status();
      if (!*more) return;
    }
  }
  void Advance(absl::Duration by) {
    now_.wall += by;
    now_.steady += by;
    Settle();
  }

  void Deliver(const v1::Message& message) {
    v1::ReceivedMessage received;
    *received.mutable_message() = message;
    received.set_ack_id(absl::StrCat("a-", ++deliveries_));
    On([&] { office_->OnMessages(kQueue, {received}); });
  }

  absl::StatusOr<v1::TakeMatterResponse> Take(
      const v1::TakeMatterRequest& request) {
    absl::StatusOr<v1::TakeMatterResponse> result;
    On([&] { result = desk_->Take(request, now_); });
    return result;
  }
  absl::StatusOr<v1::TakeMatterResponse> Take(const std::string& request_id) {
    return Take(TakeRequest(request_id));
  }
  static v1::TakeMatterRequest TakeRequest(const std::string& request_id) {
    v1::TakeMatterRequest request;
    request.set_request_id(request_id);
    request.mutable_taken()->set_matter_id(kMatter);
    *request.mutable_taken()->mutable_worker() = Worker();
    return request;
  }

  absl::StatusOr<v1::DecideMatterResponse> Decide(
      const v1::DecideMatterRequest& request) {
    absl::StatusOr<v1::DecideMatterResponse> result;
    On([&] { result = desk_->Decide(request, now_); });
    return result;
  }
  absl::StatusOr<v1::DecideMatterResponse> Decide(
      const std::string& request_id) {
    return Decide(DecideRequest(request_id));
  }
  static v1::DecideMatterRequest DecideRequest(const std::string& request_id) {
    v1::DecideMatterRequest request;
    request.set_request_id(request_id);
    v1::Decision& decision = *request.mutable_decision();
    decision.set_matter_id(kMatter);
    decision.set_outcome(v1::OUTCOME_NO_FURTHER_ACTION);
    decision.set_next_step("We ring the ward.");
    decision.set_reason("Known to us; plan in place.");
    *decision.mutable_worker() = Worker();
    return request;
  }

  absl::StatusOr<v1::OpenMatterResponse> OpenMatter(
      const std::string& matter_id = kMatter,
      const std::string& name = "Rhea Reader") {
    v1::OpenMatterRequest request;
    request.set_matter_id(matter_id);
    request.mutable_actor()->set_name(name);
    absl::StatusOr<v1::OpenMatterResponse> result;
    On([&] { result = desk_->OpenMatter(request, now_); });
    return result;
  }

  v1::ListIntakeResponse List(bool include_decided = true, int page_size = 0,
                              const std::string& token = "") {
    v1::ListIntakeRequest request;
    request.set_include_decided(include_decided);
    request.set_page_size(page_size);
    request.set_page_token(token);
    const auto result = desk_->List(request);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.value_or(v1::ListIntakeResponse());
  }
  v1::IntakeItem Row() {
    const v1::ListIntakeResponse list = List();
    EXPECT_THAT(list.items(), SizeIs(1));
    return list.items().empty() ? v1::IntakeItem() : list.items(0);
  }

  // The only publish under way; it stays so until it is answered.
  v1::Message Published() {
    EXPECT_THAT(link_.published, SizeIs(1));
    if (link_.published.empty()) return {};
    EXPECT_THAT(link_.published[0].request.messages(), SizeIs(1));
    return link_.published[0].request.messages(0);
  }
  // The exchange answers the only publish under way.
  void AnswerPublish(const absl::Status& status) {
    ASSERT_THAT(link_.published, SizeIs(1));
    absl::StatusOr<v1::PublishResponse> response = v1::PublishResponse();
    if (!status.ok()) {
      response = status;
    } else {
      v1::PublishReceipt* const receipt = response->add_receipts();
      receipt->set_message_id("m-999");
      receipt->set_conversation_id("c-4k7");
      receipt->add_matter_ids(kMatter);
    }
    const auto done = std::move(link_.published[0].done);
    link_.published.clear();
    On([&] { done(response); });
  }
  void AnswerFirstRead(const absl::Status& status) {
    ASSERT_THAT(link_.first_reads, SizeIs(1));
    absl::StatusOr<v1::RecordFirstReadResponse> response =
        v1::RecordFirstReadResponse();
    if (!status.ok()) response = status;
    const auto done = std::move(link_.first_reads[0].done);
    link_.first_reads.clear();
    On([&] { done(response); });
  }

  std::shared_ptr<FakeSink> Subscribe(uint64_t id, const std::string& consumer,
                                      int credit) {
    auto sink = std::make_shared<FakeSink>();
    On([&] { office_->intake()->Subscribe(id, consumer, credit, sink); });
    return sink;
  }
  void Acknowledge(uint64_t id, const std::vector<std::string>& message_ids) {
    On([&] {
      EXPECT_TRUE(office_->intake()->Acknowledge(id, message_ids).ok());
    });
  }

  class : public Clock {
   public:
    Instant Now() const override { return {}; }
  } clock_;  // The loop's own thread is not used.
  const TempDir dir_;
  SystemRandom random_;
  Instant now_ = {.wall = absl::FromUnixSeconds(1767225600),
                  .steady = absl::Hours(1)};
  uint64_t max_held_ = 100;
  int deliveries_ = 0;
  FakeLink link_;
  std::unique_ptr<RocksDbStore> database_;
  std::unique_ptr<CountingStore> counting_;
  std::unique_ptr<AgencyStore> store_;
  std::unique_ptr<AgencyLoop> loop_;
  std::unique_ptr<Office> office_;
  std::unique_ptr<CouncilDesk> desk_;
};

// --- Arrival.

TEST_F(CouncilDeskTest, AMessageIsAcknowledgedAfterTheCommitThatHoldsIt) {
  int commits_before = -1;
  link_.on_acknowledge = [&] { commits_before = counting_->commits; };
  Deliver(Opening());
  EXPECT_EQ(commits_before, 1);
  EXPECT_THAT(link_.acknowledged, ElementsAre("a-1"));
}

TEST_F(CouncilDeskTest, AMessageThatCannotBeStoredIsNotAcknowledged) {
  counting_->fail = absl::DataLossError("disk");
  v1::ReceivedMessage received;
  *received.mutable_message() = Opening();
  ASSERT_TRUE(
      loop_->Post([&](Instant) { office_->OnMessages(kQueue, {received}); }));
  EXPECT_FALSE(loop_->Step(now_).ok());
  EXPECT_THAT(link_.acknowledged, IsEmpty());
}

TEST_F(CouncilDeskTest, ARepeatedDeliveryIsAcknowledgedAndChangesNothing) {
  Deliver(Opening());
  Restart();
  Deliver(Opening());
  EXPECT_THAT(link_.acknowledged, ElementsAre("a-1", "a-2"));
  EXPECT_EQ(Row().message_count(), 1);
  EXPECT_EQ(counting_->commits, 0);
}

TEST_F(CouncilDeskTest, AMatterShowsWhatOpenedItAndItsMostUrgentPriority) {
  v1::Message opening = Opening();
  opening.set_priority(v1::PRIORITY_URGENT);
  opening.add_marks()->set_code(v1::MARK_CODE_BLANK_ANSWER);
  Deliver(opening);
  now_.wall += absl::Minutes(5);
  v1::Message update = MessageAbout("m-4k8", {kMatter});
  update.set_priority(v1::PRIORITY_LOW);
  update.add_marks()->set_code(v1::MARK_CODE_BLANK_ANSWER);
  Deliver(update);
  const v1::IntakeItem row = Row();
  EXPECT_EQ(row.matter_id(), kMatter);
  EXPECT_EQ(row.kind(), v1::MESSAGE_KIND_WAITING_FLAG);
  EXPECT_TRUE(SameAgency(row.sender(), Hospital()));
  EXPECT_EQ(FromProto(row.received_time()), FromProto(opening.publish_time()));
  EXPECT_EQ(FromProto(row.delivered_time()), now_.wall - absl::Minutes(5));
  EXPECT_EQ(row.priority(), v1::PRIORITY_URGENT);
  EXPECT_EQ(row.state(), v1::MATTER_STATE_DELIVERED);
  EXPECT_EQ(row.message_count(), 2);
  EXPECT_THAT(row.marks(), SizeIs(1));
  EXPECT_FALSE(row.opened());
  EXPECT_EQ(row.answer_state(), v1::OUTBOX_STATE_UNSPECIFIED);
}

TEST_F(CouncilDeskTest, AnUpdateThatOvertakesItsOpeningDoesNotDefineTheMatter) {
  Deliver(MessageAbout("m-4k8", {kMatter}));
  EXPECT_EQ(Row().kind(), v1::MESSAGE_KIND_WAITING_UPDATE);
  v1::Message opening = Opening();
  *opening.mutable_publish_time() = ToProto(absl::FromUnixSeconds(1767224000));
  Deliver(opening);
  EXPECT_EQ(Row().kind(), v1::MESSAGE_KIND_WAITING_FLAG);
  EXPECT_EQ(FromProto(Row().received_time()),
            absl::FromUnixSeconds(1767224000));
  const auto open = OpenMatter();
  ASSERT_TRUE(open.ok());
  EXPECT_EQ(open->messages(0).message_id(), "m-4k7");
}

TEST_F(CouncilDeskTest, SiblingsAreMattersOfTheirOwnInOrderOfArrival) {
  Deliver(MessageAbout("m-4k7", {"c-4k7.1", "c-4k7.2"}));
  Deliver(MessageAbout("m-4k9", {"c-4k9.1"}));
  v1::ListIntakeResponse page = List(true, 2);
  ASSERT_THAT(page.items(), SizeIs(2));
  EXPECT_EQ(page.items(0).matter_id(), "c-4k7.1");
  EXPECT_EQ(page.items(1).matter_id(), "c-4k7.2");
  Restart();
  page = List(true, 2, page.next_page_token());
  ASSERT_THAT(page.items(), SizeIs(1));
  EXPECT_EQ(page.items(0).matter_id(), "c-4k9.1");
  EXPECT_EQ(page.next_page_token(), "");
}

TEST_F(CouncilDeskTest, APageTokenOfSomebodyElseIsRefused) {
  v1::ListIntakeRequest request;
  request.set_page_token("elsewhere");
  EXPECT_TRUE(absl::IsInvalidArgument(desk_->List(request).status()));
}

TEST_F(CouncilDeskTest, AMessageAboutNoMatterStillReachesTheConsumers) {
  Deliver(MessageAbout("m-4k7", {}));
  EXPECT_THAT(List().items(), IsEmpty());
  EXPECT_THAT(Subscribe(1, "cms", 10)->TakeIds(), ElementsAre("m-4k7"));
}

TEST_F(CouncilDeskTest, AMessageThatNamesNoProperMatterIsKept) {
  v1::Message message = MessageAbout("m-4k7", {});
  message.add_matter_ids("nonsense");
  Deliver(message);
  EXPECT_THAT(List().items(), IsEmpty());
  EXPECT_THAT(link_.acknowledged, ElementsAre("a-1"));
}

// --- Reading.

TEST_F(CouncilDeskTest, OpeningShowsTheMessagesOldestFirstAndRemembersIt) {
  Deliver(Opening());
  Deliver(MessageAbout("m-4k8", {kMatter}));
  const auto open = OpenMatter();
  ASSERT_TRUE(open.ok()) << open.status();
  ASSERT_THAT(open->messages(), SizeIs(2));
  EXPECT_EQ(open->messages(0).message_id(), "m-4k7");
  EXPECT_EQ(open->messages(1).message_id(), "m-4k8");
  EXPECT_TRUE(open->item().opened());
  Restart();
  EXPECT_TRUE(Row().opened());
}

TEST_F(CouncilDeskTest, WhenNotAllFitsTheOpeningAndTheNewestAreShown) {
  Deliver(Opening());
  std::vector<std::string> ids;
  for (int i = 0; i < 20; ++i) {
    ids.push_back(MessageId(0x10000 + i));
    v1::Message update = MessageAbout(ids.back(), {kMatter});
    update.mutable_payload(0)->set_content(std::string(250 << 10, 'x'));
    Deliver(update);
  }
  const auto open = OpenMatter();
  ASSERT_TRUE(open.ok()) << open.status();
  EXPECT_LT(open->ByteSizeLong(), size_t{4} << 20);
  EXPECT_EQ(open->item().message_count(), 21);
  ASSERT_GT(open->messages_size(), 10);
  ASSERT_LT(open->messages_size(), 21);
  EXPECT_EQ(open->messages(0).message_id(), "m-4k7");
  EXPECT_EQ(open->messages(open->messages_size() - 1).message_id(), ids[19]);
  EXPECT_EQ(open->messages(open->messages_size() - 2).message_id(), ids[18]);
}

TEST_F(CouncilDeskTest, OpeningNeedsANameAndAMatterThatArrived) {
  EXPECT_TRUE(absl::IsNotFound(OpenMatter("c-zzz.1").status()));
  const absl::Status status = OpenMatter("nonsense", "").status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("matter_id"), HasSubstr("actor.name")));
}

TEST_F(CouncilDeskTest, TheExchangeIsToldOfTheFirstReadOnce) {
  Deliver(Opening());
  ASSERT_TRUE(OpenMatter(kMatter, "Rhea Reader").ok());
  ASSERT_THAT(link_.first_reads, SizeIs(1));
  EXPECT_EQ(link_.first_reads[0].request.matter_id(), kMatter);
  EXPECT_EQ(link_.first_reads[0].request.actor().name(), "Rhea Reader");
  AnswerFirstRead(absl::OkStatus());
  ASSERT_TRUE(OpenMatter(kMatter, "Somebody Else").ok());
  Restart();
  Advance(absl::Hours(1));
  EXPECT_THAT(link_.first_reads, IsEmpty());
}

TEST_F(CouncilDeskTest, AFirstReadIsToldAgainUntilTheExchangeHasIt) {
  Deliver(Opening());
  ASSERT_TRUE(OpenMatter(kMatter, "Rhea Reader").ok());
  AnswerFirstRead(absl::UnavailableError("away"));
  EXPECT_THAT(link_.first_reads, IsEmpty());
  ASSERT_TRUE(loop_->next_turn().has_value());
  EXPECT_LE(*loop_->next_turn(), now_.steady + FirstReads::kRetryDelay);
  Advance(FirstReads::kRetryDelay);
  AnswerFirstRead(absl::UnavailableError("away"));
  // Watching begins: the exchange is back.
  On([&] { office_->OnWatching(); });
  ASSERT_THAT(link_.first_reads, SizeIs(1));
  Restart();
  Settle();
  ASSERT_THAT(link_.first_reads, SizeIs(1));
  EXPECT_EQ(link_.first_reads[0].request.actor().name(), "Rhea Reader");
  AnswerFirstRead(absl::OkStatus());
  Advance(absl::Hours(1));
  EXPECT_THAT(link_.first_reads, IsEmpty());
}

TEST_F(CouncilDeskTest, ARefusedFirstReadIsLeftAlone) {
  Deliver(Opening());
  ASSERT_TRUE(OpenMatter().ok());
  AnswerFirstRead(absl::FailedPreconditionError("not the holder"));
  Advance(absl::Hours(1));
  EXPECT_THAT(link_.first_reads, IsEmpty());
}

TEST(FirstReadsTest, AreToldAFewAtATime) {
  FirstReads reads;
  Instant now = {.wall = absl::UnixEpoch(), .steady = absl::Hours(1)};
  for (int i = 0; i < 20; ++i) reads.Add(absl::StrCat("c-4k7.", i), now);
  EXPECT_THAT(reads.TakeDue(now), SizeIs(FirstReads::kMaxInFlight));
  EXPECT_THAT(reads.TakeDue(now), IsEmpty());
  EXPECT_EQ(reads.NextDue(), std::nullopt);
  reads.OnTold("c-4k7.0");
  EXPECT_EQ(reads.NextDue(), now.steady);
  EXPECT_THAT(reads.TakeDue(now), SizeIs(1));
}

// --- Copies.

class CouncilCopyTest : public CouncilDeskTest {
 protected:
  CouncilCopyTest() {
    v1::Message message = Opening();
    message.clear_recipients();
    AddRecipient("council/E10000024/intake", v1::RECIPIENT_ROLE_ACTION,
                 &message);
    AddRecipient(kQueue, v1::RECIPIENT_ROLE_COPY, &message);
    Deliver(message);
  }
};

TEST_F(CouncilCopyTest, ACopyIsShownAsOneAndNobodyIsToldOfItsReading) {
  EXPECT_TRUE(Row().copy());
  ASSERT_TRUE(OpenMatter().ok());
  EXPECT_THAT(link_.first_reads, IsEmpty());
}

TEST_F(CouncilCopyTest, ACopyCannotBeAnsweredAndTheErrorNamesWhoActs) {
  for (const absl::Status& status :
       {Take("r-1").status(), Decide("r-2").status()}) {
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_EQ(ReasonOf(status), "COPY");
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("council/E10000024/intake"));
  }
  EXPECT_THAT(link_.published, IsEmpty());
}

TEST(IntakeRecordTest, WhoActsAtOneDeskHasNoCopyAtAnother) {
  v1::Message message;
  AddRecipient(kQueue, v1::RECIPIENT_ROLE_COPY, &message);
  EXPECT_TRUE(IsCopyFor(Ours(), message));
  AddRecipient("council/E06000018/duty", v1::RECIPIENT_ROLE_ACTION, &message);
  EXPECT_FALSE(IsCopyFor(Ours(), message));
}

TEST(IntakeRecordTest, AMessageRedirectedToUsIsOurs) {
  v1::Message message;
  AddRecipient("council/E99999999/intake", v1::RECIPIENT_ROLE_ACTION, &message);
  *message.mutable_recipients(0)->mutable_redirected_to() =
      ParseQueueName(kQueue).value();
  AddRecipient("council/E06000018/duty", v1::RECIPIENT_ROLE_COPY, &message);
  EXPECT_FALSE(IsCopyFor(Ours(), message));
}

TEST(IntakeRecordTest, MarksAreKeptOnceAndBounded) {
  v1::IntakeRecord record;
  v1::Message message = Opening();
  for (int i = 0; i < 2 * kMaxRecordMarks; ++i) {
    v1::Mark* const mark = message.add_marks();
    mark->set_code(v1::MARK_CODE_ODD_TIME);
    mark->set_field(absl::StrCat("flag.", i / 2));
  }
  AddMessage(message, 1, Ours(), absl::UnixEpoch(), &record);
  EXPECT_THAT(record.marks(), SizeIs(kMaxRecordMarks));
  EXPECT_EQ(record.priority(), v1::PRIORITY_ROUTINE);
}

// --- Taking and deciding.

TEST_F(CouncilDeskTest, TakingTellsTheSenderInTheConversation) {
  v1::Message opening = Opening();
  opening.set_priority(v1::PRIORITY_URGENT);
  Deliver(opening);
  const auto taken = Take("r-1");
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(taken->item().state(), v1::MATTER_STATE_TAKEN);
  EXPECT_EQ(taken->item().answer_state(), v1::OUTBOX_STATE_HELD);
  EXPECT_EQ(taken->item().worker().name(), Worker().name());

  const v1::Message message = Published();
  EXPECT_EQ(message.kind(), v1::MESSAGE_KIND_TAKEN);
  EXPECT_EQ(message.conversation_id(), "c-4k7");
  EXPECT_EQ(message.in_reply_to(), "m-4k7");
  EXPECT_EQ(message.ordering_key(), kMatter);
  EXPECT_EQ(message.priority(), v1::PRIORITY_URGENT);
  EXPECT_EQ(message.purpose(), v1::PURPOSE_SAFEGUARDING);
  EXPECT_EQ(message.legal_basis(), v1::LEGAL_BASIS_CHILDREN_ACT_1989_S17);
  EXPECT_EQ(message.environment(), v1::ENVIRONMENT_TRAINING);
  EXPECT_EQ(message.actor().name(), Worker().name());
  ASSERT_THAT(message.recipients(), SizeIs(1));
  const v1::Recipient& recipient = message.recipients(0);
  EXPECT_EQ(recipient.role(), v1::RECIPIENT_ROLE_COPY);
  EXPECT_TRUE(SameAgency(recipient.address().agency(), Hospital()));
  EXPECT_EQ(recipient.address().desk(), "");
  ASSERT_THAT(message.payload(), SizeIs(1));
  EXPECT_EQ(message.payload(0).matter_id(), kMatter);
  EXPECT_EQ(message.payload(0).type(), "baton.v1.Taken");
  v1::Taken content;
  ASSERT_TRUE(content.ParseFromString(message.payload(0).content()));
  EXPECT_EQ(content.worker().phone(), Worker().phone());
  EXPECT_EQ(FromProto(content.taken_time()), now_.wall);

  AnswerPublish(absl::OkStatus());
  EXPECT_EQ(Row().answer_state(), v1::OUTBOX_STATE_ACCEPTED);
}

TEST_F(CouncilDeskTest, AStatedTimeOfTakingIsKept) {
  Deliver(Opening());
  v1::TakeMatterRequest request = TakeRequest("r-1");
  request.mutable_taken()->mutable_taken_time()->set_seconds(1767225599);
  ASSERT_TRUE(Take(request).ok());
  v1::Taken content;
  content.ParseFromString(Published().payload(0).content());
  EXPECT_EQ(content.taken_time().seconds(), 1767225599);
}

TEST_F(CouncilDeskTest, TakingListsEveryFaultAtOnce) {
  v1::TakeMatterRequest request;
  request.mutable_taken()->mutable_worker()->set_secure_email(
      std::string(255, 'x'));
  request.mutable_taken()->set_expected_version(-1);
  const absl::Status status = Take(request).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  for (const char* field :
       {"request_id", "taken.matter_id", "taken.worker.name",
        "taken.worker.role", "taken.worker.team", "taken.worker.phone",
        "taken.worker.secure_email", "taken.expected_version"}) {
    EXPECT_THAT(std::string(status.message()), HasSubstr(field));
  }
}

TEST_F(CouncilDeskTest, DecidingListsEveryFaultAtOnce) {
  v1::DecideMatterRequest request;
  v1::Decision& decision = *request.mutable_decision();
  decision.set_outcome(v1::OUTCOME_NO_FURTHER_ACTION);
  decision.set_contact_phone(std::string(33, '1'));
  decision.set_open_case_reference("CASE-1");
  absl::Status status = Decide(request).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  for (const char* field :
       {"request_id", "decision.matter_id", "decision.next_step",
        "decision.reason", "decision.worker.name", "decision.worker.role",
        "decision.contact_phone", "decision.open_case_reference"}) {
    EXPECT_THAT(std::string(status.message()), HasSubstr(field));
  }
  decision.set_outcome(v1::OUTCOME_UNSPECIFIED);
  decision.set_next_step(std::string(4097, 'x'));
  decision.set_reason(std::string((16 << 10) + 1, 'x'));
  status = Decide(request).status();
  for (const char* field :
       {"decision.outcome", "decision.next_step", "decision.reason"}) {
    EXPECT_THAT(std::string(status.message()), HasSubstr(field));
  }
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("CASE-1")));
}

TEST_F(CouncilDeskTest, AMatterThatNeverArrivedCannotBeAnswered) {
  EXPECT_TRUE(absl::IsNotFound(Take("r-1").status()));
  EXPECT_TRUE(absl::IsNotFound(Decide("r-2").status()));
}

TEST_F(CouncilDeskTest, ARepeatedRequestIsAnsweredAndSentOnce) {
  Deliver(Opening());
  ASSERT_TRUE(Take("r-1").ok());
  AnswerPublish(absl::OkStatus());
  Restart();
  const auto again = Take("r-1");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->item().state(), v1::MATTER_STATE_TAKEN);
  EXPECT_EQ(again->item().answer_state(), v1::OUTBOX_STATE_ACCEPTED);
  EXPECT_THAT(link_.published, IsEmpty());
}

TEST_F(CouncilDeskTest, ARequestIdUsedForSomethingElseIsRefused) {
  Deliver(Opening());
  ASSERT_TRUE(Take("r-1").ok());
  v1::TakeMatterRequest other = TakeRequest("r-1");
  other.mutable_taken()->mutable_worker()->set_name("Olga Other");
  const absl::Status status = Take(other).status();
  EXPECT_TRUE(absl::IsAlreadyExists(status)) << status;
  EXPECT_EQ(Row().worker().name(), Worker().name());
}

TEST_F(CouncilDeskTest, ADecisionGoesToTheExchangeWhole) {
  Deliver(Opening());
  const auto decided = Decide("r-1");
  ASSERT_TRUE(decided.ok()) << decided.status();
  EXPECT_EQ(decided->item().state(), v1::MATTER_STATE_DECIDED);
  EXPECT_EQ(decided->item().outcome(), v1::OUTCOME_NO_FURTHER_ACTION);
  const v1::Message message = Published();
  EXPECT_EQ(message.kind(), v1::MESSAGE_KIND_DECISION);
  EXPECT_EQ(message.payload(0).type(), "baton.v1.Decision");
  v1::Decision sent;
  ASSERT_TRUE(sent.ParseFromString(message.payload(0).content()));
  EXPECT_EQ(sent.outcome(), v1::OUTCOME_NO_FURTHER_ACTION);
  EXPECT_EQ(sent.next_step(), "We ring the ward.");
  EXPECT_EQ(sent.reason(), "Known to us; plan in place.");
  EXPECT_EQ(FromProto(sent.decided_time()), now_.wall);
}

TEST_F(CouncilDeskTest, TheDecisionIsKeptOnDisk) {
  Deliver(Opening());
  ASSERT_TRUE(Decide("r-1").ok());
  Restart();
  const auto intake = Intake::Open(store_.get(), [](const auto& record) {
    EXPECT_EQ(record.decision().reason(), "Known to us; plan in place.");
  });
  ASSERT_TRUE(intake.ok());
  EXPECT_EQ((*intake)->Numbers(0, 10, true), std::vector<uint64_t>{1});
}

TEST_F(CouncilDeskTest, DecidedMattersAreListedWhenAskedFor) {
  Deliver(Opening());
  Deliver(MessageAbout("m-4k9", {"c-4k9.1"}));
  ASSERT_TRUE(Decide("r-1").ok());
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(List(true).items(), SizeIs(2));
    ASSERT_THAT(List(false).items(), SizeIs(1));
    EXPECT_EQ(List(false).items(0).matter_id(), "c-4k9.1");
    Restart();
  }
}

TEST_F(CouncilDeskTest, ASecondPersonIsToldThatItIsTaken) {
  Deliver(Opening());
  ASSERT_TRUE(Take("r-1").ok());
  const std::string first = Row().worker().name();
  v1::TakeMatterRequest second = TakeRequest("r-2");
  second.mutable_taken()->mutable_worker()->set_name("Olga Other");
  EXPECT_EQ(ReasonOf(Take(second).status()), "TAKEN");
  EXPECT_EQ(Row().worker().name(), first);
}

TEST_F(CouncilDeskTest, TakingADecidedMatterLeavesItDecided) {
  Deliver(Opening());
  ASSERT_TRUE(Decide("r-1").ok());
  AnswerPublish(absl::OkStatus());
  ASSERT_TRUE(Take("r-2").ok());
  EXPECT_EQ(Row().state(), v1::MATTER_STATE_DECIDED);
}

TEST_F(CouncilDeskTest, AnAnswerIsSentAfterItsCommitAndAgainAfterARestart) {
  Deliver(Opening());
  const int commits = counting_->commits;
  ASSERT_TRUE(Take("r-1").ok());
  EXPECT_EQ(counting_->commits, commits + 1);
  const std::string key = Published().idempotency_key();
  Restart();
  Settle();
  EXPECT_EQ(Published().idempotency_key(), key);
}

TEST_F(CouncilDeskTest, AnAnswerThatCannotBeStoredIsNotSent) {
  Deliver(Opening());
  counting_->fail = absl::DataLossError("disk");
  ASSERT_TRUE(loop_->Post(
      [&](Instant now) { (void)desk_->Take(TakeRequest("r-1"), now); }));
  EXPECT_FALSE(loop_->Step(now_).ok());
  EXPECT_THAT(link_.published, IsEmpty());
}

TEST_F(CouncilDeskTest, AnAnswerWaitsForAnExchangeThatIsAway) {
  Deliver(Opening());
  ASSERT_TRUE(Take("r-1").ok());
  AnswerPublish(absl::UnavailableError("away"));
  EXPECT_EQ(Row().answer_state(), v1::OUTBOX_STATE_HELD);
  EXPECT_THAT(link_.published, IsEmpty());
  ASSERT_TRUE(loop_->next_turn().has_value());
  Advance(*loop_->next_turn() - now_.steady);
  EXPECT_THAT(link_.published, SizeIs(1));
  AnswerPublish(absl::UnavailableError("away"));
  On([&] { office_->OnWatching(); });
  EXPECT_THAT(link_.published, SizeIs(1));
}

TEST_F(CouncilDeskTest, APublishWithoutItsReceiptIsTriedAgain) {
  Deliver(Opening());
  ASSERT_TRUE(Take("r-1").ok());
  const auto done = std::move(link_.published[0].done);
  link_.published.clear();
  On([&] { done(v1::PublishResponse()); });
  EXPECT_EQ(Row().answer_state(), v1::OUTBOX_STATE_HELD);
  On([&] { office_->OnWatching(); });
  EXPECT_THAT(link_.published, SizeIs(1));
}

TEST_F(CouncilDeskTest, AFullOutboxRefusesTheAnswerAndChangesNothing) {
  max_held_ = 1;
  Restart();
  Deliver(Opening());
  ASSERT_TRUE(Take("r-1").ok());
  const absl::Status status = Decide("r-2").status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_EQ(Row().state(), v1::MATTER_STATE_TAKEN);
}

// --- Refusals by the exchange.

TEST_F(CouncilDeskTest, ARefusedAnswerShowsInItsRow) {
  Deliver(Opening());
  ASSERT_TRUE(Take("r-1").ok());
  AnswerPublish(absl::AbortedError("matter c-4k7.1 is at version 3, not 2"));
  Restart();
  EXPECT_EQ(Row().answer_state(), v1::OUTBOX_STATE_REFUSED);
  EXPECT_THAT(Row().answer_refusal(), HasSubstr("version 3"));
  Advance(absl::Hours(1));
  EXPECT_THAT(link_.published, IsEmpty());
}

TEST_F(CouncilDeskTest, AnAnswerBehindARefusedOneShowsTheRefusal) {
  Deliver(Opening());
  ASSERT_TRUE(Take("r-1").ok());
  ASSERT_TRUE(Decide("r-2").ok());
  EXPECT_EQ(Row().answer_state(), v1::OUTBOX_STATE_HELD);
  AnswerPublish(absl::FailedPreconditionError("not the holder"));
  EXPECT_EQ(Row().answer_state(), v1::OUTBOX_STATE_REFUSED);
}

TEST_F(CouncilDeskTest, ANewAnswerReplacesARefusedOne) {
  Deliver(Opening());
  ASSERT_TRUE(Take("r-1").ok());
  AnswerPublish(absl::AbortedError("version"));
  ASSERT_TRUE(Take("r-2").ok());
  EXPECT_EQ(Row().answer_state(), v1::OUTBOX_STATE_HELD);
  AnswerPublish(absl::OkStatus());
  EXPECT_EQ(Row().answer_state(), v1::OUTBOX_STATE_ACCEPTED);
}

TEST_F(CouncilDeskTest, ADecisionWithdrawnWithARefusedTakeMustBeMadeAgain) {
  Deliver(Opening());
  ASSERT_TRUE(Take("r-1").ok());
  ASSERT_TRUE(Decide("r-2").ok());
  AnswerPublish(absl::AbortedError("version"));
  ASSERT_TRUE(Take("r-3").ok());
  EXPECT_EQ(Row().state(), v1::MATTER_STATE_TAKEN);
  EXPECT_EQ(Row().outcome(), v1::OUTCOME_UNSPECIFIED);
  EXPECT_THAT(List(false).items(), SizeIs(1));
  AnswerPublish(absl::OkStatus());
  EXPECT_THAT(link_.published, IsEmpty());
  ASSERT_TRUE(Decide("r-4").ok());
  EXPECT_EQ(Published().kind(), v1::MESSAGE_KIND_DECISION);
}

TEST_F(CouncilDeskTest, ManyAnswersInFlightDoNotSpinTheLoop) {
  for (int i = 1; i <= Outbox::kMaxInFlight + 2; ++i) {
    const std::string conversation = ConversationId(1000 + i);
    const std::string matter = MatterId(conversation, 1);
    Deliver(MessageAbout(MessageId(1000 + i), {matter}));
    v1::TakeMatterRequest request = TakeRequest(absl::StrCat("r-", i));
    request.mutable_taken()->set_matter_id(matter);
    ASSERT_TRUE(Take(request).ok());
  }
  EXPECT_THAT(link_.published, SizeIs(Outbox::kMaxInFlight));
  ASSERT_TRUE(loop_->next_turn().has_value());
  EXPECT_GT(*loop_->next_turn(), now_.steady);
}

// --- Streams.

TEST_F(CouncilDeskTest, AConsumerIsOfferedItsCreditInOrder) {
  for (int i = 0; i < 5; ++i) {
    Deliver(MessageAbout(MessageId(i + 1), {"c-1.1"}));
  }
  const auto sink = Subscribe(1, "cms", 2);
  EXPECT_THAT(sink->TakeIds(), ElementsAre("m-1", "m-2"));
  Acknowledge(1, {"m-2"});
  EXPECT_THAT(sink->TakeIds(), ElementsAre("m-3"));
  On([&] { office_->intake()->SetCredit(1, 10); });
  EXPECT_THAT(sink->TakeIds(), ElementsAre("m-4", "m-5"));
  Deliver(MessageAbout("m-6", {"c-1.1"}));
  EXPECT_THAT(sink->TakeIds(), ElementsAre("m-6"));
}

TEST_F(CouncilDeskTest, AMessageIsOfferedAfterTheCommitThatHoldsIt) {
  const auto sink = Subscribe(1, "cms", 10);
  int commits = -1;
  sink->on_send = [&] { commits = counting_->commits; };
  Deliver(Opening());
  EXPECT_EQ(commits, 1);
  EXPECT_THAT(sink->TakeIds(), ElementsAre("m-4k7"));
}

TEST_F(CouncilDeskTest, PositionsOfConsumersSurviveARestart) {
  for (int i = 0; i < 4; ++i) {
    Deliver(MessageAbout(MessageId(i + 1), {"c-1.1"}));
  }
  Subscribe(1, "cms", 10);
  Acknowledge(1, {"m-1", "m-3", "m-unknown"});
  Restart();
  EXPECT_THAT(Subscribe(2, "cms", 10)->TakeIds(), ElementsAre("m-2", "m-4"));
  EXPECT_THAT(Subscribe(3, "archive", 10)->TakeIds(), SizeIs(4));
}

TEST_F(CouncilDeskTest, ANewStreamOfAConsumerEndsTheEarlierOne) {
  Deliver(Opening());
  const auto first = Subscribe(1, "cms", 10);
  EXPECT_THAT(first->TakeIds(), SizeIs(1));
  const auto second = Subscribe(2, "cms", 10);
  EXPECT_TRUE(absl::IsAborted(first->ended)) << first->ended;
  EXPECT_THAT(second->TakeIds(), SizeIs(1));
  Acknowledge(1, {"m-4k7"});  // Of a stream that has ended: ignored.
  EXPECT_THAT(Subscribe(3, "cms", 10)->TakeIds(), SizeIs(1));
}

TEST_F(CouncilDeskTest, AStreamThatIsGoneIsForgotten) {
  const auto sink = Subscribe(1, "cms", 10);
  sink->gone = true;
  Deliver(Opening());
  EXPECT_EQ(sink.use_count(), 1);
}

TEST_F(CouncilDeskTest, StreamsAndListsSayWhenTheExchangeWasHeard) {
  EXPECT_FALSE(List().has_exchange_heard_time());
  EXPECT_FALSE(office_->intake()->heard_time().has_value());
  On([&] { office_->OnHeard(); });
  const absl::Time heard = now_.wall;
  Advance(absl::Minutes(3));
  EXPECT_EQ(FromProto(List().exchange_heard_time()), heard);
  EXPECT_EQ(office_->intake()->heard_time(), heard);
  Deliver(Opening());
  const auto sink = Subscribe(1, "cms", 10);
  ASSERT_THAT(sink->received, SizeIs(1));
  EXPECT_EQ(FromProto(sink->received[0].exchange_heard_time()), heard);
}

TEST_F(CouncilDeskTest, LargeMessagesAreHeldBackWhateverTheCredit) {
  for (int i = 0; i < 20; ++i) {
    v1::Message message = MessageAbout(MessageId(i + 1), {"c-1.1"});
    message.mutable_payload(0)->set_content(std::string(256 << 10, 'x'));
    Deliver(message);
  }
  const auto sink = Subscribe(1, "cms", 1000);
  const std::vector<std::string> ids = sink->TakeIds();
  EXPECT_LT(ids.size(), 20u);
  Acknowledge(1, ids);
  EXPECT_THAT(sink->TakeIds(), SizeIs(20 - ids.size()));
}

TEST_F(CouncilDeskTest, AStreamDoesNotRunFarAheadOfWhatItNeverAcknowledges) {
  for (int i = 0; i < 9; ++i) {
    Deliver(MessageAbout(MessageId(i + 1), {"c-1.1"}));
  }
  auto inbox = Inbox::Open(store_.get());
  ASSERT_TRUE(inbox.ok());
  IntakeFeed feed(inbox->get(), /*max_ahead=*/3);
  feed.Subscribe(1, "cms", 100, std::make_shared<FakeSink>());
  EXPECT_THAT(*feed.TakeOffers(), SizeIs(3));
  ASSERT_TRUE(feed.Acknowledge(1, {"m-2", "m-3"}).ok());
  EXPECT_THAT(*feed.TakeOffers(), IsEmpty());
  ASSERT_TRUE(feed.Acknowledge(1, {"m-1"}).ok());
  EXPECT_THAT(*feed.TakeOffers(), SizeIs(3));
}

}  // namespace
}  // namespace baton
