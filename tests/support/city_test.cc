// The generated city keeps what tests/support/README.md says of it. Every test
// takes the same few seeds; a failure says which.

#include "tests/support/city.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "baton/v1/case_service.pb.h"
#include "baton/v1/council_service.pb.h"
#include "baton/v1/emergency_service.pb.h"
#include "baton/v1/police_service.pb.h"
#include "gmock/gmock.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "services/common/agency.h"
#include "services/common/checks.h"
#include "services/emergency/waiting_check.h"
#include "tests/support/city/calendar.h"
#include "tests/support/city/identifiers.h"
#include "tests/support/city/plan_line.h"
#include "tests/support/city/words.h"

namespace baton {
namespace {

using absl::CivilDay;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using ::testing::Each;
using ::testing::Gt;
using ::testing::IsSupersetOf;

constexpr int kSeeds = 5;
constexpr int kYear = 365;
const CivilDay kFirstDay(2026, 1, 1);

City CityOf(uint64_t seed, double scale = 1, CivilDay from = kFirstDay) {
  CityOptions options;
  options.seed = seed;
  options.from = city::FromLondon(absl::CivilSecond(from));
  options.scale = scale;
  options.agencies = InventedCity();
  return City(std::move(options));
}

// Everything within `days` days.
void Live(City city, int days, const std::function<void(const Arrival&)>& see) {
  const absl::Time end = city::FromLondon(absl::CivilSecond(kFirstDay + days));
  for (Arrival next = city.Next(); next.time < end; next = city.Next()) {
    see(next);
  }
}

std::string Plan(City city, int calls) {
  std::string plan;
  for (int i = 0; i < calls; ++i) {
    absl::StrAppend(&plan, PlanLine(city.Next()), "\n");
  }
  return plan;
}

absl::CivilHour LondonHour(const Arrival& arrival) {
  return absl::CivilHour(city::ToLondon(arrival.time));
}

bool IsFromSchool(const Arrival& arrival) {
  return arrival.agency.agency_class() == v1::AGENCY_CLASS_SCHOOL;
}

template <typename Request>
const Request* As(const Arrival& arrival) {
  return dynamic_cast<const Request*>(arrival.request.get());
}

// `see` gets every message of type T in `message`.
template <typename T>
void ForEach(const Message& message, const std::function<void(const T&)>& see) {
  if (const T* found = dynamic_cast<const T*>(&message)) see(*found);
  std::vector<const FieldDescriptor*> fields;
  const auto* const reflection = message.GetReflection();
  reflection->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) {
      ForEach<T>(reflection->GetMessage(message, field), see);
      continue;
    }
    for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
      ForEach<T>(reflection->GetRepeatedMessage(message, field, i), see);
    }
  }
}

// --- The plan as a whole.

TEST(CityTest, SameSeedSamePlan) {
  const std::string plan = Plan(CityOf(7), 400);
  EXPECT_EQ(plan, Plan(CityOf(7), 400));
  EXPECT_NE(plan, Plan(CityOf(8), 400));
}

TEST(CityTest, CallsComeInTimeOrderAndNoneBeforeItsCase) {
  absl::Time last;
  std::map<std::string, absl::Time> opened;
  Live(CityOf(1), 40, [&](const Arrival& arrival) {
    ASSERT_GE(arrival.time, last);
    last = arrival.time;
    ASSERT_EQ(arrival.opens_case, !opened.contains(arrival.reference));
    opened.try_emplace(arrival.reference, arrival.time);
    if (arrival.response.has_value()) {
      EXPECT_EQ(arrival.response->after,
                arrival.time - opened[arrival.reference]);
    }
  });
}

TEST(CityTest, YearTotalsAreAsStated) {
  const CityVolumes stated;
  std::map<v1::MessageKind, double> mean;
  for (int seed = 1; seed <= kSeeds; ++seed) {
    Live(CityOf(seed), kYear, [&](const Arrival& arrival) {
      if (arrival.opens_case) mean[arrival.kind] += 1.0 / kSeeds;
    });
  }
  const auto expect_near = [](double actual, double figure) {
    EXPECT_NEAR(actual, figure, 0.05 * figure);
  };
  expect_near(
      mean[v1::MESSAGE_KIND_CONTACT] + mean[v1::MESSAGE_KIND_PHONE_CONTACT],
      stated.contacts);
  expect_near(mean[v1::MESSAGE_KIND_MISSING_REPORT], stated.missing_episodes);
  expect_near(mean[v1::MESSAGE_KIND_WAITING_FLAG], stated.emergency_waits);
  expect_near(mean[v1::MESSAGE_KIND_POLICE_NOTICE], stated.police_notices);
  // So few that five years say no more than this.
  EXPECT_NEAR(mean[v1::MESSAGE_KIND_HOMELESS_PRESENTATION],
              stated.homeless_presentations,
              0.15 * stated.homeless_presentations);
}

TEST(CityTest, ScaleMakesACityBusier) {
  int calm = 0;
  int busy = 0;
  Live(CityOf(1, 0.5), 30, [&](const Arrival& a) { calm += a.opens_case; });
  Live(CityOf(1, 2), 30, [&](const Arrival& a) { busy += a.opens_case; });
  EXPECT_NEAR(busy, 4 * calm, calm);
}

TEST(CityTest, TenYearsWithoutGrowth) {
  City city = CityOf(3, 0.15);
  std::array<size_t, 10> most = {};
  for (size_t year = 0; year < most.size(); ++year) {
    const absl::Time end = city::FromLondon(
        absl::CivilSecond(CivilDay(absl::CivilYear(kFirstDay) + year + 1)));
    while (city.Next().time < end) {
      most[year] = std::max(most[year], city.live_stories());
    }
  }
  EXPECT_THAT(most, Each(Gt(5u)));
  EXPECT_LT(*std::max_element(most.begin(), most.end()), most[0] * 3 / 2);
}

TEST(CityTest, RecentFamiliesAreBounded) {
  city::RecentFamilies recent;
  const CivilDay day(2026, 6, 1);
  const city::FamilyKey first{.number = 1, .birth_date = day - 5000};
  recent.Remember(first, day);
  for (size_t i = 0; i < city::RecentFamilies::kCapacity; ++i) {
    recent.Remember({.number = 2, .birth_date = day - 5000}, day);
  }
  city::Dice dice(1, 1, 1);
  for (int i = 0; i < 20'000; ++i) {
    const auto met = recent.Meet(day, {13, 13}, &dice);
    ASSERT_TRUE(met.has_value());
    ASSERT_EQ(met->number, 2u) << "the oldest was kept";
  }
  EXPECT_FALSE(recent.Meet(day, {14, 17}, &dice).has_value());
  EXPECT_FALSE(recent.Meet(day + 366, {0, 17}, &dice).has_value());
}

// --- When.

TEST(CityTest, SchoolsWriteWhenTheyAreOpenMostOfAllOnMonday) {
  std::map<int, int> by_hour;
  std::map<absl::Weekday, int> by_weekday;
  std::map<int, int> by_month;
  Live(CityOf(1), kYear, [&](const Arrival& arrival) {
    if (!arrival.opens_case || !IsFromSchool(arrival)) return;
    const absl::CivilHour hour = LondonHour(arrival);
    ++by_hour[hour.hour()];
    ++by_weekday[absl::GetWeekday(CivilDay(hour))];
    ++by_month[hour.month()];
  });
  for (const int night : {22, 23, 0, 1, 2, 3, 4, 5})
    EXPECT_EQ(by_hour[night], 0);
  EXPECT_GT(by_hour[9], 2 * by_hour[17]);
  EXPECT_GT(by_weekday[absl::Weekday::monday],
            1.15 * by_weekday[absl::Weekday::friday]);
  EXPECT_LT(by_weekday[absl::Weekday::sunday],
            0.1 * by_weekday[absl::Weekday::monday]);
  EXPECT_LT(by_month[8], 0.25 * by_month[11]);
}

TEST(CityTest, ChildrenGoMissingAtNight) {
  std::map<int, int> by_hour;
  Live(CityOf(1), kYear, [&](const Arrival& arrival) {
    if (arrival.opens_case && arrival.kind == v1::MESSAGE_KIND_MISSING_REPORT) {
      ++by_hour[LondonHour(arrival).hour()];
    }
  });
  EXPECT_GT(by_hour[22] + by_hour[23], 4 * (by_hour[8] + by_hour[9]));
}

TEST(RatesTest, TheFirstDayAfterAHolidayIsBusiest) {
  city::Rates rates(CityVolumes(), 1);
  const auto at_nine = [&rates](CivilDay day) {
    return rates.PerHour(city::Stream::kSchoolContact,
                         city::FromLondon(absl::CivilSecond(day) + 9 * 3600));
  };
  EXPECT_GT(at_nine(CivilDay(2026, 4, 13)),
            1.4 * at_nine(CivilDay(2026, 4, 20)))
      << "Monday after Easter, and the next";
  EXPECT_LT(at_nine(CivilDay(2026, 5, 4)), 0.1 * at_nine(CivilDay(2026, 4, 27)))
      << "a bank holiday, and the Monday before";
}

// --- Who.

TEST(CityTest, NumbersAreOfTheTestRangeAndMostlyRight) {
  int right = 0;
  int wrong = 0;
  int pupils_right = 0;
  int pupils_wrong = 0;
  Live(CityOf(2), 120, [&](const Arrival& arrival) {
    ForEach<v1::NhsNumber>(*arrival.request, [&](const v1::NhsNumber& number) {
      if (number.value().empty()) return;
      ASSERT_TRUE(absl::StartsWith(number.value(), "999")) << arrival.reference;
      ++(CheckNhsNumber(number.value()) == v1::IDENTIFIER_CHECK_PASSED ? right
                                                                       : wrong);
    });
    ForEach<v1::UniquePupilNumber>(
        *arrival.request, [&](const v1::UniquePupilNumber& number) {
          ++(CheckUniquePupilNumber(number.value()) ==
                     v1::IDENTIFIER_CHECK_PASSED
                 ? pupils_right
                 : pupils_wrong);
        });
  });
  EXPECT_GT(wrong, 0);
  EXPECT_GT(right, 20 * wrong);
  EXPECT_GT(pupils_wrong, 0);
  EXPECT_GT(pupils_right, 20 * pupils_wrong);
}

TEST(IdentifiersTest, EveryChildHasNumbersOfItsOwn) {
  std::set<std::string> seen;
  for (uint64_t family = 0; family < 12'000; ++family) {
    for (int child = 0; child < city::kMaxChildren; ++child) {
      const std::string nhs = city::NhsNumberOf(family, child);
      ASSERT_EQ(CheckNhsNumber(nhs), v1::IDENTIFIER_CHECK_PASSED) << nhs;
      ASSERT_TRUE(seen.insert(nhs).second) << nhs;
      const std::string pupil = city::PupilNumberOf(
          "892", family, child, CivilDay(2015, 3, 1), family % 10 == 0);
      ASSERT_EQ(CheckUniquePupilNumber(pupil), v1::IDENTIFIER_CHECK_PASSED)
          << pupil;
      ASSERT_TRUE(seen.insert(pupil).second) << pupil;
    }
  }
}

TEST(IdentifiersTest, TyposAreNoticedByTheCheck) {
  city::Dice dice(1, 2, 3);
  for (int i = 0; i < 3'000; ++i) {
    const std::string nhs =
        city::MistypedNhsNumber(city::NhsNumberOf(i, 0), &dice);
    EXPECT_EQ(CheckNhsNumber(nhs), v1::IDENTIFIER_CHECK_FAILED) << nhs;
    EXPECT_TRUE(absl::StartsWith(nhs, "999"));
    const std::string pupil = city::MistypedPupilNumber(
        city::PupilNumberOf("892", i, 0, CivilDay(2012, 9, 1), false), &dice);
    EXPECT_EQ(CheckUniquePupilNumber(pupil), v1::IDENTIFIER_CHECK_FAILED)
        << pupil;
    EXPECT_NE(city::MistypedDate(CivilDay(2012, 9, 1 + i % 30), &dice),
              absl::FormatCivilTime(CivilDay(2012, 9, 1 + i % 30)))
        << i;
  }
  for (const char* code : {"E06000018", "E10000024", "123401", "900011"}) {
    EXPECT_NE(city::MistypedCode(code), code);
    EXPECT_TRUE(IsAgencyCode(city::MistypedCode(code)));
  }
}

TEST(CityTest, TheSameChildComesAgainWithinAYear) {
  int again = 0;
  int all = 0;
  std::set<std::string> seen;
  Live(CityOf(1), kYear, [&](const Arrival& arrival) {
    const auto* const report = As<v1::ReportMissingRequest>(arrival);
    if (report == nullptr) return;
    const v1::Child& child = report->children(0).child();
    ++all;
    again += !seen.insert(absl::StrCat(child.names(0).ShortDebugString(),
                                       child.birth_date().value()))
                  .second;
  });
  EXPECT_GT(again, 0.35 * all);
  EXPECT_LT(again, 0.75 * all);
}

// What is listed here happens within a year.
TEST(CityTest, HasWhatGoesWrongInACity) {
  std::map<std::string, int> met;
  std::set<size_t> siblings;
  const CityAgencies agencies = InventedCity();
  const auto see_address = [&](const v1::Address& address) {
    if (address.desk() == agencies.out_of_hours.desk()) ++met["out of hours"];
    const bool known = std::any_of(
        agencies.councils.begin(), agencies.councils.end(),
        [&](const v1::Agency& a) { return SameAgency(a, address.agency()); });
    if (!known) ++met["unknown recipient"];
  };
  Live(CityOf(4), kYear, [&](const Arrival& arrival) {
    ++met[v1::MessageKind_Name(arrival.kind)];
    if (arrival.silence == Silence::kSender) ++met["silent sender"];
    if (arrival.silence == Silence::kRecipient) ++met["silent recipient"];
    if (const auto* const form = As<v1::RaiseContactRequest>(arrival)) {
      siblings.insert(form->children_size());
      if (form->has_recipient()) see_address(form->recipient());
      if (!form->has_recipient() && arrival.opens_case) {
        ++met["default"];
        EXPECT_NE(arrival.agency.agency_class(), v1::AGENCY_CLASS_COUNCIL);
      }
      met["anonymous"] += form->incident().referrer().anonymous();
      for (const v1::Contact& child : form->children()) {
        met["immediate danger"] += child.immediate_danger().value();
        met["unborn"] += child.child().has_expected_birth_date();
        met["restricted"] += child.restricted();
        met["staff allegation"] += child.staff_allegation();
        CivilDay day;
        met["mistyped date"] +=
            child.child().has_birth_date() &&
            !absl::ParseCivilTime(child.child().birth_date().value(), &day);
      }
      met["written form"] += arrival.response.has_value();
    }
    if (const auto* const flag = As<v1::FlagWaitingRequest>(arrival)) {
      if (flag->has_recipient()) see_address(flag->recipient());
    }
    if (const auto* const end = As<v1::EndWaitingRequest>(arrival)) {
      met["left unexpectedly"] +=
          end->end().end_reason() == v1::WAITING_END_REASON_LEFT_UNEXPECTEDLY;
    }
    if (const auto* const found = As<v1::ReportFoundRequest>(arrival)) {
      met["return time unknown"] += !found->found().return_time().has_value();
    }
  });
  for (const char* what : {"out of hours",
                           "unknown recipient",
                           "silent sender",
                           "silent recipient",
                           "default",
                           "anonymous",
                           "immediate danger",
                           "unborn",
                           "restricted",
                           "staff allegation",
                           "mistyped date",
                           "written form",
                           "left unexpectedly",
                           "return time unknown",
                           "MESSAGE_KIND_TRANSFER_OFFER",
                           "MESSAGE_KIND_TRANSFER_ACCEPTED",
                           "MESSAGE_KIND_TRANSFER_DECLINED",
                           "MESSAGE_KIND_CORRECTION",
                           "MESSAGE_KIND_WITHDRAWAL",
                           "MESSAGE_KIND_RECALL",
                           "MESSAGE_KIND_INFORMATION_REQUEST",
                           "MESSAGE_KIND_INFORMATION_RESPONSE",
                           "MESSAGE_KIND_CHALLENGE",
                           "MESSAGE_KIND_RETURN_INTERVIEW",
                           "MESSAGE_KIND_RELEASE"}) {
    EXPECT_GT(met[what], 0) << what;
  }
  EXPECT_EQ(siblings, (std::set<size_t>{1, 2, 3, 4, 5}));
}

// --- Episodes.

bool Ends(const Arrival& arrival) {
  if (const auto* const end = As<v1::EndWaitingRequest>(arrival)) {
    return end->end().end_reason() != v1::WAITING_END_REASON_LEFT_UNEXPECTEDLY;
  }
  return arrival.kind == v1::MESSAGE_KIND_FOUND_REPORT;
}

// Nobody is looked for, or waits, without end by an oversight; and what is
// told about a case is told before its end.
TEST(CityTest, EveryEpisodeEndsOrIsSilentOnPurpose) {
  struct Episode {
    absl::Time opened;
    Silence silence;
    bool ended = false;
    bool taken = false;
  };
  std::map<std::string, Episode> episodes;
  absl::Time last;
  Live(CityOf(5), kYear, [&](const Arrival& arrival) {
    last = arrival.time;
    const bool episode = arrival.kind == v1::MESSAGE_KIND_MISSING_REPORT ||
                         arrival.kind == v1::MESSAGE_KIND_WAITING_FLAG;
    if (arrival.opens_case && episode) {
      episodes[arrival.reference] = {arrival.time, arrival.silence};
    }
    const auto it = episodes.find(arrival.reference);
    if (it == episodes.end()) return;
    it->second.ended |= Ends(arrival);
    it->second.taken |= arrival.kind == v1::MESSAGE_KIND_TAKEN;
    if (arrival.kind == v1::MESSAGE_KIND_WAITING_UPDATE ||
        arrival.kind == v1::MESSAGE_KIND_WAITING_MOVED ||
        arrival.kind == v1::MESSAGE_KIND_MISSING_UPDATE) {
      EXPECT_FALSE(it->second.ended) << arrival.reference;
    }
  });
  int silent = 0;
  for (const auto& [reference, episode] : episodes) {
    if (last - episode.opened < absl::Hours(24 * 20)) continue;
    EXPECT_EQ(episode.ended, episode.silence != Silence::kSender) << reference;
    EXPECT_EQ(episode.taken, episode.silence != Silence::kRecipient)
        << reference;
    silent += episode.silence != Silence::kNone;
  }
  EXPECT_GT(silent, 0);
}

// --- Requests.

TEST(CityTest, EveryRequestSurvivesTheWireAndJson) {
  Live(CityOf(1), 20, [](const Arrival& arrival) {
    const std::unique_ptr<Message> parsed(arrival.request->New());
    ASSERT_TRUE(parsed->ParseFromString(arrival.request->SerializeAsString()));
    ASSERT_TRUE(google::protobuf::util::MessageDifferencer::Equals(
        *parsed, *arrival.request));
    const std::string line = PlanLine(arrival);
    google::protobuf::Value whole;
    ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(line, &whole).ok())
        << line;
    ASSERT_TRUE(whole.has_struct_value()) << line;
    ASSERT_THAT(line, ::testing::HasSubstr("\"rpc\": \"" + arrival.rpc + "\""));
    const std::string json = line.substr(line.find("\"request\": ") + 11);
    const auto status = google::protobuf::util::JsonStringToMessage(
        json.substr(0, json.size() - 1), parsed.get());
    ASSERT_TRUE(status.ok()) << status << "\n" << line;
    ASSERT_TRUE(google::protobuf::util::MessageDifferencer::Equals(
        *parsed, *arrival.request));
  });
}

// What stands outside the payload: text fields of the request itself, and its
// addresses and actors.
void Outside(const Message& message, std::vector<std::string>* texts) {
  std::vector<const FieldDescriptor*> fields;
  const auto* const reflection = message.GetReflection();
  reflection->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING &&
        !field->is_repeated()) {
      texts->push_back(reflection->GetString(message, field));
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
               !field->is_repeated() &&
               (field->message_type() == v1::Address::descriptor() ||
                field->message_type() == v1::Agency::descriptor() ||
                field->message_type() == v1::Actor::descriptor())) {
      Outside(reflection->GetMessage(message, field), texts);
    }
  }
}

bool NamesAChild(absl::string_view text) {
  const auto in = [&text](const auto& names) {
    return std::any_of(names.begin(), names.end(), [&text](const char* name) {
      return absl::StrContains(text, name);
    });
  };
  return in(city::kGirls) || in(city::kBoys) || in(city::kFamilies);
}

TEST(CityTest, NothingPersonalOutsideThePayload) {
  Live(CityOf(6), 60, [](const Arrival& arrival) {
    std::vector<std::string> texts = {arrival.reference};
    Outside(*arrival.request, &texts);
    for (const std::string& text : texts) {
      EXPECT_FALSE(NamesAChild(text)) << text;
      EXPECT_FALSE(LooksLikeNhsNumber(text) && !IsUuid(text)) << text;
    }
  });
}

TEST(CityTest, RequestIdsAreUniqueAndReferencesFit) {
  std::set<std::string> ids;
  Live(CityOf(1), 30, [&](const Arrival& arrival) {
    EXPECT_LE(arrival.reference.size(), 64u);
    EXPECT_LE(arrival.request->ByteSizeLong(), 128u << 10);
    const FieldDescriptor* const field =
        arrival.request->GetDescriptor()->FindFieldByName("request_id");
    if (field == nullptr) return;  // Reading changes nothing.
    const std::string id =
        arrival.request->GetReflection()->GetString(*arrival.request, field);
    EXPECT_TRUE(IsUuid(id)) << id;
    EXPECT_TRUE(ids.insert(id).second) << id;
  });
}

// By the checks of the services: what every form is asked, and what waits are
// asked besides.
TEST(CityTest, NoRequestIsRefused) {
  std::map<v1::MarkCode, int> marked;
  Live(CityOf(1), kYear / 2, [&](const Arrival& arrival) {
    FormCheck check(arrival.time, v1::ENVIRONMENT_TRAINING);
    const std::unique_ptr<google::protobuf::Message> request(
        arrival.request->New());
    request->CopyFrom(*arrival.request);
    if (auto* const flag =
            dynamic_cast<v1::FlagWaitingRequest*>(request.get())) {
      CheckFlag(flag, &check);
    } else if (auto* const update =
                   dynamic_cast<v1::UpdateWaitingRequest*>(request.get())) {
      CheckUpdate(update, &check);
    } else if (auto* const move =
                   dynamic_cast<v1::MoveWaitingRequest*>(request.get())) {
      CheckMove(move, &check);
    } else if (auto* const end =
                   dynamic_cast<v1::EndWaitingRequest*>(request.get())) {
      CheckEnd(end, &check);
    } else {
      check.Form(request.get(), "request");
    }
    EXPECT_TRUE(check.status().ok()) << check.status() << PlanLine(arrival);
    for (const v1::Mark& mark : check.marks()) ++marked[mark.code()];
  });
  EXPECT_GT(marked[v1::MARK_CODE_FAILED_CHECK], 0);
  EXPECT_EQ(marked[v1::MARK_CODE_BLANK_ANSWER], 0);
}

// --- The parts.

TEST(DiceTest, FallTheSameOnEveryMachine) {
  city::Dice dice(1, 2, 3);
  EXPECT_EQ(dice.Below(1'000'000), 600'968u);
  EXPECT_EQ(dice.Poisson(40), 41);
  EXPECT_EQ(dice.Around(absl::Hours(100)), absl::Seconds(761'172));
  EXPECT_EQ(dice.Uuid(), "d2e0913a-33e7-49c3-b8af-914b45bc6ddf");
}

TEST(DiceTest, PoissonHasItsMeanAndVariance) {
  city::Dice dice(1, 2, 3);
  for (const double mean : {0.1, 3.0, 50.0}) {
    constexpr int kThrows = 20'000;
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < kThrows; ++i) {
      const double count = dice.Poisson(mean);
      sum += count;
      squares += count * count;
    }
    const double average = sum / kThrows;
    EXPECT_NEAR(average, mean, 0.05 * mean);
    EXPECT_NEAR(squares / kThrows - average * average, mean, 0.08 * mean);
  }
}

TEST(CalendarTest, KnowsBankHolidays) {
  const auto in_year = [](int year) {
    std::vector<std::string> days;
    for (CivilDay day(year, 1, 1); day.year() == year; ++day) {
      if (city::IsBankHoliday(day)) days.push_back(absl::FormatCivilTime(day));
    }
    return days;
  };
  // As gov.uk lists them.
  EXPECT_THAT(
      in_year(2026),
      IsSupersetOf({"2026-01-01", "2026-04-03", "2026-04-06", "2026-05-04",
                    "2026-05-25", "2026-08-31", "2026-12-25", "2026-12-28"}));
  EXPECT_THAT(
      in_year(2027),
      IsSupersetOf({"2027-01-01", "2027-03-26", "2027-03-29", "2027-05-03",
                    "2027-05-31", "2027-08-30", "2027-12-27", "2027-12-28"}));
  EXPECT_TRUE(city::IsBankHoliday(CivilDay(2022, 1, 3)));
  EXPECT_TRUE(city::IsBankHoliday(CivilDay(2022, 12, 27)));
  EXPECT_FALSE(city::IsBankHoliday(CivilDay(2022, 12, 28)));
}

TEST(CalendarTest, LondonTimeIsThatOfTheTimeZone) {
  absl::TimeZone london;
  ASSERT_TRUE(absl::LoadTimeZone("Europe/London", &london))
      << "package tzdata is missing; deploy/install-deps installs it";
  for (absl::Time time = absl::FromCivil(CivilDay(2025, 12, 30), london);
       time < absl::FromCivil(CivilDay(2028, 1, 3), london);
       time += absl::Minutes(30)) {
    ASSERT_EQ(city::ToLondon(time), absl::ToCivilSecond(time, london));
    // One of the two when the clocks go back.
    const absl::Time back = city::FromLondon(city::ToLondon(time));
    ASSERT_EQ(city::ToLondon(back), city::ToLondon(time));
  }
}

TEST(CalendarTest, OfficesOpenOnTheNextWorkingDay) {
  const auto next = [](absl::CivilSecond london) {
    return city::ToLondon(city::NextOfficeTime(city::FromLondon(london)));
  };
  using absl::CivilSecond;
  EXPECT_EQ(next(CivilSecond(2026, 12, 24, 23, 0)),
            CivilSecond(2026, 12, 29, 8, 30));
  EXPECT_EQ(next(CivilSecond(2026, 6, 1, 7, 0)),
            CivilSecond(2026, 6, 1, 8, 30));
  EXPECT_EQ(next(CivilSecond(2026, 6, 1, 12, 0)),
            CivilSecond(2026, 6, 1, 12, 0));
  EXPECT_EQ(next(CivilSecond(2026, 6, 5, 17, 0)),
            CivilSecond(2026, 6, 8, 8, 30));
}

}  // namespace
}  // namespace baton
