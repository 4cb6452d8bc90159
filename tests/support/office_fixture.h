#ifndef BATON_TESTS_SUPPORT_OFFICE_FIXTURE_H_
#define BATON_TESTS_SUPPORT_OFFICE_FIXTURE_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "services/agency/office.h"
#include "services/common/agency.h"
#include "services/common/clock.h"
#include "tests/support/agency_fixture.h"

namespace baton {

// An office on a real disk, stepped by the test, with an exchange that answers
// when the test says so.
class OfficeFixture {
 public:
  explicit OfficeFixture(const std::string& agency, uint64_t max_held = 1000)
      : agency_(ParseAgency(agency).value()), max_held_(max_held) {
    Open();
  }

  // What was not committed is gone, and so is what was under way.
  void Restart() {
    office.reset();
    loop_.reset();
    link.published.clear();
    link.looked_up.clear();
    link.asked_uploads.clear();
    link.uploads.clear();
    disk.Reopen();
    Open();
  }

  // Runs one call to its answer.
  template <typename Result>
  absl::StatusOr<Result> Call(
      std::function<absl::StatusOr<Result>(Instant)> call) {
    absl::StatusOr<Result> result = absl::UnknownError("not run");
    EXPECT_TRUE(loop_->Post([&](Instant now) { result = call(now); }));
    Step();
    return result;
  }

  // A message arrives.
  void Deliver(const v1::Message& message) {
    v1::ReceivedMessage received;
    *received.mutable_message() = message;
    received.set_ack_id(absl::StrCat("a-", message.message_id()));
    On([&] { office->OnMessages("queue", {received}); });
  }
  void Hear(const v1::Conversation& conversation) {
    On([&] { office->OnConversation(conversation); });
  }

  // The oldest message that was published and not answered yet.
  v1::Message TakePublished() {
    EXPECT_FALSE(link.published.empty());
    if (link.published.empty()) return {};
    return link.published.front().request.messages(0);
  }
  // The exchange accepts it: conversation "c-1", with this many matters when it
  // opens one.
  void Accept(int matters = 0) {
    v1::PublishResponse response;
    v1::PublishReceipt& receipt = *response.add_receipts();
    receipt.set_message_id(absl::StrCat("m-", ++accepted_));
    receipt.set_conversation_id("c-1");
    for (int i = 1; i <= matters; ++i) {
      receipt.add_matter_ids(absl::StrCat("c-1.", i));
    }
    Answer(response);
  }
  void Answer(const absl::StatusOr<v1::PublishResponse>& response) {
    ASSERT_FALSE(link.published.empty());
    auto asked = std::move(link.published.front());
    link.published.erase(link.published.begin());
    On([&] { asked.done(response); });
  }

  void On(const std::function<void()>& event) {
    ASSERT_TRUE(loop_->Post([&](Instant) { event(); }));
    Step();
  }

  // Time passes; what became due is done.
  void Advance(absl::Duration by) {
    disk.Advance(by);
    On([] {});
  }

  AgencyDisk disk;
  HeldLink link;
  std::unique_ptr<Office> office;
  DocumentShelf::Limits document_limits;  // From the next Restart() on.

 private:
  void Open() {
    loop_ = std::make_unique<AgencyLoop>(disk.store.get(), &clock_);
    Office::Options options;
    options.outbox.sender = agency_;
    options.outbox.max_held = max_held_;
    options.cases.environment = v1::ENVIRONMENT_TRAINING;
    options.documents = document_limits;
    options.cases.phone_for = [](const v1::Address&) {
      return std::string("0115 496 0200");
    };
    auto opened = Office::Open({.store = disk.store.get(),
                                .loop = loop_.get(),
                                .link = &link,
                                .documents = &link},
                               std::move(options), disk.now);
    ASSERT_TRUE(opened.ok()) << opened.status();
    office = *std::move(opened);
    loop_->set_desk(office.get());
  }

  void Step() {
    while (true) {
      const auto more = loop_->Step(disk.now);
      ASSERT_TRUE(more.ok()) << more.status();
      if (!*more) return;
    }
  }

  const v1::Agency agency_;
  const uint64_t max_held_;
  SystemClock clock_;
  std::unique_ptr<AgencyLoop> loop_;
  int accepted_ = 0;
};

// A part's content as its type.
template <typename Content>
Content ContentAs(const v1::PayloadPart& part) {
  Content content;
  EXPECT_EQ(part.type(), Content::descriptor()->full_name());
  EXPECT_TRUE(content.ParseFromString(part.content()));
  return content;
}

}  // namespace baton

#endif  // BATON_TESTS_SUPPORT_OFFICE_FIXTURE_H_
