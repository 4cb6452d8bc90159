#ifndef BATON_TESTS_SUPPORT_CITY_KNOWN_H_
#define BATON_TESTS_SUPPORT_CITY_KNOWN_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "baton/v1/known.pb.h"
#include "services/common/proto_time.h"

// Short ways to write an answer, or why there is none.
namespace baton::city {

inline v1::KnownText Text(absl::string_view value) {
  v1::KnownText text;
  text.set_value(std::string(value));
  return text;
}

inline v1::KnownDate Date(absl::string_view value) {
  v1::KnownDate date;
  date.set_value(std::string(value));
  return date;
}

inline v1::KnownFlag Flag(bool value) {
  v1::KnownFlag flag;
  flag.set_value(value);
  return flag;
}

inline v1::KnownTime At(absl::Time time) {
  v1::KnownTime known;
  *known.mutable_value() = ToProto(time);
  return known;
}

inline v1::KnownAgency Code(absl::string_view code) {
  v1::KnownAgency agency;
  agency.set_code(std::string(code));
  return agency;
}

// For example No<v1::KnownText>(v1::ABSENCE_NOT_ASKED).
template <typename Known>
Known No(v1::Absence why) {
  Known known;
  known.set_absence(why);
  return known;
}

}  // namespace baton::city

#endif  // BATON_TESTS_SUPPORT_CITY_KNOWN_H_
