#include "baton/v1/emergency_service.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/cli/fields.h"
#include "services/cli/request.h"
#include "services/common/proto_time.h"

namespace baton::cli {
namespace {

using ::testing::HasSubstr;

const LocalClock kClock = {absl::FromUnixSeconds(1767476400),
                           absl::UTCTimeZone()};

v1::FlagWaitingRequest With(const std::string& path, const std::string& text) {
  v1::FlagWaitingRequest request;
  EXPECT_TRUE(SetField(path, text, kClock, Direction::kPast, &request).ok());
  return request;
}

std::string Fault(const std::string& path, const std::string& text) {
  v1::FlagWaitingRequest request;
  return std::string(
      SetField(path, text, kClock, Direction::kPast, &request).message());
}

TEST(FieldsTest, AnUnknownIsNotAValue) {
  const auto known =
      With("flag.child.birth_date", "2011-05").flag().child().birth_date();
  EXPECT_EQ(known.value(), "2011-05");
  const auto unknown =
      With("flag.child.birth_date", "unknown").flag().child().birth_date();
  EXPECT_EQ(unknown.absence(), v1::ABSENCE_UNKNOWN);
  EXPECT_FALSE(unknown.has_value());
}

TEST(FieldsTest, FlagsAreYesNoOrAReason) {
  EXPECT_TRUE(
      With("flag.immediate_danger", "yes").flag().immediate_danger().value());
  EXPECT_EQ(With("flag.immediate_danger", "not-asked")
                .flag()
                .immediate_danger()
                .absence(),
            v1::ABSENCE_NOT_ASKED);
  EXPECT_THAT(Fault("flag.immediate_danger", "maybe"),
              HasSubstr("is not yes, no, unknown"));
}

TEST(FieldsTest, AnAddressIsACouncilUnlessItNamesItsClass) {
  const auto council = With("recipient", "E06000018/night").recipient();
  EXPECT_EQ(council.agency().agency_class(), v1::AGENCY_CLASS_COUNCIL);
  EXPECT_EQ(council.agency().code(), "E06000018");
  EXPECT_EQ(council.desk(), "night");
  EXPECT_EQ(With("recipient", "icb/QT1").recipient().agency().agency_class(),
            v1::AGENCY_CLASS_INTEGRATED_CARE_BOARD);
  EXPECT_THAT(Fault("recipient", "a/b/c"), HasSubstr("CODE[/DESK]"));
  EXPECT_THAT(Fault("recipient", "council"), HasSubstr("CODE[/DESK]"));
}

// Who typed flags does not know the fields' names.
TEST(FieldsTest, ARefusedFieldIsNamedByItsFlag) {
  const std::vector<OptionSpec> options = {
      {"--limit", "N", "of no field"},
      {"--reference", "TEXT", "", "sender_reference"},
      {"--child-name", "NAME", "", "children.child.names"},
      {"--last-seen", "TIME", "", "children.last_seen_time"},
      {"--to", "PERSON", "", "to"},
  };
  EXPECT_EQ(FlagFor("sender_reference", options), "--reference");
  EXPECT_EQ(FlagFor("children", options), "--child-name");
  EXPECT_EQ(FlagFor("children[0].last_seen_time", options), "--last-seen");
  EXPECT_EQ(FlagFor("to.phone", options), "--to");
  EXPECT_EQ(FlagFor("request_id", options), "");
}

TEST(FieldsTest, AMistypedChoiceSuggestsTheNearest) {
  EXPECT_THAT(Fault("flag.reason", "placement-brekdown"),
              HasSubstr("did you mean \"placement-breakdown\"?"));
}

TEST(FieldsTest, NamesAndPeopleAreTakenApart) {
  const auto name = With("flag.child.names", "Mia Rose Test");
  EXPECT_EQ(name.flag().child().names(0).given(), "Mia Rose");
  EXPECT_EQ(name.flag().child().names(0).family(), "Test");
  const auto actor = With("actor", "S. Nurse; charge nurse;;0115 496 0000");
  EXPECT_EQ(actor.actor().name(), "S. Nurse");
  EXPECT_EQ(actor.actor().team(), "");
  EXPECT_EQ(actor.actor().phone(), "0115 496 0000");
}

TEST(FieldsTest, AllFaultsAreListed) {
  Arguments arguments;
  arguments.Set("--reason", {"x"});
  arguments.Set("--arrived", {"yesterday"});
  v1::FlagWaitingRequest request;
  const absl::Status status =
      OverlayOptions({{"--reason", "", "", "flag.reason"},
                      {"--arrived", "", "", "flag.arrived_time"}},
                     arguments, kClock, &request);
  EXPECT_THAT(std::string(status.message()), HasSubstr("--reason: "));
  EXPECT_THAT(std::string(status.message()), HasSubstr("--arrived: "));
}

TEST(FieldsTest, ARepeatedFieldIsReplacedNotExtended) {
  v1::FlagWaitingRequest request;
  request.add_copies()->set_desk("from-the-file");
  Arguments arguments;
  arguments.Set("--copy", {"E10000024", "E06000015"});
  ASSERT_TRUE(OverlayOptions({{"--copy", "", "", "copies"}}, arguments, kClock,
                             &request)
                  .ok());
  ASSERT_EQ(request.copies_size(), 2);
  EXPECT_EQ(request.copies(0).agency().code(), "E10000024");
}

}  // namespace
}  // namespace baton::cli
