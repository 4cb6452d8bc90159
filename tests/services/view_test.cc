#include "services/broker/view.h"

#include "baton/v1/alert.pb.h"
#include "baton/v1/amendment.pb.h"
#include "baton/v1/contact.pb.h"
#include "baton/v1/decision.pb.h"
#include "baton/v1/homeless.pb.h"
#include "baton/v1/missing.pb.h"
#include "baton/v1/police.pb.h"
#include "baton/v1/waiting.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/agency.h"
#include "tests/support/child_messages.h"
#include "tests/support/exchange_fixture.h"

namespace baton {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kAsk[] = "ask E23000019, 0115 496 0300";

class ViewTest : public testing::Test {
 protected:
  // What `agency` sees of a message the police sent.
  v1::Message SeenBy(const std::string& agency, v1::Message message) {
    *message.mutable_sender() = PoliceCaller().agency;
    ApplyView(directory_, ParseAgency(agency).value(), &message);
    return message;
  }
  // What it sees of one part.
  template <typename Content>
  Content Seen(const std::string& agency, const Content& content) {
    return PartOf<Content>(SeenBy(
        agency,
        With(EmptyMessage(v1::MESSAGE_KIND_CONTACT, kIntake), "", content)));
  }

  const Directory directory_ = DirectoryOf(ChildRulesConfig());
  const std::vector<std::string> partners_ = {
      "school/123456",   "emergency/RX1RA",   "health/RHA",
      "icb/QT1",         "housing/E06000018", "placement/SC1",
      "adult/E06000018", "public/DESK",       "operator/OPS"};
};

void ExpectWithheld(const v1::KnownText& text) {
  EXPECT_EQ(text.absence(), v1::ABSENCE_WITHHELD);
  EXPECT_EQ(text.ask(), kAsk);
}

// --- Rule 12: the minimum.

TEST_F(ViewTest, Rule12ASchoolSeesTheMinimumOfAPoliceNotice) {
  const v1::Message seen =
      SeenBy("school/123456", NoticeMessage(Persephone(), true));
  const auto incident = PartOf<v1::PoliceIncident>(seen, 0);
  EXPECT_EQ(incident.incident_reference(), "NOTTS-2026-000777");
  EXPECT_TRUE(incident.incident_time().has_value());
  EXPECT_TRUE(incident.domestic_abuse());
  ExpectWithheld(incident.what_happened());
  EXPECT_EQ(incident.household().risk_to_workers().value(), "a dog");
  EXPECT_EQ(incident.household().members_size(), 0);

  const auto notice = PartOf<v1::PoliceNotice>(seen, 1);
  EXPECT_EQ(notice.grade(), v1::NOTICE_GRADE_RED);
  ExpectWithheld(notice.injuries());
  EXPECT_TRUE(notice.immediate_danger().value());
  const v1::Child& child = notice.child();
  EXPECT_EQ(child.names(0).family(), "Wollaton");
  EXPECT_EQ(child.birth_date().value(), "2012-03-04");
  EXPECT_EQ(child.pupil_number().value(), "Q892201700123");
  EXPECT_FALSE(child.has_nhs_number());
  EXPECT_FALSE(child.has_address());
  EXPECT_EQ(child.sex(), v1::SEX_UNSPECIFIED);
  ExpectWithheld(child.ethnicity());
  ExpectWithheld(child.disability());
}

TEST_F(ViewTest, Rule12HealthSeesTheMinimumOfAMissingReport) {
  for (const char* agency : {"health/RHA", "icb/QT1", "emergency/RX1RA"}) {
    SCOPED_TRACE(agency);
    const auto report =
        PartOf<v1::MissingReport>(SeenBy(agency, MissingMessage(Persephone())));
    EXPECT_EQ(report.child().names(0).given(), "Persephone Ann");
    EXPECT_EQ(report.risk().grade(), v1::RISK_GRADE_HIGH);
    ExpectWithheld(report.risk().rationale());
    EXPECT_EQ(report.risk().graded_by(),
              std::string("withheld (") + kAsk + ")");
    EXPECT_TRUE(report.last_seen_time().has_value());
    ExpectWithheld(report.last_seen_place());
    EXPECT_THAT(report.exploitation_flags(), IsEmpty());
    EXPECT_FALSE(report.child().has_nhs_number());
  }
}

TEST_F(ViewTest, Rule12ASchoolSeesTheMinimumOfAWait) {
  const auto flag = PartOf<v1::WaitingFlag>(
      SeenBy("school/123456", WaitMessage(Persephone())));
  EXPECT_TRUE(flag.arrived_time().has_value());
  EXPECT_EQ(flag.child().pupil_number().value(), "Q892201700123");
  EXPECT_EQ(flag.reason(), v1::WAITING_REASON_UNSPECIFIED);
  ExpectWithheld(flag.reason_detail());
  EXPECT_THAT(flag.location(), HasSubstr("withheld"));
  EXPECT_TRUE(flag.immediate_danger().value());
}

TEST_F(ViewTest, Rule12HousingSeesAllButHealthOfAHomelessYoungPerson) {
  v1::HomelessPresentation presentation;
  *presentation.mutable_child() = Persephone();
  presentation.mutable_slept_last()->set_value("a car");
  presentation.mutable_family_contact()->set_value("none");
  const auto seen = Seen("housing/E06000018", presentation);
  EXPECT_EQ(seen.slept_last().value(), "a car");
  EXPECT_EQ(seen.family_contact().value(), "none");
  EXPECT_EQ(seen.child().address().lines(0), "1 Lenton Lane");
  EXPECT_EQ(seen.child().ethnicity().value(), "A1");
  EXPECT_FALSE(seen.child().has_nhs_number());
  ExpectWithheld(seen.child().disability());
  EXPECT_EQ(seen.child().bodies().general_practice().absence(),
            v1::ABSENCE_WITHHELD);
  EXPECT_EQ(seen.child().bodies().school().code(), "123456");
  EXPECT_EQ(seen.child().medication().value(), "insulin");
  ExpectWithheld(Seen("school/123456", presentation).slept_last());
}

TEST_F(ViewTest, Rule12SomeThingsAreNeverRemovedFromAnybody) {
  for (const std::string& agency : partners_) {
    SCOPED_TRACE(agency);
    const auto expect_kept = [](const v1::Child& child) {
      EXPECT_EQ(child.medication().value(), "insulin");
      EXPECT_EQ(child.interpreter().value(), "for her mother: Tigrinya");
      ASSERT_EQ(child.do_not_tell_size(), 1);
      EXPECT_EQ(child.do_not_tell(0).whom(), "her uncle");
      EXPECT_EQ(child.do_not_tell(0).why(), "he may come");
    };
    const v1::Message notice =
        SeenBy(agency, NoticeMessage(Persephone(), true));
    expect_kept(PartOf<v1::PoliceNotice>(notice, 1).child());
    EXPECT_TRUE(PartOf<v1::PoliceNotice>(notice, 1).immediate_danger().value());
    EXPECT_EQ(PartOf<v1::PoliceIncident>(notice, 0)
                  .household()
                  .risk_to_workers()
                  .value(),
              "a dog");
    const auto flag =
        PartOf<v1::WaitingFlag>(SeenBy(agency, WaitMessage(Persephone())));
    expect_kept(flag.child());
    EXPECT_TRUE(flag.immediate_danger().value());
    expect_kept(
        PartOf<v1::MissingReport>(SeenBy(agency, MissingMessage(Persephone())))
            .child());
    expect_kept(
        PartOf<v1::Contact>(SeenBy(agency, ContactMessage(Persephone())))
            .child());
  }
}

TEST_F(ViewTest, Rule12AProtectedAddressIsRemovedSilently) {
  v1::HomelessPresentation presentation;
  *presentation.mutable_child() = Persephone();
  presentation.mutable_child()->mutable_address()->set_protected_address(true);
  for (const std::string& agency : partners_) {
    EXPECT_FALSE(Seen(agency, presentation).child().has_address()) << agency;
  }
  for (const char* agency : {"council/E06000018", "council/E10000024"}) {
    EXPECT_TRUE(Seen(agency, presentation).child().has_address()) << agency;
  }
  // Also where the reader sees everything else.
  v1::Alert alert;
  *alert.mutable_child() = presentation.child();
  const v1::Alert seen = Seen("school/123456", alert);
  EXPECT_FALSE(seen.child().has_address());
  EXPECT_TRUE(seen.child().has_nhs_number());
}

TEST_F(ViewTest, Rule12CouncilsPoliceAndTheSenderSeeItWhole) {
  const v1::Message notice = NoticeMessage(Persephone(), true);
  for (const char* agency :
       {"council/E06000018", "police/E23000018", "police/E23000019"}) {
    const v1::Message seen = SeenBy(agency, notice);
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(seen.payload(i).content(), notice.payload(i).content())
          << agency;
    }
  }
  v1::Message own = notice;
  *own.mutable_sender() = SchoolCaller().agency;
  ApplyView(directory_, SchoolCaller().agency, &own);
  EXPECT_EQ(own.payload(1).content(), notice.payload(1).content());
}

TEST_F(ViewTest, AnUnknownTypeIsWholeToCouncilsAndEmptyToPartners) {
  v1::Message message = EmptyMessage(v1::MESSAGE_KIND_CONTACT, kIntake);
  v1::PayloadPart* const part = message.add_payload();
  part->set_type("baton.v9.NotYet");
  part->set_content("secret");
  EXPECT_EQ(SeenBy("council/E06000018", message).payload(0).content(),
            "secret");
  for (const std::string& agency : partners_) {
    const v1::Message seen = SeenBy(agency, message);
    EXPECT_EQ(seen.payload(0).type(), "baton.v9.NotYet");
    EXPECT_THAT(seen.payload(0).content(), IsEmpty()) << agency;
  }
}

TEST_F(ViewTest, ATypeWithoutARowShowsWhatIsNeverRemovedOnly) {
  v1::Household household;
  household.add_members()->mutable_name()->set_given("Rosamund");
  household.mutable_risk_to_workers()->set_value("a dog");
  const auto seen = Seen("school/123456", household);
  EXPECT_EQ(seen.members_size(), 0);
  EXPECT_EQ(seen.risk_to_workers().value(), "a dog");
}

TEST_F(ViewTest, WhatCannotBeReadIsEmptyToPartners) {
  v1::Message message = WaitMessage(Persephone());
  message.mutable_payload(0)->set_content("\xff");
  EXPECT_THAT(SeenBy("school/123456", message).payload(0).content(), IsEmpty());
}

TEST_F(ViewTest, ACorrectionIsSeenAsWhatItCorrects) {
  v1::PoliceNotice notice;
  *notice.mutable_child() = Persephone();
  notice.mutable_injuries()->set_value("two bruises");
  v1::Correction correction;
  correction.set_reason("counted again");
  correction.set_type(v1::PoliceNotice::descriptor()->full_name());
  correction.set_content(notice.SerializeAsString());
  const auto seen = Seen("school/123456", correction);
  EXPECT_EQ(seen.reason(), "counted again");
  v1::PoliceNotice inner;
  ASSERT_TRUE(inner.ParseFromString(seen.content()));
  ExpectWithheld(inner.injuries());
  EXPECT_EQ(inner.child().names(0).family(), "Wollaton");
  EXPECT_EQ(Seen("council/E06000018", correction).content(),
            correction.content());
}

TEST_F(ViewTest, ReasonsStayWithWhoDecided) {
  v1::Decision decision;
  decision.set_matter_id("c-4k7.1");
  decision.set_outcome(v1::OUTCOME_EARLY_HELP);
  decision.set_reason("the neighbour's word");
  decision.set_next_step("We visit on Thursday.");
  for (const char* agency : {"council/E06000018", "school/123456"}) {
    const v1::Decision seen = Seen(agency, decision);
    EXPECT_THAT(seen.reason(), Not(HasSubstr("neighbour"))) << agency;
    EXPECT_THAT(seen.reason(), HasSubstr(kAsk)) << agency;
    EXPECT_EQ(seen.next_step(), "We visit on Thursday.") << agency;
    EXPECT_EQ(seen.outcome(), v1::OUTCOME_EARLY_HELP) << agency;
  }
}

TEST_F(ViewTest, Rule22ThePublicIsToldOnlyThatItWasTaken) {
  v1::Decision decision;
  decision.set_matter_id("c-4k7.1");
  decision.set_outcome(v1::OUTCOME_EARLY_HELP);
  decision.set_next_step("We visit on Thursday.");
  const v1::Decision seen = Seen("public/DESK", decision);
  EXPECT_EQ(seen.matter_id(), "c-4k7.1");
  EXPECT_EQ(seen.outcome(), v1::OUTCOME_UNSPECIFIED);
  EXPECT_THAT(seen.next_step(), Not(HasSubstr("Thursday")));
  v1::Taken taken;
  taken.mutable_worker()->set_name("Wilhelmina");
  EXPECT_EQ(Seen("public/DESK", taken).worker().name(), "Wilhelmina");
}

TEST_F(ViewTest, Rule22AReferrersIdentityStaysWithTheCouncil) {
  v1::ContactIncident incident;
  incident.mutable_referrer()->set_name("Nora Nightingale");
  EXPECT_FALSE(Seen("school/123456", incident).has_referrer());
  EXPECT_EQ(Seen("council/E06000018", incident).referrer().name(),
            "Nora Nightingale");
}

// --- Rule 10: absences are answers.

TEST_F(ViewTest, Rule10EveryAbsenceReachesWhoMaySeeIt) {
  v1::Contact contact;
  for (const v1::Absence absence :
       {v1::ABSENCE_UNKNOWN, v1::ABSENCE_NOT_ASKED, v1::ABSENCE_REFUSED,
        v1::ABSENCE_NOT_APPLICABLE}) {
    contact.mutable_concern()->set_absence(absence);
    EXPECT_EQ(Seen("council/E06000018", contact).concern().absence(), absence);
    // Why there is no value may say as much as the value.
    ExpectWithheld(Seen("school/123456", contact).concern());
  }
}

TEST_F(ViewTest, Rule10WhatWasNotSuppliedIsNotWithheld) {
  EXPECT_FALSE(Seen("school/123456", v1::Contact()).has_concern());
}

TEST_F(ViewTest, SaysWhomToAskWithoutANumberToo) {
  EXPECT_EQ(AskText(directory_, PoliceCaller().agency), kAsk);
  EXPECT_EQ(AskText(directory_, HospitalCaller().agency), "ask RX1RA");
  EXPECT_EQ(AskText(directory_, ParseAgency("school/999999").value()),
            "ask 999999");
}

}  // namespace
}  // namespace baton
