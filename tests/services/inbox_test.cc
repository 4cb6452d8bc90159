#include "services/agency/inbox.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/proto_time.h"
#include "tests/support/agency_fixture.h"

namespace baton {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class InboxTest : public ::testing::Test {
 protected:
  InboxTest() { Open(); }

  void Open() {
    auto opened = Inbox::Open(disk_.store.get());
    ASSERT_TRUE(opened.ok()) << opened.status();
    inbox_ = *std::move(opened);
  }
  void Restart() {
    inbox_.reset();
    disk_.Reopen();
    Open();
  }

  std::optional<uint64_t> Receive(const std::string& id) {
    v1::Message message;
    message.set_message_id(id);
    message.mutable_actor()->set_name("Wilhelmina Invented");
    const auto number = inbox_->Receive(message, disk_.now);
    EXPECT_TRUE(number.ok()) << number.status();
    return *number;
  }
  std::vector<uint64_t> Open(const std::string& consumer) {
    return inbox_->Unacknowledged(consumer, 0, 100).value();
  }
  void Acknowledge(const std::string& consumer,
                   const std::vector<uint64_t>& numbers) {
    ASSERT_TRUE(inbox_->Acknowledge(consumer, numbers).ok());
    disk_.Commit();
  }

  AgencyDisk disk_;
  std::unique_ptr<Inbox> inbox_;
};

TEST_F(InboxTest, StoresEachMessageOnceHoweverOftenItIsDelivered) {
  EXPECT_EQ(Receive("m-1"), 1u);
  EXPECT_EQ(Receive("m-1"), std::nullopt);  // Also before the commit.
  disk_.Commit();
  EXPECT_EQ(Receive("m-1"), std::nullopt);
  Restart();
  EXPECT_EQ(Receive("m-1"), std::nullopt);
  EXPECT_EQ(Receive("m-2"), 2u);
}

TEST_F(InboxTest, WhatWasNotCommittedIsReceivedAgain) {
  EXPECT_EQ(Receive("m-1"), 1u);
  Restart();
  EXPECT_EQ(inbox_->last_number(), 0u);
  EXPECT_EQ(Receive("m-1"), 1u);
}

TEST_F(InboxTest, ReadsWhatItStored) {
  Receive("m-1");
  disk_.Commit();
  Restart();
  const auto record = inbox_->Read(1);
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(record->message().message_id(), "m-1");
  EXPECT_EQ(FromProto(record->delivered_time()), disk_.now.wall);
  EXPECT_TRUE(absl::IsNotFound(inbox_->Read(2).status()));
  EXPECT_EQ(inbox_->Find("m-1").value(), 1u);
}

TEST_F(InboxTest, EachConsumerHasAPositionOfItsOwn) {
  for (const char* id : {"m-1", "m-2", "m-3"}) Receive(id);
  disk_.Commit();
  Acknowledge("a", {2});
  EXPECT_THAT(Open("a"), ElementsAre(1, 3));
  EXPECT_THAT(Open("b"), ElementsAre(1, 2, 3));
  Acknowledge("a", {1});
  EXPECT_THAT(Open("a"), ElementsAre(3));
  Restart();
  EXPECT_THAT(Open("a"), ElementsAre(3));
  EXPECT_THAT(inbox_->Unacknowledged("b", 1, 1).value(), ElementsAre(2));
}

TEST_F(InboxTest, AcknowledgingTwiceOrSomethingUnknownIsHarmless) {
  Receive("m-1");
  disk_.Commit();
  Acknowledge("a", {1, 1, 77});
  Acknowledge("a", {1});
  EXPECT_THAT(Open("a"), IsEmpty());
  Receive("m-2");
  EXPECT_THAT(Open("a"), ElementsAre(2));
}

TEST_F(InboxTest, NothingPersonalLiesInClearOnTheDisk) {
  Receive("m-1");
  disk_.Commit();
  inbox_.reset();
  disk_.store.reset();
  disk_.database.reset();
  for (const auto& file :
       std::filesystem::recursive_directory_iterator(disk_.path())) {
    if (!file.is_regular_file()) continue;
    std::stringstream bytes;
    bytes << std::ifstream(file.path(), std::ios::binary).rdbuf();
    EXPECT_THAT(bytes.str(), Not(HasSubstr("Wilhelmina"))) << file.path();
  }
}

}  // namespace
}  // namespace baton
