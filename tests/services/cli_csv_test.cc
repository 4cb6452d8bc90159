#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/cli/csv.h"
#include "services/cli/organisation_file.h"
#include "services/common/agency.h"

namespace baton::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class CsvTest : public testing::Test {
 protected:
  std::vector<CsvRow> Read(const std::string& text) {
    Faults faults;
    std::vector<CsvRow> rows = ReadCsv(text, {"a", "b"}, &faults);
    faults_ = std::string(faults.ToStatus().message());
    return rows;
  }
  std::string faults_;
};

TEST_F(CsvTest, ReadsWhatSpreadsheetsWrite) {
  const auto rows = Read(
      "\xEF\xBB\xBF"
      "B,other, A\r\n"
      "1,x,2\r\n"
      "\r\n"
      "\"say \"\"hello\"\", twice\",y,\"two\r\nlines\"\r\n"
      ",,last");
  EXPECT_EQ(faults_, "");
  ASSERT_THAT(rows, SizeIs(3));
  EXPECT_THAT(
      rows[0].cells,
      UnorderedElementsAre(Pair("a", "2"), Pair("b", "1"), Pair("other", "x")));
  EXPECT_EQ(rows[1].cells.at("b"), "say \"hello\", twice");
  EXPECT_EQ(rows[1].cells.at("a"), "two\r\nlines");
  EXPECT_EQ(rows[0].line, 2);
  EXPECT_EQ(rows[1].line, 4);
  EXPECT_EQ(rows[2].line, 6);
  EXPECT_EQ(rows[2].cells.at("a"), "last");
}

TEST_F(CsvTest, PlainLinesAndNoByteOrderMarkDoAsWell) {
  const auto rows = Read("a,b\n1,2\n");
  EXPECT_EQ(faults_, "");
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows[0].cells.at("b"), "2");
}

TEST_F(CsvTest, EveryFaultNamesItsLine) {
  Read("a,b\n1\n1,2,3\nx\"y,2\n\"open\"z,2\n1,\"never closed\n");
  for (const char* fault :
       {"line 2: 1 cells; the header has 2", "line 3: 3 cells",
        "line 4: a quote inside", "line 5: text after a closing quote",
        "line 6: a quote that never closes"}) {
    EXPECT_THAT(faults_, HasSubstr(fault));
  }
}

TEST_F(CsvTest, AHeaderWithoutItsColumnsIsAFault) {
  Read("");
  EXPECT_THAT(faults_, HasSubstr("line 1: a header is required"));
  Read("b,c\n1,2\n");
  EXPECT_THAT(faults_, HasSubstr("line 1: the header needs each of a,b once: "
                                 "a is missing"));
  Read("a,b,A\n");
  EXPECT_THAT(faults_, HasSubstr("a stands there twice"));
}

TEST_F(CsvTest, EverythingHasALimit) {
  Read("a,b\n\xC3,2\n");
  EXPECT_THAT(faults_, HasSubstr("is not UTF-8"));
  Read("a,b\n" + std::string(CsvLimits::kMaxCellBytes + 1, 'x') + ",2\n");
  EXPECT_THAT(faults_, HasSubstr("line 2: a cell of more than 1024 bytes"));
  Read(std::string(CsvLimits::kMaxBytes + 1, 'a'));
  EXPECT_THAT(faults_, HasSubstr("has more than 16777216 bytes"));
  std::string many = "a,b\n";
  for (size_t i = 0; i <= CsvLimits::kMaxRows; ++i) many += "1,2\n";
  EXPECT_THAT(Read(many), SizeIs(CsvLimits::kMaxRows));
  EXPECT_THAT(faults_, HasSubstr("line 50002: more than 50000 rows"));
}

class OrganisationFileTest : public testing::Test {
 protected:
  std::vector<Organisation> Read(const std::string& rows) {
    Faults faults;
    auto organisations =
        ReadOrganisations("class,code,name,phone,desk\n" + rows, &faults);
    faults_ = std::string(faults.ToStatus().message());
    return organisations;
  }
  std::string faults_;
};

TEST_F(OrganisationFileTest, ARowIsADesk) {
  const auto found = Read(
      "school,123456,Example Academy,0115 496 0400,office\n"
      "council,E06000018,City,0115 496 0200,intake\n"
      "school,123456,,,nurse\n"
      "council,S12000033,Aberdeen,01224 000000,\n");
  EXPECT_EQ(faults_, "");
  ASSERT_THAT(found, SizeIs(3));
  EXPECT_EQ(AgencyName(found[0].agency.agency()), "school/123456");
  EXPECT_EQ(found[0].agency.phone(), "0115 496 0400");
  EXPECT_EQ(found[0].agency.desks(0).name(), "office");
  EXPECT_EQ(found[0].agency.desks(1).name(), "nurse");
  EXPECT_TRUE(found[2].agency.off_exchange());
  EXPECT_EQ(found[2].line, 5);
}

TEST_F(OrganisationFileTest, EveryFaultNamesItsLine) {
  Read(
      "shool,123456,Example Academy,,office\n"       // 2
      "school,abc,Example Academy,,office\n"         // 3
      "school,123457,One Name,,office\n"             // 4
      "school,123457,Another Name,,office\n"         // 5
      "council,W06000015,Cardiff,029,intake\n"       // 6
      "council,E06000018,City,0115,In Tray\n"        // 7
      "school,123458,School,,\n"                     // 8
      "school,123458,,,office\n"                     // 9
      "council,E07000001,District,01223,intake\n");  // 10
  EXPECT_THAT(faults_,
              AllOf(HasSubstr("line 2: \"shool\" is no class; did you mean "
                              "\"school\"?"),
                    HasSubstr("line 3: agency: needs a class and a code"),
                    HasSubstr("line 5: name is another"),
                    HasSubstr("line 5: this desk stands above already"),
                    HasSubstr("line 6: off_exchange: authorities S12"),
                    HasSubstr("line 7: desks[0].name: must be"),
                    HasSubstr("line 9: an organisation has desks, or one row"),
                    HasSubstr("line 10: agency: an E07 district")));
}

TEST_F(OrganisationFileTest, AnImportTakesNothingAway) {
  v1::AgencyConfig now = Read("school,123456,Old Name,0115,office\n")[0].agency;
  now.mutable_desks(0)->set_max_messages(7);
  now.add_teams()->set_name("pastoral");
  const v1::AgencyConfig merged =
      Merged(now, Read("school,123456,New Name,,nurse\n")[0].agency);
  EXPECT_EQ(merged.name(), "New Name");
  EXPECT_EQ(merged.phone(), "0115");
  EXPECT_EQ(merged.desks(0).max_messages(), 7);
  EXPECT_EQ(merged.desks(1).name(), "nurse");
  EXPECT_EQ(merged.teams(0).name(), "pastoral");
  // On the exchange at last.
  now = Read("council,E06000019,Council,0115,\n")[0].agency;
  EXPECT_FALSE(
      Merged(now, Read("council,E06000019,Council,0115,intake\n")[0].agency)
          .off_exchange());
}

}  // namespace
}  // namespace baton::cli
