#include "services/broker/directory_changes.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/broker/held_matters.h"
#include "services/common/agency.h"
#include "services/common/faults.h"
#include "storage/keys.h"
#include "tests/support/exchange_fixture.h"

namespace baton {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr char kSchool[] = "school/654321";
constexpr char kOffice[] = "school/654321/office";

class DirectoryChangesTest : public testing::Test {
 protected:
  DirectoryChangesTest() {
    exchange_.policy.mutable_rules(0)->add_recipient_classes(
        v1::AGENCY_CLASS_SCHOOL);
    exchange_.Start();
  }

  static v1::AgencyConfig School(const std::vector<std::string>& desks = {
                                     "office"}) {
    v1::AgencyConfig agency;
    *agency.mutable_agency() = ParseAgency(kSchool).value();
    agency.set_name("Example Academy");
    for (const std::string& desk : desks) agency.add_desks()->set_name(desk);
    return agency;
  }

  static Identity SchoolOffice() {
    return {.agency = ParseAgency(kSchool).value(), .key_id = "12345678"};
  }

  absl::StatusOr<AgencyChange> Change(ChangeAgencyCommand command) {
    absl::StatusOr<AgencyChange> answer = absl::InternalError("not answered");
    command.caller = OperatorCaller();
    if (command.request_id.empty()) {
      command.request_id = "request-" + std::to_string(++requests_);
    }
    command.done = [&answer](absl::StatusOr<AgencyChange> change) {
      answer = std::move(change);
    };
    std::vector<Command> commands;
    commands.push_back(std::move(command));
    exchange_.Step(std::move(commands));
    return answer;
  }
  absl::StatusOr<AgencyChange> Put(const v1::AgencyConfig& agency,
                                   int64_t expected_version = 0,
                                   const std::string& request_id = "") {
    ChangeAgencyCommand command;
    command.agency = agency;
    command.expected_version = expected_version;
    command.request_id = request_id;
    command.custody_commit = exchange_.Head().commit();
    return Change(std::move(command));
  }
  absl::StatusOr<AgencyChange> Remove(const std::string& agency,
                                      const std::string& request_id = "") {
    ChangeAgencyCommand command;
    *command.agency.mutable_agency() = ParseAgency(agency).value();
    command.remove = true;
    command.request_id = request_id;
    command.custody_commit = exchange_.Head().commit();
    return Change(std::move(command));
  }
  v1::PublishReceipt Send(const std::string& queue) {
    v1::Message message = TextMessage("hello");
    *message.mutable_recipients(0)->mutable_address() = AddressOf(queue);
    return exchange_.Accept(HospitalCaller(), message);
  }
  std::string SendTo(const std::string& queue) {
    const v1::PublishReceipt receipt = Send(queue);
    for (const v1::Mark& mark : receipt.marks()) {
      if (mark.code() == v1::MARK_CODE_UNKNOWN_RECIPIENT) return "unknown";
    }
    return queue;
  }
  bool Knows(const std::string& queue) {
    return exchange_.directory().Now()->FindQueue(queue) != nullptr;
  }

  ExchangeFixture exchange_;
  int requests_ = 0;
};

TEST_F(DirectoryChangesTest, ANewDeskHasItsQueueInTheSameStep) {
  EXPECT_EQ(SendTo(kOffice), "unknown");
  const auto change = Put(School());
  ASSERT_TRUE(change.ok()) << change.status();
  EXPECT_TRUE(change->changed);
  EXPECT_EQ(change->entry.version(), 1);
  EXPECT_EQ(AgencyName(change->entry.changed_by()), "operator/OPS");
  EXPECT_TRUE(Knows(kOffice));
  EXPECT_EQ(SendTo(kOffice), kOffice);
  const auto consumer = exchange_.Consume(kOffice);
  EXPECT_THAT(consumer->TakeTexts(), SizeIs(1));  // By a school's view.
}

TEST_F(DirectoryChangesTest, EveryChangeIsALeafOfItsCommit) {
  const uint64_t before = exchange_.Head().commit();
  ASSERT_TRUE(Put(School()).ok());
  EXPECT_EQ(exchange_.Head().commit(), before + 1);
  ASSERT_TRUE(Remove(kSchool).ok());
  const auto leaves = exchange_.Leaves(v1::AUDIT_TYPE_POLICY_CHANGED);
  ASSERT_THAT(leaves, SizeIs(2));
  EXPECT_THAT(leaves[0].code(), StartsWith("PUT_AGENCY/school/654321/v1/"));
  EXPECT_THAT(leaves[0].queues(), ElementsAre(kOffice));
  EXPECT_EQ(AgencyName(leaves[0].actor()), "operator/OPS");
  EXPECT_EQ(leaves[1].code(), "REMOVE_AGENCY/school/654321/v2");
}

TEST_F(DirectoryChangesTest, OnlineChangesWinOverTheFileAfterARestart) {
  ASSERT_TRUE(Put(School()).ok());
  ASSERT_TRUE(Remove("police/E23000019").ok());
  exchange_.Restart();
  EXPECT_TRUE(Knows(kOffice));
  EXPECT_FALSE(Knows("police/E23000019/replies"));
  EXPECT_TRUE(exchange_.directory().Now()->WasRemoved(PoliceCaller().agency));
  EXPECT_EQ(SendTo(kOffice), kOffice);
  // And back again: its version goes on.
  v1::AgencyConfig police;
  *police.mutable_agency() = PoliceCaller().agency;
  police.add_desks()->set_name("replies");
  const auto change = Put(police);
  ASSERT_TRUE(change.ok()) << change.status();
  EXPECT_EQ(change->entry.version(), 3);
  exchange_.Restart();
  EXPECT_TRUE(Knows("police/E23000019/replies"));
  EXPECT_FALSE(exchange_.directory().Now()->WasRemoved(PoliceCaller().agency));
}

TEST_F(DirectoryChangesTest, WhatIsSoAlreadyIsLeftAlone) {
  ASSERT_TRUE(Put(School()).ok());
  const uint64_t commit = exchange_.Head().commit();
  const auto again = Put(School());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_FALSE(again->changed);
  EXPECT_EQ(again->entry.version(), 1);
  EXPECT_EQ(exchange_.Head().commit(), commit);
}

TEST_F(DirectoryChangesTest, ARepeatIsAnsweredAndNeverUndoesALaterChange) {
  ASSERT_TRUE(Put(School(), 0, "first").ok());
  ASSERT_TRUE(Put(School({"office", "nurse"}), 0, "second").ok());
  const auto repeat = Put(School(), 0, "first");
  ASSERT_TRUE(repeat.ok()) << repeat.status();
  EXPECT_FALSE(repeat->changed);
  EXPECT_EQ(repeat->entry.agency().desks_size(), 2);
  EXPECT_EQ(Put(School({"gate"}), 0, "first").status().code(),
            absl::StatusCode::kAlreadyExists);
  // A repeated removal as well.
  ASSERT_TRUE(Remove(kSchool, "third").ok());
  EXPECT_TRUE(Remove(kSchool, "third").ok());
  EXPECT_EQ(Remove(kSchool, "fourth").status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(DirectoryChangesTest, OnlyTheLastRequestsAreKept) {
  for (int i = 0; i <= DirectoryChanges::kMaxRequestsKept; ++i) {
    v1::AgencyConfig school = School();
    school.set_phone(std::to_string(i));
    ASSERT_TRUE(Put(school, 0, "number-" + std::to_string(i)).ok());
  }
  const auto record =
      exchange_.Read<v1::DirectoryRecord>(DirectoryKey(kSchool));
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->requests_size(), DirectoryChanges::kMaxRequestsKept);
  EXPECT_EQ(record->requests(0).request_id(), "number-1");
}

TEST_F(DirectoryChangesTest, AVersionThatMovedIsRefused) {
  ASSERT_TRUE(Put(School()).ok());
  ASSERT_TRUE(Put(School({"office", "nurse"}), 1).ok());
  const auto late = Put(School({"office", "gate"}), 1);
  EXPECT_EQ(late.status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(ReasonOf(late.status()), "VERSION_MOVED");
  // What the file says is version 1.
  v1::AgencyConfig police;
  *police.mutable_agency() = PoliceCaller().agency;
  police.add_desks()->set_name("replies");
  police.set_phone("0115 496 0900");
  EXPECT_EQ(Put(police, 2).status().code(), absl::StatusCode::kAborted);
  EXPECT_TRUE(Put(police, 1).ok());
}

TEST_F(DirectoryChangesTest, AQueueThatHoldsMessagesIsNotTakenAway) {
  ASSERT_TRUE(Put(School({"office", "nurse"})).ok());
  SendTo(kOffice);
  const auto removal = Remove(kSchool);
  EXPECT_EQ(removal.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(removal.status().message()),
              HasSubstr("school/654321/office holds 1 unsettled"));
  EXPECT_EQ(Put(School({"nurse"})).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(exchange_.Leaves(v1::AUDIT_TYPE_DENIED), SizeIs(2));
  EXPECT_TRUE(Put(School({"office"})).ok());  // The other one may go.

  const auto consumer = exchange_.Consume(kOffice);
  ASSERT_TRUE(exchange_.Ack(consumer->Next(), kOffice, SchoolOffice()).ok());
  EXPECT_TRUE(Remove(kSchool).ok());
}

TEST_F(DirectoryChangesTest, MessagesToARemovedDeskGoToTheDeskForUnknown) {
  ASSERT_TRUE(Put(School()).ok());
  ASSERT_TRUE(Remove(kSchool).ok());
  EXPECT_FALSE(Knows(kOffice));
  EXPECT_EQ(SendTo(kOffice), "unknown");
  EXPECT_EQ(exchange_.QueueOnDisk(kUnknownDesk).message_count(), 1u);
  EXPECT_EQ(exchange_.QueueOnDisk(kOffice).message_count(), 0u);
}

TEST_F(DirectoryChangesTest, HowCopiesWereSettledOutlivesTheirDesk) {
  ASSERT_TRUE(Put(School()).ok());
  const v1::PublishReceipt receipt = Send(kOffice);
  const auto consumer = exchange_.Consume(kOffice, {.name = "office-1"});
  ASSERT_TRUE(exchange_.Ack(consumer->Next(), kOffice, SchoolOffice()).ok());
  ASSERT_TRUE(Remove(kSchool).ok());
  for (const bool restarted : {false, true}) {
    SCOPED_TRACE(restarted);
    if (restarted) exchange_.Restart();
    const v1::DeliveryRecord copy = exchange_.Copy(kOffice, receipt);
    EXPECT_EQ(copy.state(), v1::DELIVERY_STATE_ACKNOWLEDGED);
    EXPECT_EQ(copy.consumer(), "office-1");
  }
  // And when the desk comes back.
  ASSERT_TRUE(Put(School()).ok());
  EXPECT_THAT(exchange_.Consume(kOffice)->TakeAll(), IsEmpty());
  EXPECT_EQ(exchange_.Copy(kOffice, receipt).state(),
            v1::DELIVERY_STATE_ACKNOWLEDGED);
}

TEST_F(DirectoryChangesTest, WhatIsSettledInTheStepThatTakesItsDeskIsFound) {
  ASSERT_TRUE(Put(School({"office", "nurse"})).ok());
  const v1::PublishReceipt receipt = Send(kOffice);
  const auto consumer = exchange_.Consume(kOffice);
  std::vector<Command> commands;
  commands.push_back(SettleCommand{.caller = SchoolOffice(),
                                   .kind = SettleKind::kAcknowledge,
                                   .queue = kOffice,
                                   .ack_ids = {consumer->Next().ack_id()},
                                   .reason = "",
                                   .duration = std::nullopt,
                                   .done = [](const auto&) {}});
  ChangeAgencyCommand narrow;
  narrow.caller = OperatorCaller();
  narrow.request_id = "narrow";
  narrow.agency = School({"nurse"});
  narrow.custody_commit = exchange_.Head().commit();
  narrow.done = [](const absl::StatusOr<AgencyChange>& change) {
    EXPECT_TRUE(change.ok()) << change.status();
  };
  commands.push_back(std::move(narrow));
  exchange_.Step(std::move(commands));
  EXPECT_FALSE(Knows(kOffice));
  exchange_.Restart();
  EXPECT_EQ(exchange_.Copy(kOffice, receipt).state(),
            v1::DELIVERY_STATE_ACKNOWLEDGED);
}

TEST_F(DirectoryChangesTest, OneStepSeesItsOwnChanges) {
  std::vector<Command> commands;
  ChangeAgencyCommand put;
  put.caller = OperatorCaller();
  put.request_id = "put";
  put.agency = School();
  put.done = [](absl::StatusOr<AgencyChange> change) {
    EXPECT_TRUE(change.ok());
  };
  commands.push_back(put);
  v1::Message message = TextMessage("at once");
  *message.mutable_recipients(0)->mutable_address() = AddressOf(kOffice);
  v1::PublishRequest request;
  *request.add_messages() = message;
  commands.push_back(PublishCommand{
      HospitalCaller(), request, [](absl::StatusOr<v1::PublishResponse> sent) {
        ASSERT_TRUE(sent.ok()) << sent.status();
        for (const v1::Mark& mark : sent->receipts(0).marks()) {
          EXPECT_NE(mark.code(), v1::MARK_CODE_UNKNOWN_RECIPIENT);
        }
      }});
  // Nobody else sees them before they are on disk.
  exchange_.store().on_commit = [&](const Batch&) {
    EXPECT_FALSE(Knows(kOffice));
    return std::nullopt;
  };
  exchange_.Step(std::move(commands));
  exchange_.store().on_commit = nullptr;
  EXPECT_TRUE(Knows(kOffice));
}

TEST_F(DirectoryChangesTest, TheDeskForUnknownRecipientsStays) {
  const auto removal = Remove("operator/OPS");
  EXPECT_EQ(removal.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(removal.status().message()),
              HasSubstr("unknown_recipient_desk"));
}

TEST_F(DirectoryChangesTest, AStartWithoutTheDeskForUnknownRecipientsFails) {
  ASSERT_TRUE(Remove("police/E23000019").ok());
  *exchange_.config.mutable_unknown_recipient_desk() =
      AddressOf("police/E23000019/replies");
  Faults faults;
  DirectoryBook book(Directory::Create(exchange_.config, &faults).value());
  EXPECT_TRUE(faults.empty());
  SystemRandom random;
  auto ledger = Ledger::Open(&exchange_.store(), &exchange_.vault(), &random);
  ASSERT_TRUE(ledger.ok()) << ledger.status();
  const Queues queues;
  const absl::Status loaded =
      DirectoryChanges(ledger->get(), &queues, &book).Load();
  EXPECT_EQ(loaded.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(loaded.message()),
              HasSubstr("police/E23000019/replies was removed online"));
}

TEST_F(DirectoryChangesTest, AFullDirectoryTakesNoMore) {
  Faults faults;
  DirectoryBook book(Directory::Create(exchange_.config, &faults).value());
  for (int code = 200000; book.Next().size() < Directory::kMaxAgencies;
       ++code) {
    v1::DirectoryEntry entry;
    entry.mutable_agency()->mutable_agency()->set_agency_class(
        v1::AGENCY_CLASS_SCHOOL);
    entry.mutable_agency()->mutable_agency()->set_code(std::to_string(code));
    book.Change()->Put(entry);
  }
  SystemRandom random;
  auto ledger = Ledger::Open(&exchange_.store(), &exchange_.vault(), &random);
  ASSERT_TRUE(ledger.ok()) << ledger.status();
  const Queues queues;
  ChangeAgencyCommand command;
  command.agency = School();
  EXPECT_EQ(DirectoryChanges(ledger->get(), &queues, &book)
                .Change(command)
                .status()
                .code(),
            absl::StatusCode::kResourceExhausted);
}

TEST_F(DirectoryChangesTest, LimitsOfADeskAreChangedAtOnce) {
  ASSERT_TRUE(Put(School()).ok());
  SendTo(kOffice);
  v1::AgencyConfig narrow = School();
  narrow.mutable_desks(0)->set_max_messages(1);
  ASSERT_TRUE(Put(narrow).ok());
  v1::Message message = TextMessage("one too many");
  *message.mutable_recipients(0)->mutable_address() = AddressOf(kOffice);
  EXPECT_EQ(exchange_.Publish(HospitalCaller(), message).status().code(),
            absl::StatusCode::kResourceExhausted);
}

// --- Matters.

TEST_F(DirectoryChangesTest, FindsUndecidedMattersByTheirHoldersDesk) {
  const auto receipt =
      exchange_.Accept(HospitalCaller(), FlagMessage({"Mia", "Noah"}));
  const auto held = [&](const std::string& queue) {
    return FindHeldMatters(*exchange_.store().Snapshot(), {queue}).value();
  };
  EXPECT_EQ(held(kIntake).count, 2);
  EXPECT_THAT(held(kIntake).matter_ids,
              ElementsAre(receipt.matter_ids(0), receipt.matter_ids(1)));
  EXPECT_EQ(held(kIntake).commit, exchange_.Head().commit());
  EXPECT_EQ(held(kDuty).count, 0);
  exchange_.Accept(
      CouncilCaller(),
      DecisionMessage(receipt.conversation_id(), receipt.matter_ids(0),
                      v1::OUTCOME_EARLY_HELP, "known"));
  EXPECT_EQ(held(kIntake).count, 1);
}

TEST_F(DirectoryChangesTest, NamesTheFirstMattersAndCountsTheRest) {
  for (int i = 0; i < 30; ++i) {
    exchange_.Accept(HospitalCaller(), FlagMessage({"Mia", "Noah"}));
  }
  const HeldMatters held =
      FindHeldMatters(*exchange_.store().Snapshot(), {kIntake}).value();
  EXPECT_EQ(held.count, 60);
  EXPECT_THAT(held.matter_ids, SizeIs(HeldMatters::kMaxNamed));
}

TEST_F(DirectoryChangesTest, CustodyThatMovedAfterTheLookIsNotOverlooked) {
  v1::AgencyConfig council;
  *council.mutable_agency() = CouncilCaller().agency;
  council.add_desks()->set_name("duty");
  const uint64_t looked = exchange_.Head().commit();
  const auto consumer = exchange_.Consume(kIntake);
  exchange_.Accept(HospitalCaller(), FlagMessage({"Mia"}));
  ASSERT_TRUE(exchange_.Ack(consumer->Next()).ok());  // The queue is empty.

  ChangeAgencyCommand command;
  command.agency = council;
  command.custody_commit = looked;
  const auto refused = Change(command);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("repeat"));
  // Nor a desk that came after it.
  command.custody_commit = std::nullopt;
  EXPECT_EQ(Change(command).status().code(), absl::StatusCode::kAborted);
}

}  // namespace
}  // namespace baton
