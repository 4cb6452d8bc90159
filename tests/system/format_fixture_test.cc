// Opens the databases that earlier versions wrote (tests/system/fixtures), as
// today's programs do, and finds what is known to be in them: one child,
// flagged, delivered, taken, moved and decided, as in deploy/quickstart.

#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/agency/recipients.h"
#include "services/broker/access.h"
#include "services/broker/directory_book.h"
#include "services/broker/exchange.h"
#include "services/broker/sealed_records.h"
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

using ::testing::HasSubstr;

class FormatFixtureTest : public ::testing::TestWithParam<int> {
 protected:
  // Works on a copy: opening writes.
  FormatFixtureTest() {
    std::filesystem::copy(SourceFile("tests/system/fixtures/format-") +
                              std::to_string(GetParam()),
                          directory_.path(),
                          std::filesystem::copy_options::recursive);
  }

  std::unique_ptr<RocksDbStore> OpenStore(const std::string& owner) {
    RocksDbStore::Options options;
    options.directory = directory_ / (owner + "/db");
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

INSTANTIATE_TEST_SUITE_P(Formats, FormatFixtureTest,
                         ::testing::Range(1, kFormatVersion + 1));

}  // namespace
}  // namespace baton
