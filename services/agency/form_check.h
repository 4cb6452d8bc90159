#ifndef BATON_SERVICES_AGENCY_FORM_CHECK_H_
#define BATON_SERVICES_AGENCY_FORM_CHECK_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "baton/v1/agency.pb.h"
#include "baton/v1/known.pb.h"
#include "baton/v1/message.pb.h"
#include "google/protobuf/message.h"
#include "services/common/faults.h"

// Checks of what an agency's own systems send. Refused is only what cannot be
// parsed or bounded; what is odd is marked, because a typo must not lose a
// child. Pure; `now` judges event times.
namespace baton {

// Collects what is wrong (faults) and what is odd (marks), each with the path
// of its field.
class FormCheck {
 public:
  static constexpr size_t kMaxReferenceBytes = 64;
  static constexpr size_t kMaxKnownTextBytes = 16 << 10;
  static constexpr size_t kMaxTextBytes = 64 << 10;
  static constexpr int kMaxRepeated = 64;
  static constexpr int kMaxCopies = 8;
  // Events lie between this long ago and a little ahead, or are marked.
  static constexpr absl::Duration kOldEvent = absl::Hours(24 * 30);
  static constexpr absl::Duration kClockSkew = absl::Minutes(10);

  // `environment`: which NHS numbers may be carried; unspecified: any.
  explicit FormCheck(absl::Time now, v1::Environment environment = {})
      : now_(now), environment_(environment) {}

  // 1 to 64 printable ASCII characters that do not look like an NHS number.
  void RequestId(const std::string& request_id);
  // 1 to 64 bytes: the agency's own reference.
  void Reference(const std::string& reference, absl::string_view field);
  // Who says so: a name at least, and nothing too long.
  void Actor(const v1::Actor& actor, absl::string_view field = "actor");
  // A person others can reach: role, team and phone as well.
  void ReachableActor(const v1::Actor& actor, absl::string_view field);
  void Address(const v1::Address& address, const std::string& field);
  template <typename Addresses>
  void Copies(const Addresses& copies) {
    if (copies.size() > kMaxCopies) Fault("copies", "at most 8");
    for (int i = 0; i < copies.size(); ++i) {
      Address(copies[i], "copies[" + std::to_string(i) + "]");
    }
  }
  void Size(const google::protobuf::Message& form, size_t most,
            absl::string_view field);
  void Text(const std::string& text, bool required, size_t most,
            absl::string_view field);
  void EventTime(absl::Time event, absl::string_view field);

  // Walks a form of any type: NHS numbers of the other environment are refused;
  // identifiers are checked and say so, blanks and
  // odd times are marked, texts and lists are bounded; "withheld" is a view's
  // word and refused from a sender. Reviews and expected births may lie ahead.
  void Form(google::protobuf::Message* form, const std::string& path);

  void Fault(absl::string_view field, absl::string_view description) {
    faults_.Add(field, description);
  }
  void Mark(v1::MarkCode code, absl::string_view field);

  absl::Status status() const { return faults_.ToStatus(); }
  const std::vector<v1::Mark>& marks() const { return marks_; }

 private:
  const absl::Time now_;
  const v1::Environment environment_;
  Faults faults_;
  std::vector<v1::Mark> marks_;
};

// True when a Known... answer is neither a value nor a reason.
template <typename Known>
bool IsBlank(const Known& known) {
  return known.answer_case() == Known::ANSWER_NOT_SET ||
         (known.answer_case() == Known::kAbsence &&
          known.absence() == v1::ABSENCE_UNSPECIFIED);
}

}  // namespace baton

#endif  // BATON_SERVICES_AGENCY_FORM_CHECK_H_
