#include "services/police/police_desk.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/office_fixture.h"

namespace baton {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class PoliceDeskTest : public testing::Test {
 protected:
  PoliceDeskTest() {
    *config_.mutable_default_recipient() =
        ParseQueueName("council/E06000018/intake").value();
    desk_ = std::make_unique<PoliceDesk>(office_.office.get(), config_);
  }

  template <typename Request>
  static Request Named(const std::string& request_id) {
    Request request;
    request.set_request_id(request_id);
    request.set_sender_reference("NP-1");
    request.mutable_actor()->set_name("PC Invented");
    return request;
  }

  static v1::ReportMissingRequest Report(int children) {
    auto request = Named<v1::ReportMissingRequest>("r-1");
    for (int i = 0; i < children; ++i) {
      v1::MissingReport& child = *request.add_children();
      child.set_episode_reference(absl::StrCat("NP-1/", i + 1));
      child.mutable_risk()->set_grade(v1::RISK_GRADE_HIGH);
    }
    return request;
  }

  absl::StatusOr<v1::CaseStatus> Missing(int children = 1) {
    return office_.Call<v1::CaseStatus>([&](Instant now) {
      return desk_->ReportMissing(Report(children), now);
    });
  }
  absl::StatusOr<v1::CaseStatus> Update(v1::UpdateMissingRequest request) {
    return office_.Call<v1::CaseStatus>(
        [&](Instant now) { return desk_->UpdateMissing(request, now); });
  }
  absl::StatusOr<v1::CaseStatus> Notice(v1::SendNoticeRequest request) {
    return office_.Call<v1::CaseStatus>(
        [&](Instant now) { return desk_->SendNotice(request, now); });
  }

  OfficeFixture office_{"police/E23000019"};
  v1::PoliceConfig config_;
  std::unique_ptr<PoliceDesk> desk_;
};

TEST_F(PoliceDeskTest, ADateOfAnotherShapeIsKeptAndMarked) {
  auto request = Report(5);
  const char* const born[] = {"31/12/2011", "2011-13-01", "2011-12-31",
                              "2011-12", "2011"};
  for (int i = 0; i < 5; ++i) {
    request.mutable_children(i)
        ->mutable_child()
        ->mutable_birth_date()
        ->set_value(born[i]);
  }
  const auto status = office_.Call<v1::CaseStatus>(
      [&](Instant now) { return desk_->ReportMissing(request, now); });
  ASSERT_TRUE(status.ok()) << status.status();
  std::vector<std::string> odd;
  for (const v1::Mark& mark : status->marks()) {
    if (mark.code() == v1::MARK_CODE_UNKNOWN_VALUE) odd.push_back(mark.field());
  }
  EXPECT_THAT(odd, testing::ElementsAre("children[0].child.birth_date",
                                        "children[1].child.birth_date"));
}

TEST_F(PoliceDeskTest, Rule5SeveralMissingChildrenAreOneCaseWithAMatterEach) {
  const auto status = Missing(2);
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->outbox_state(), v1::OUTBOX_STATE_HELD);
  EXPECT_THAT(status->headline(), HasSubstr("NOT SENT, ring 0115 496 0200"));
  const v1::Message message = office_.TakePublished();
  EXPECT_EQ(message.kind(), v1::MESSAGE_KIND_MISSING_REPORT);
  EXPECT_EQ(message.purpose(), v1::PURPOSE_MISSING_CHILD);
  EXPECT_EQ(message.priority(), v1::PRIORITY_URGENT);
  ASSERT_EQ(message.recipients_size(), 1);
  EXPECT_EQ(QueueName(message.recipients(0).address()),
            "council/E06000018/intake");
  ASSERT_EQ(message.payload_size(), 2);
  EXPECT_EQ(message.payload(1).matter_id(), "#2");
  EXPECT_EQ(
      ContentAs<v1::MissingReport>(message.payload(1)).episode_reference(),
      "NP-1/2");
}

TEST_F(PoliceDeskTest, AnUpdateIsAboutTheChildrenItNames) {
  ASSERT_TRUE(Missing(3).ok());
  office_.Accept(3);
  auto update = Named<v1::UpdateMissingRequest>("r-2");
  update.add_children(3);
  update.add_children(3);  // Twice is once.
  update.mutable_update()->set_information("seen near the station");
  ASSERT_TRUE(Update(update).ok());
  const v1::Message message = office_.TakePublished();
  EXPECT_EQ(message.conversation_id(), "c-1");
  ASSERT_EQ(message.payload_size(), 1);
  EXPECT_EQ(message.payload(0).matter_id(), "c-1.3");
}

TEST_F(PoliceDeskTest, AnUpdateOfNobodyOrOfNothingIsRefused) {
  ASSERT_TRUE(Missing(1).ok());
  auto update = Named<v1::UpdateMissingRequest>("r-2");
  EXPECT_THAT(std::string(Update(update).status().message()),
              HasSubstr("update: must say one thing"));
  update.add_children(2);
  update.mutable_update()->set_information("x");
  EXPECT_THAT(std::string(Update(update).status().message()),
              HasSubstr("children: this case has children 1 to 1"));
  EXPECT_THAT(office_.link.published, SizeIs(1));  // The report.
}

TEST_F(PoliceDeskTest, Rule7AFindWithoutATimeOfReturnIsMarked) {
  ASSERT_TRUE(Missing().ok());
  office_.Accept(1);
  auto found = Named<v1::ReportFoundRequest>("r-2");
  found.mutable_found()->mutable_found_place()->set_value("bus station");
  ASSERT_TRUE(office_
                  .Call<v1::CaseStatus>([&](Instant now) {
                    return desk_->ReportFound(found, now);
                  })
                  .ok());
  const v1::Message message = office_.TakePublished();
  ASSERT_EQ(message.marks_size(), 1);
  EXPECT_EQ(message.marks(0).field(), "found.return_time");
}

TEST_F(PoliceDeskTest, ANoticeOfImmediateDangerOvertakes) {
  auto notice = Named<v1::SendNoticeRequest>("r-1");
  notice.mutable_incident()->set_incident_reference("NP-INC-1");
  notice.add_children()->set_grade(v1::NOTICE_GRADE_GREEN);
  notice.add_children()->mutable_immediate_danger()->set_value(true);
  ASSERT_TRUE(Notice(notice).ok());
  const v1::Message message = office_.TakePublished();
  EXPECT_EQ(message.priority(), v1::PRIORITY_IMMEDIATE_DANGER);
  EXPECT_EQ(message.payload_size(), 3);  // The incident, then each child.
}

TEST_F(PoliceDeskTest, EveryFaultOfANoticeIsListed) {
  const absl::Status status = Notice(v1::SendNoticeRequest()).status();
  for (const char* field : {"request_id", "sender_reference", "actor.name",
                            "children", "incident.incident_reference"}) {
    EXPECT_THAT(std::string(status.message()), HasSubstr(field));
  }
}

}  // namespace
}  // namespace baton
