// Opens the databases that earlier versions wrote (tests/system/fixtures), as
// today's programs do, and finds what is known to be in them. format-1: one
// child, flagged, delivered, taken, moved and decided. format-1-evening:
// everything deploy/evening does, a document, and one that is held.
// format-2-evening: the same without documents.

#include <filesystem>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/agency/case_desk.h"
#include "services/agency/document_shelf.h"
#include "services/agency/recipients.h"
#include "services/broker/access.h"
#include "services/broker/attachment.h"
#include "services/broker/directory_book.h"
#include "services/broker/exchange.h"
#include "services/broker/queue_recovery.h"
#include "services/broker/sealed_records.h"
#include "services/broker/settled_copies.h"
#include "services/common/agency.h"
#include "services/common/ids.h"
#include "services/common/text_config.h"
#include "services/council/council_desk.h"
#include "services/emergency/emergency_desk.h"
#include "storage/format.h"
#include "storage/keys.h"
#include "storage/rocksdb_store.h"
#include "storage/vault.h"
#include "tests/support/agency_fixture.h"
#include "tests/support/source_file.h"
#include "tests/support/temp_dir.h"

namespace baton {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Kinds of message that deploy/evening says.
constexpr size_t kEveningKinds = 19;

bool Parses(const v1::PayloadPart& part) {
  const auto* type =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
          part.type());
  if (type == nullptr) return false;
  const std::unique_ptr<google::protobuf::Message> content(
      google::protobuf::MessageFactory::generated_factory()
          ->GetPrototype(type)
          ->New());
  return content->ParseFromString(part.content());
}

// The one chunk of a short document.
std::string ReadLetter(const Reader& reader, const Vault& vault,
                       const v1::Message& message,
                       const v1::Attachment& attachment) {
  const uint64_t number =
      ParseConversationId(message.conversation_id()).value();
  const auto conversation = ReadConversation(reader, number, vault);
  EXPECT_TRUE(conversation.ok()) << conversation.status();
  const auto named = NameDocument(*conversation, number, attachment.matter_id(),
                                  message.sender(), attachment.sha256(), vault);
  EXPECT_TRUE(named.ok()) << named.status();
  const auto stored = ReadDocument(reader, *named);
  EXPECT_TRUE(stored.ok() && stored->has_value()) << stored.status();
  const auto chunk = ReadChunk(reader, **stored, 0, vault);
  EXPECT_TRUE(chunk.ok()) << chunk.status();
  return chunk.ok() ? chunk->plain : "";
}

// One fixture.
class Fixture : public ::testing::Test {
 protected:
  // Works on a copy: opening writes.
  explicit Fixture(const std::string& name) {
    std::filesystem::copy(SourceFile("tests/system/fixtures/") + name,
                          directory_.path(),
                          std::filesystem::copy_options::recursive);
  }

  // The service `owner` wrote it; two of one kind have directories of their
  // own.
  std::unique_ptr<RocksDbStore> OpenStore(const std::string& owner,
                                          const std::string& directory = "") {
    RocksDbStore::Options options;
    options.directory =
        directory_ / ((directory.empty() ? owner : directory) + "/db");
    options.database.set_format_version(kFormatVersion);
    options.database.set_owner(owner);
    options.database.set_environment(v1::ENVIRONMENT_TRAINING);
    options.file_system = rocksdb::FileSystem::Default();
    auto store = RocksDbStore::Open(std::move(options));
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }

  std::string Key(const std::string& name) {
    return ReadFile(directory_ / ("keys/" + name)).value();
  }

  TempDir directory_;
  SystemRandom random_;
  SystemClock clock_;
};

class FormatFixtureTest : public Fixture,
                          public ::testing::WithParamInterface<int> {
 protected:
  FormatFixtureTest() : Fixture("format-" + std::to_string(GetParam())) {}
};

TEST_P(FormatFixtureTest, TheBrokerOpensItsDatabase) {
  const auto store = OpenStore("broker");
  ASSERT_NE(store, nullptr);
  v1::HeadRecord head;
  ASSERT_TRUE(head.ParseFromString(*store->Get(kHeadKey).value()));
  auto vault = Vault::Open(rocksdb::FileSystem::Default().get(),
                           directory_ / "broker/vault", Key("vault.key"),
                           head.last_key_slot() + 1, &random_);
  ASSERT_TRUE(vault.ok()) << vault.status();

  v1::BrokerConfig config;
  v1::AccessPolicy policy;
  TextConfig text;
  TextConfig access_text;
  ASSERT_TRUE(
      text.Read(SourceFile("deploy/config/broker.txtpb"), &config).ok());
  ASSERT_TRUE(access_text.Read(config.access_file(), &policy).ok());
  Faults faults;
  const auto directory = Directory::Create(config, &faults);
  ASSERT_TRUE(directory.ok()) << directory.status();
  DirectoryBook book(*directory);
  const Access access = Access::Create(policy, &faults);
  // The audit log must give the root it was committed with.
  const auto exchange =
      Exchange::Open(store.get(), vault->get(), &random_, &book, &access,
                     std::string(32, 'k'), config.limits());
  ASSERT_TRUE(exchange.ok()) << exchange.status();
  ASSERT_TRUE((*exchange)->Step({}, clock_.Now()).ok());
  v1::DatabaseRecord database;
  ASSERT_TRUE(database.ParseFromString(*store->Get(kDatabaseKey).value()));
  EXPECT_EQ(database.format_version(), kFormatVersion);

  const auto conversation = ReadConversation(*store, 1, **vault);
  ASSERT_TRUE(conversation.ok()) << conversation.status();
  const v1::Conversation shown = ToPublic(*conversation);
  ASSERT_EQ(shown.matters_size(), 1);
  EXPECT_EQ(shown.matters(0).taken().actor().name(), "A. Fenwick");
  EXPECT_EQ(shown.matters(0).decision().outcome(),
            v1::OUTCOME_STRATEGY_DISCUSSION_SECTION_47);
  const auto record = ReadMessageRecord(*store, 1);
  ASSERT_TRUE(record.ok()) << record.status();
  const auto message = OpenMessage(*record, **vault);
  ASSERT_TRUE(message.ok()) << message.status();
  EXPECT_THAT(message->payload(1).content(), HasSubstr("Mia"));
}

TEST_P(FormatFixtureTest, TheEmergencyServiceOpensItsDatabase) {
  const auto database = OpenStore("emergency");
  ASSERT_NE(database, nullptr);
  auto store = AgencyStore::Open(database.get(),
                                 Key("emergency-RX1RA.disk.key"), &random_);
  ASSERT_TRUE(store.ok()) << store.status();
  const v1::EmergencyConfig config;
  AgencyLoop loop(store->get(), &clock_);
  HeldLink link;
  auto office =
      Office::Open({.store = store->get(), .loop = &loop, .link = &link},
                   OfficeOptions(config), clock_.Now());
  ASSERT_TRUE(office.ok()) << office.status();
  EmergencyDesk desk(office->get(), config);
  const auto status = desk.Get("ED-2026-000123", clock_.Now());
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->outbox_state(), v1::OUTBOX_STATE_ACCEPTED);
  EXPECT_THAT(status->headline(), HasSubstr("strategy discussion"));
}

TEST_P(FormatFixtureTest, TheCouncilServiceOpensItsDatabase) {
  const auto database = OpenStore("council");
  ASSERT_NE(database, nullptr);
  auto store = AgencyStore::Open(database.get(),
                                 Key("council-E06000018.disk.key"), &random_);
  ASSERT_TRUE(store.ok()) << store.status();
  AgencyLoop loop(store->get(), &clock_);
  HeldLink link;
  const v1::CouncilConfig config;
  auto office =
      Office::Open({.store = store->get(), .loop = &loop, .link = &link},
                   OfficeOptions(config), clock_.Now());
  ASSERT_TRUE(office.ok()) << office.status();
  CouncilDesk desk(office->get());
  v1::ListIntakeRequest request;
  request.set_include_decided(true);
  const auto intake = desk.List(request);
  ASSERT_TRUE(intake.ok()) << intake.status();
  ASSERT_EQ(intake->items_size(), 1);
  EXPECT_EQ(intake->items(0).matter_id(), "c-1.1");
  EXPECT_EQ(intake->items(0).state(), v1::MATTER_STATE_DECIDED);
}

INSTANTIATE_TEST_SUITE_P(Formats, FormatFixtureTest, ::testing::Values(1));

class EveningFixtureTest : public Fixture {
 protected:
  EveningFixtureTest() : Fixture("format-1-evening") {}

  // Opens the office of an agency, lists everything that was raised there and
  // everything that arrived, and says how much it was.
  struct Found {
    int cases = 0;
    int arrived = 0;
    int held_documents = 0;
  };
  Found OpenOffice(const std::string& directory, const std::string& key) {
    Found found;
    const auto database =
        OpenStore(directory.substr(0, directory.find('-')), directory);
    if (database == nullptr) return found;
    auto store = AgencyStore::Open(database.get(), Key(key), &random_);
    EXPECT_TRUE(store.ok()) << store.status();
    AgencyLoop loop(store->get(), &clock_);
    HeldLink link;
    const v1::CouncilConfig config;
    auto office = Office::Open({.store = store->get(),
                                .loop = &loop,
                                .link = &link,
                                .documents = &link},
                               OfficeOptions(config), clock_.Now());
    EXPECT_TRUE(office.ok()) << office.status();
    CaseDesk desk(office->get(), {});
    v1::ListCasesRequest cases;
    cases.set_include_ended(true);
    const auto raised = desk.ListCases(cases, clock_.Now());
    EXPECT_TRUE(raised.ok()) << raised.status();
    found.cases = raised->statuses_size();
    v1::ListInboxRequest inbox;
    inbox.set_include_settled(true);
    const auto arrived = desk.ListInbox(inbox);
    EXPECT_TRUE(arrived.ok()) << arrived.status();
    found.arrived = arrived->items_size();
    const auto shelf = DocumentShelf::Open(store->get(), {});
    EXPECT_TRUE(shelf.ok()) << shelf.status();
    for (const auto& [number, outbox_id] : (*shelf)->kept()) {
      EXPECT_EQ((*shelf)->Read(number, 0).value_or("damaged"), kLetter);
      ++found.held_documents;
    }
    return found;
  }

  static constexpr char kLetter[] = "A letter of the school nurse.\n";
};

// Every message opens and is of a type we know, and so is every document.
TEST_F(EveningFixtureTest, TheBrokerReadsAllOfIt) {
  const auto store = OpenStore("broker");
  ASSERT_NE(store, nullptr);
  v1::HeadRecord head;
  ASSERT_TRUE(head.ParseFromString(*store->Get(kHeadKey).value()));
  auto opened = Vault::Open(rocksdb::FileSystem::Default().get(),
                            directory_ / "broker/vault", Key("vault.key"),
                            head.last_key_slot() + 1, &random_);
  ASSERT_TRUE(opened.ok()) << opened.status();
  const Vault& vault = **opened;
  std::set<v1::MessageKind> kinds;
  std::vector<std::string> documents;
  for (uint64_t i = 1; i <= head.last_sequence(); ++i) {
    const auto record = ReadMessageRecord(*store, i);
    if (absl::IsNotFound(record.status())) continue;
    ASSERT_TRUE(record.ok()) << record.status();
    const auto message = OpenMessage(*record, vault);
    ASSERT_TRUE(message.ok()) << message.status();
    kinds.insert(message->kind());
    for (const v1::PayloadPart& part : message->payload()) {
      EXPECT_TRUE(Parses(part)) << part.type();
    }
    for (const v1::Attachment& attachment : message->attachments()) {
      documents.push_back(ReadLetter(*store, vault, *message, attachment));
    }
  }
  EXPECT_EQ(kinds.size(), kEveningKinds);
  EXPECT_THAT(documents, ElementsAre(kLetter));
}

TEST_F(EveningFixtureTest, EveryAgencyReadsAllOfIt) {
  const auto expect = [](const Found& found, int cases, int arrived) {
    EXPECT_EQ(found.cases, cases);
    EXPECT_EQ(found.arrived, arrived);
  };
  expect(OpenOffice("emergency", "emergency-RX1RA.disk.key"), 1, 1);
  expect(OpenOffice("police", "police-E23000019.disk.key"), 3, 5);
  expect(OpenOffice("council", "council-E06000018.disk.key"), 1, 9);
  expect(OpenOffice("council-E10000024", "council-E10000024.disk.key"), 0, 4);
  const Found school = OpenOffice("school-123401", "school-123401.disk.key");
  expect(school, 2, 5);
  EXPECT_EQ(school.held_documents, 1);
}

// Format 2: what the queues hold is read from their records.
class Format2FixtureTest : public Fixture {
 protected:
  Format2FixtureTest() : Fixture("format-2-evening") {}
};

TEST_F(Format2FixtureTest, TheBrokerReadsItsQueues) {
  const auto store = OpenStore("broker");
  ASSERT_NE(store, nullptr);
  v1::HeadRecord head;
  ASSERT_TRUE(head.ParseFromString(*store->Get(kHeadKey).value()));
  std::set<v1::MessageKind> kinds;
  int settled = 0;
  for (uint64_t i = 1; i <= head.last_sequence(); ++i) {
    const auto record = ReadMessageRecord(*store, i);
    if (absl::IsNotFound(record.status())) continue;
    ASSERT_TRUE(record.ok()) << record.status();
    kinds.insert(record->envelope().kind());
    for (const v1::Recipient& recipient : record->envelope().recipients()) {
      const std::string name =
          QueueName(recipient.has_redirected_to() ? recipient.redirected_to()
                                                  : recipient.address());
      Queue queue(name, {});
      ASSERT_TRUE(RecoverQueue(*store, &queue).ok());
      std::optional<v1::DeliveryRecord> copy = queue.Find(i);
      if (!copy.has_value()) {
        const auto page = ReadSettled(*store, name, i);
        ASSERT_TRUE(page.ok()) << page.status();
        copy = *page;
      }
      ASSERT_TRUE(copy.has_value()) << name << " " << i;
      settled += copy->state() == v1::DELIVERY_STATE_ACKNOWLEDGED ? 1 : 0;
    }
  }
  EXPECT_GT(kinds.size(), 15u);
  EXPECT_GT(settled, 15);
}

}  // namespace
}  // namespace baton
