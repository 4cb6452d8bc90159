#include <sstream>

#include "baton/v1/waiting.pb.h"
#include "gtest/gtest.h"
#include "services/cli/output.h"
#include "services/cli/times.h"
#include "services/cli/words.h"
#include "services/common/proto_time.h"

namespace baton::cli {
namespace {

std::string Printed(const Record& record, Format format) {
  std::ostringstream out;
  PrintRecord(record, format, out);
  return out.str();
}

LocalClock At(int hour, int minute) {
  absl::TimeZone london;
  absl::LoadTimeZone("Europe/London", &london);
  return {absl::FromCivil(absl::CivilMinute(2026, 7, 3, hour, minute), london),
          london};
}

TEST(OutputTest, CsvQuotesByRfc4180) {
  Record record;
  record.Add("a", "a", "one, \"two\"\nthree");
  EXPECT_EQ(Printed(record, Format::kCsv),
            "a\r\n\"one, \"\"two\"\"\nthree\"\r\n");
}

TEST(OutputTest, CsvTextIsNeverAFormula) {
  Record record;
  record.Add("a", "a", "=HYPERLINK(1)");
  record.AddNumber("b", "b", -5);
  EXPECT_EQ(Printed(record, Format::kCsv), "a,b\r\n'=HYPERLINK(1),-5\r\n");
}

TEST(OutputTest, JsonEscapes) {
  Record record;
  record.Add("a", "a", "\"\\\x01");
  record.AddBool("b", true);
  EXPECT_EQ(Printed(record, Format::kJson),
            "{\"a\":\"\\\"\\\\\\u0001\",\"b\":true}\n");
}

TEST(OutputTest, ATerminalIsNotObeyed) {
  Record record;
  record.Add("a", "name", "x\x1b[2Jy\xc2\x9bz");
  EXPECT_EQ(Printed(record, Format::kTable), "  name  x [2Jy z\n");
}

TEST(TimesTest, HoursNeverBecomeDays) {
  EXPECT_EQ(DurationText(absl::Seconds(45)), "45 s");
  EXPECT_EQ(DurationText(absl::Minutes(3)), "3 min");
  EXPECT_EQ(DurationText(absl::Minutes(125)), "2 h 05 min");
  EXPECT_EQ(DurationText(absl::Hours(76)), "76 h 00 min");
}

TEST(TimesTest, ShowsTheDateUnlessItIsToday) {
  const LocalClock clock = At(21, 43);
  EXPECT_EQ(TimeText(clock.now - absl::Minutes(3), clock), "21:40 (3 min ago)");
  EXPECT_EQ(TimeText(clock.now - absl::Hours(24), clock),
            " 2 Jul 21:43 (24 h 00 min ago)");
  EXPECT_EQ(Iso(clock.now), "2026-07-03T20:43:00Z");
}

TEST(TimesTest, ATimeOfDayIsTheLastOrTheNextOne) {
  const LocalClock clock = At(0, 20);
  EXPECT_EQ(Iso(*ParseTimeText("23:50", clock, Direction::kPast)),
            "2026-07-02T22:50:00Z");
  EXPECT_EQ(Iso(*ParseTimeText("23:50", clock, Direction::kAhead)),
            "2026-07-03T22:50:00Z");
  EXPECT_EQ(Iso(*ParseTimeText("+2h", clock, Direction::kAhead)),
            "2026-07-03T01:20:00Z");
  EXPECT_EQ(Iso(*ParseTimeText("2026-01-03 21:40", clock, Direction::kPast)),
            "2026-01-03T21:40:00Z");
  EXPECT_FALSE(ParseTimeText("half past", clock, Direction::kPast).ok());
}

TEST(HeardTest, SilenceOfAMinuteIsUnknown) {
  const LocalClock clock = At(21, 43);
  auto heard = [&](absl::Duration ago) {
    const auto time = ToProto(clock.now - ago);
    return Heard(&time, clock);
  };
  EXPECT_TRUE(heard(absl::Seconds(60)).recent());
  EXPECT_FALSE(heard(absl::Seconds(61)).recent());
  EXPECT_EQ(heard(absl::Minutes(3)).UnknownText(), "unknown: last heard 21:40");
  EXPECT_EQ(Heard(nullptr, clock).UnknownText(), "unknown: never heard");
}

TEST(HeardTest, AClockFarAheadIsNotTrusted) {
  const LocalClock clock = At(21, 43);
  const auto time = ToProto(clock.now + absl::Hours(1));
  EXPECT_FALSE(Heard(&time, clock).recent());
}

TEST(WordsTest, EnumsReadAsWords) {
  EXPECT_EQ(Word(v1::WAITING_REASON_PLACEMENT_BREAKDOWN),
            "placement-breakdown");
  EXPECT_EQ(Text(v1::BLOCKED_BY_MENTAL_HEALTH_BED), "mental health bed");
  EXPECT_EQ(Word(static_cast<v1::WaitingReason>(99)), "99");
}

TEST(WordsTest, APersonIsAssertedByAnAgency) {
  v1::Actor actor;
  actor.set_name("A. Worker");
  actor.set_role("duty social worker");
  actor.mutable_asserted_by()->set_code("E06000018");
  EXPECT_EQ(PersonText(actor),
            "A. Worker, duty social worker (asserted by E06000018)");
}

}  // namespace
}  // namespace baton::cli
