#include "tests/support/child_messages.h"

#include "absl/strings/str_cat.h"
#include "baton/v1/contact.pb.h"
#include "baton/v1/custody.pb.h"
#include "baton/v1/missing.pb.h"
#include "baton/v1/police.pb.h"
#include "baton/v1/waiting.pb.h"
#include "gtest/gtest.h"
#include "services/common/agency.h"
#include "services/common/proto_time.h"
#include "tests/support/exchange_fixture.h"

namespace baton {
namespace {

void AddAgency(const std::string& agency, const std::string& desk,
               v1::BrokerConfig* config) {
  v1::AgencyConfig* const added = config->add_agencies();
  *added->mutable_agency() = ParseAgency(agency).value();
  added->add_desks()->set_name(desk);
}

v1::Actor Worker() {
  v1::Actor worker;
  worker.set_name("Wilhelmina Worker");
  worker.set_role("team manager");
  return worker;
}

}  // namespace

Identity PublicCaller() {
  return {.agency = ParseAgency("public/DESK").value(), .key_id = "12345678"};
}

v1::BrokerConfig ChildRulesConfig() {
  v1::BrokerConfig config = TestBrokerConfig();
  AddAgency("icb/QT1", "front", &config);
  AddAgency("health/RHA", "front", &config);
  AddAgency("housing/E06000018", "front", &config);
  AddAgency("placement/SC1", "front", &config);
  AddAgency("adult/E06000018", "front", &config);
  AddAgency("public/DESK", "replies", &config);
  for (v1::AgencyConfig& agency : *config.mutable_agencies()) {
    if (QueueName(AddressOf(kOfficer))
            .rfind(AgencyName(agency.agency()) + "/", 0) == 0) {
      v1::DeskConfig* const officer = agency.add_desks();
      officer->set_name("officer");
      officer->set_designated_officer(true);
    }
    if (agency.agency().agency_class() == v1::AGENCY_CLASS_POLICE) {
      agency.set_phone("0115 496 0300");
    }
  }
  return config;
}

v1::AccessPolicy OpenAccessPolicy() {
  v1::AccessPolicy policy;
  v1::AccessRule* const rule = policy.add_rules();
  rule->set_name("everybody");
  for (int i = 1; i < v1::AgencyClass_ARRAYSIZE; ++i) {
    rule->add_sender_classes(static_cast<v1::AgencyClass>(i));
    rule->add_recipient_classes(static_cast<v1::AgencyClass>(i));
  }
  for (int i = 1; i < v1::MessageKind_ARRAYSIZE; ++i) {
    rule->add_kinds(static_cast<v1::MessageKind>(i));
  }
  rule->add_purposes(v1::PURPOSE_SAFEGUARDING);
  return policy;
}

Directory DirectoryOf(const v1::BrokerConfig& config) {
  Faults faults;
  Directory directory = Directory::Create(config, &faults).value();
  EXPECT_TRUE(faults.empty()) << faults.ToStatus();
  return directory;
}

v1::Child Persephone() {
  v1::Child child;
  v1::PersonName* const name = child.add_names();
  name->set_given("Persephone Ann");
  name->set_family("Wollaton");
  child.mutable_birth_date()->set_value("2012-03-04");
  child.set_sex(v1::SEX_FEMALE);
  child.mutable_ethnicity()->set_value("A1");
  child.mutable_interpreter()->set_value("for her mother: Tigrinya");
  child.mutable_disability()->set_value("uses a wheelchair");
  child.mutable_nhs_number()->set_value("9990000018");
  child.mutable_pupil_number()->set_value("Q892201700123");
  child.mutable_address()->add_lines("1 Lenton Lane");
  child.mutable_bodies()->mutable_school()->set_code("123456");
  child.mutable_bodies()->mutable_general_practice()->set_code("C84001");
  child.mutable_bodies()->mutable_host_authority()->set_absence(
      v1::ABSENCE_UNKNOWN);
  child.mutable_medication()->set_value("insulin");
  child.mutable_parental_responsibility()->set_absence(v1::ABSENCE_NOT_ASKED);
  v1::DoNotTell* const do_not_tell = child.add_do_not_tell();
  do_not_tell->set_whom("her uncle");
  do_not_tell->set_why("he may come");
  return child;
}

v1::Child OtherChild(const std::string& family) {
  v1::Child child;
  child.add_names()->set_given("Thaddeus");
  child.mutable_names(0)->set_family(family);
  child.mutable_birth_date()->set_value("2011-01-02");
  return child;
}

v1::Message EmptyMessage(v1::MessageKind kind, const std::string& queue) {
  v1::Message message = FlagMessage({});
  message.set_kind(kind);
  *message.mutable_recipients(0)->mutable_address() = AddressOf(queue);
  return message;
}

v1::Message FollowUp(v1::MessageKind kind, const std::string& queue,
                     const std::string& conversation_id) {
  v1::Message message = EmptyMessage(kind, queue);
  message.set_conversation_id(conversation_id);
  return message;
}

v1::Message WaitMessage(const v1::Child& child) {
  v1::WaitingFlag flag;
  flag.set_sender_reference("encounter-1");
  *flag.mutable_child() = child;
  flag.mutable_arrived_time()->mutable_value()->set_seconds(1767220000);
  flag.mutable_reason_detail()->set_value("her placement ended");
  flag.mutable_immediate_danger()->set_value(true);
  flag.set_location("RX1RA emergency department");
  flag.set_reason(v1::WAITING_REASON_PLACEMENT_BREAKDOWN);
  return With(EmptyMessage(v1::MESSAGE_KIND_WAITING_FLAG, kIntake), "#1", flag);
}

v1::Message MissingMessage(const v1::Child& child, bool restricted) {
  v1::MissingReport report;
  report.set_episode_reference("MFH/26/000123");
  *report.mutable_child() = child;
  report.mutable_last_seen_time()->mutable_value()->set_seconds(1767210000);
  report.mutable_last_seen_place()->set_value("the Arboretum");
  report.mutable_risk()->set_grade(v1::RISK_GRADE_HIGH);
  report.mutable_risk()->mutable_rationale()->set_value("her insulin");
  report.mutable_risk()->set_graded_by("Inspector Hyacinth");
  report.add_exploitation_flags(v1::EXPLOITATION_FLAG_COUNTY_LINES);
  report.set_restricted(restricted);
  return With(EmptyMessage(v1::MESSAGE_KIND_MISSING_REPORT, kIntake), "#1",
              report);
}

v1::Message FoundMessage(const std::string& conversation_id,
                         const std::string& matter_id) {
  v1::FoundReport found;
  found.mutable_found_time()->mutable_value()->set_seconds(1767230000);
  found.mutable_found_place()->set_value("the bus station");
  found.mutable_immediate_danger()->set_value(false);
  return With(FollowUp(v1::MESSAGE_KIND_FOUND_REPORT, kIntake, conversation_id),
              matter_id, found);
}

v1::Message NoticeMessage(const v1::Child& child, bool domestic_abuse) {
  v1::PoliceIncident incident;
  incident.set_incident_reference("NOTTS-2026-000777");
  incident.mutable_incident_time()->mutable_value()->set_seconds(1767200000);
  incident.mutable_what_happened()->set_value("a door was broken");
  incident.set_domestic_abuse(domestic_abuse);
  v1::Household* const household = incident.mutable_household();
  household->add_members()->mutable_name()->set_given("Rosamund");
  household->mutable_risk_to_workers()->set_value("a dog");
  v1::PoliceNotice notice;
  *notice.mutable_child() = child;
  notice.set_grade(v1::NOTICE_GRADE_RED);
  notice.mutable_injuries()->set_value("a bruise");
  notice.mutable_immediate_danger()->set_value(true);
  return With(
      With(EmptyMessage(v1::MESSAGE_KIND_POLICE_NOTICE, kIntake), "", incident),
      "#1", notice);
}

v1::Message ContactMessage(const v1::Child& child) {
  v1::Contact contact;
  *contact.mutable_child() = child;
  contact.mutable_concern()->set_value("she is hungry");
  return With(EmptyMessage(v1::MESSAGE_KIND_CONTACT, kIntake), "#1", contact);
}

v1::Message AllegationMessage(const v1::Child& child) {
  v1::Contact contact;
  *contact.mutable_child() = child;
  contact.mutable_concern()->set_value("her teacher hit her");
  contact.set_staff_allegation(true);
  return With(EmptyMessage(v1::MESSAGE_KIND_CONTACT, kIntake), "#1", contact);
}

v1::Message ReleaseMessage(const std::string& conversation_id,
                           const std::string& matter_id) {
  v1::Release release;
  release.set_matter_id(matter_id);
  release.set_reason("the refuge agrees");
  *release.mutable_worker() = Worker();
  return With(FollowUp(v1::MESSAGE_KIND_RELEASE, kPoliceDesk, conversation_id),
              matter_id, release);
}

v1::Message UnlinkMessage(const std::string& conversation_id,
                          const std::string& matter_id,
                          const std::string& other_matter_id) {
  v1::Unlink unlink;
  unlink.set_matter_id(matter_id);
  unlink.set_other_matter_id(other_matter_id);
  unlink.set_reason("a cousin of the same name");
  *unlink.mutable_worker() = Worker();
  return With(FollowUp(v1::MESSAGE_KIND_UNLINK, kPoliceDesk, conversation_id),
              matter_id, unlink);
}

}  // namespace baton
