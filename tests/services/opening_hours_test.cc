#include "services/common/opening_hours.h"

#include "absl/time/civil_time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace baton {
namespace {

using ::testing::HasSubstr;

class OpeningHoursTest : public testing::Test {
 protected:
  v1::OpeningHours* Add(const std::vector<v1::Weekday>& days,
                        const std::string& from, const std::string& to) {
    v1::OpeningHours* const span = team_.add_opening_hours();
    for (const v1::Weekday day : days) span->add_weekdays(day);
    span->set_from(from);
    span->set_to(to);
    return span;
  }
  void AddWorkingDays() {
    Add({v1::WEEKDAY_MONDAY, v1::WEEKDAY_TUESDAY, v1::WEEKDAY_WEDNESDAY,
         v1::WEEKDAY_THURSDAY, v1::WEEKDAY_FRIDAY},
        "08:30", "17:00");
  }
  std::optional<bool> OpenAt(absl::Time time) {
    return IsOpen(team_.opening_hours(), time, london_);
  }
  // "2026-01-05 08:30" in London.
  absl::Time London(int month, int day, int hour, int minute) {
    return absl::FromCivil(absl::CivilMinute(2026, month, day, hour, minute),
                           london_);
  }
  std::string Faulty() {
    Faults faults;
    CheckOpeningHours(team_.opening_hours(), "hours", &faults);
    return std::string(faults.ToStatus().message());
  }

  const absl::TimeZone london_ = LondonTime().value();
  v1::TeamConfig team_;
};

TEST_F(OpeningHoursTest, NoHoursAreUnknownAndNotNever) {
  EXPECT_EQ(OpenAt(London(1, 5, 12, 0)), std::nullopt);
  EXPECT_EQ(NextOpening(team_.opening_hours(), London(1, 5, 12, 0), london_),
            std::nullopt);
}

TEST_F(OpeningHoursTest, ASpanHoldsItsFirstMinuteAndNotItsEnd) {
  AddWorkingDays();
  EXPECT_EQ(OpenAt(London(1, 5, 8, 29)), false);  // A Monday.
  EXPECT_EQ(OpenAt(London(1, 5, 8, 30)), true);
  EXPECT_EQ(OpenAt(London(1, 5, 16, 59)), true);
  EXPECT_EQ(OpenAt(London(1, 5, 17, 0)), false);
  EXPECT_EQ(OpenAt(London(1, 4, 12, 0)), false);  // A Sunday.
}

TEST_F(OpeningHoursTest, HoursAreThoseOfLondonsClocksInSummerToo) {
  AddWorkingDays();
  const absl::Time half_past_seven_utc = absl::FromCivil(
      absl::CivilMinute(2026, 7, 6, 7, 30), absl::UTCTimeZone());
  EXPECT_EQ(OpenAt(half_past_seven_utc), true);
  EXPECT_EQ(OpenAt(half_past_seven_utc - absl::Minutes(1)), false);
}

TEST_F(OpeningHoursTest, ANightBelongsToTheDayItBeginsOn) {
  Add({v1::WEEKDAY_FRIDAY}, "17:00", "08:30");
  EXPECT_EQ(OpenAt(London(1, 9, 23, 0)), true);
  EXPECT_EQ(OpenAt(London(1, 10, 8, 29)), true);
  EXPECT_EQ(OpenAt(London(1, 10, 8, 30)), false);
  EXPECT_EQ(OpenAt(London(1, 9, 8, 0)), false);
}

TEST_F(OpeningHoursTest, TheNightsWhenTheClocksChangeAreCovered) {
  Add({v1::WEEKDAY_SATURDAY}, "17:00", "08:30");
  // 29 March: 01:00 becomes 02:00. 25 October: 02:00 becomes 01:00.
  for (const auto& [month, day] : {std::pair{3, 28}, std::pair{10, 24}}) {
    const absl::Time begins = London(month, day, 17, 0);
    const absl::Time ends = London(month, day + 1, 8, 30);
    EXPECT_EQ(ends - begins,
              month == 3 ? absl::Minutes(870) : absl::Minutes(990));
    for (absl::Time time = begins; time < ends; time += absl::Minutes(30)) {
      EXPECT_EQ(OpenAt(time), true) << time;
    }
    EXPECT_EQ(OpenAt(ends), false);
  }
}

TEST_F(OpeningHoursTest, AllDayEveryDayIsAlwaysOpen) {
  Add({v1::WEEKDAY_SATURDAY, v1::WEEKDAY_SUNDAY}, "00:00", "24:00");
  EXPECT_EQ(OpenAt(London(1, 10, 0, 0)), true);
  EXPECT_EQ(OpenAt(London(1, 11, 23, 59)), true);
  EXPECT_EQ(OpenAt(London(1, 12, 0, 0)), false);
}

TEST_F(OpeningHoursTest, SaysWhenItOpensNext) {
  AddWorkingDays();
  const auto next = [&](absl::Time time) {
    return NextOpening(team_.opening_hours(), time, london_);
  };
  EXPECT_EQ(next(London(1, 5, 8, 0)), London(1, 5, 8, 30));
  EXPECT_EQ(next(London(1, 5, 8, 30)), London(1, 6, 8, 30));
  EXPECT_EQ(next(London(1, 9, 18, 0)), London(1, 12, 8, 30));
  team_.clear_opening_hours();
  Add({v1::WEEKDAY_MONDAY}, "08:30", "17:00");
  EXPECT_EQ(next(London(1, 5, 8, 30)), London(1, 12, 8, 30));
}

TEST_F(OpeningHoursTest, EveryFaultIsReported) {
  Add({}, "08:30", "17:00");
  Add({v1::WEEKDAY_MONDAY, v1::WEEKDAY_MONDAY}, "8:30", "24:01");
  Add({static_cast<v1::Weekday>(9)}, "24:00", "00:00");
  Add({v1::WEEKDAY_MONDAY}, "12:60", "12:00");
  Add({v1::WEEKDAY_MONDAY}, "12:00", "12:00");
  const std::string faults = Faulty();
  for (const char* path :
       {"hours[0].weekdays", "hours[1].weekdays", "hours[1].from",
        "hours[1].to", "hours[2].weekdays", "hours[2].from", "hours[2].to",
        "hours[3].from", "hours[4].to"}) {
    EXPECT_THAT(faults, HasSubstr(path));
  }
  team_.clear_opening_hours();
  for (int i = 0; i <= kMaxOpeningSpans; ++i) AddWorkingDays();
  EXPECT_THAT(Faulty(), HasSubstr("hours: at most 21"));
}

}  // namespace
}  // namespace baton
