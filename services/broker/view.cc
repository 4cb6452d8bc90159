#include "services/broker/view.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "baton/v1/alert.pb.h"
#include "baton/v1/amendment.pb.h"
#include "baton/v1/child.pb.h"
#include "baton/v1/contact.pb.h"
#include "baton/v1/custody.pb.h"
#include "baton/v1/decision.pb.h"
#include "baton/v1/document.pb.h"
#include "baton/v1/enquiry.pb.h"
#include "baton/v1/homeless.pb.h"
#include "baton/v1/missing.pb.h"
#include "baton/v1/placement.pb.h"
#include "baton/v1/police.pb.h"
#include "baton/v1/waiting.pb.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "services/common/agency.h"

namespace baton {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// --- The table.

// A set of agency classes.
using Readers = uint32_t;
constexpr Readers Only(v1::AgencyClass agency_class) {
  return Readers{1} << agency_class;
}
constexpr Readers kEverybody = ~Readers{0};
constexpr Readers kPublic = Only(v1::AGENCY_CLASS_PUBLIC);
constexpr Readers kHousing = Only(v1::AGENCY_CLASS_HOUSING);
constexpr Readers kHealth = Only(v1::AGENCY_CLASS_EMERGENCY) |
                            Only(v1::AGENCY_CLASS_HEALTH) |
                            Only(v1::AGENCY_CLASS_INTEGRATED_CARE_BOARD);
// Councils and the police act on all of it.
constexpr Readers kActing =
    Only(v1::AGENCY_CLASS_COUNCIL) | Only(v1::AGENCY_CLASS_POLICE);
constexpr Readers kPartners =
    kHealth | kHousing | kPublic | Only(v1::AGENCY_CLASS_SCHOOL) |
    Only(v1::AGENCY_CLASS_PLACEMENT) | Only(v1::AGENCY_CLASS_ADULT);

enum class Shows { kWhole, kOnly, kAllBut };

struct ViewRow {
  const Descriptor* type;
  Readers readers;
  Shows shows;
  std::vector<absl::string_view> fields;  // Paths, for kOnly and kAllBut.
};

using Fields = std::vector<absl::string_view>;

// Who the child is, and `more`.
Fields MinimumAnd(Fields more) {
  more.insert(more.end(), {"child.names", "child.birth_date",
                           "child.expected_birth_date", "child.pupil_number"});
  return more;
}

// The first row that names the type and the reader's class counts.
std::vector<ViewRow> MakeTable() {
  constexpr Shows kWhole = Shows::kWhole;
  constexpr Shows kOnly = Shows::kOnly;
  constexpr Shows kAllBut = Shows::kAllBut;
  return {
      // What is said about a matter. Reasons stay with the holder; who speaks
      // for the public is told only that it was taken.
      {v1::Taken::descriptor(), kEverybody, kWhole, {}},
      {v1::Decision::descriptor(), kPublic, kOnly, {"decided_time"}},
      {v1::Decision::descriptor(),
       kEverybody,
       kAllBut,
       {"reason", "open_case_reference"}},
      {v1::Triage::descriptor(), kPublic, kOnly, {}},
      {v1::Triage::descriptor(), kEverybody, kAllBut, {"reason"}},
      {v1::Allocation::descriptor(), kPartners, kAllBut, {"reason"}},
      {v1::Milestone::descriptor(), kPartners, kAllBut, {"note"}},
      {v1::Unlink::descriptor(), kPartners, kAllBut, {"reason"}},
      {v1::Release::descriptor(), kPartners, kAllBut, {"reason"}},
      // Addressed to whoever reads it.
      {v1::TransferOffer::descriptor(), kPartners, kWhole, {}},
      {v1::TransferAccepted::descriptor(), kPartners, kWhole, {}},
      {v1::TransferDeclined::descriptor(), kPartners, kWhole, {}},
      {v1::InformationRequest::descriptor(), kPartners, kWhole, {}},
      {v1::InformationResponse::descriptor(), kPartners, kWhole, {}},
      {v1::Challenge::descriptor(), kPartners, kWhole, {}},
      {v1::ChallengeResponse::descriptor(), kPartners, kWhole, {}},
      {v1::Withdrawal::descriptor(), kPartners, kWhole, {}},
      {v1::Recall::descriptor(), kPartners, kWhole, {}},
      {v1::Alert::descriptor(), kPartners, kWhole, {}},
      // Who gets the message may have the document itself.
      {v1::DocumentNote::descriptor(), kPartners, kWhole, {}},
      // Contacts.
      {v1::ContactIncident::descriptor(), kPartners, kOnly, {"happened_time"}},
      {v1::Contact::descriptor(), kPartners, kOnly,
       MinimumAnd({"last_seen_time", "restricted"})},
      {v1::PhoneContact::descriptor(), kPartners, kOnly,
       MinimumAnd({"call_time", "caller_agency", "advice_given"})},
      // The police.
      {v1::PoliceIncident::descriptor(),
       kPartners,
       kOnly,
       {"incident_reference", "incident_time", "domestic_abuse"}},
      {v1::PoliceNotice::descriptor(), kPartners, kOnly,
       MinimumAnd({"grade", "restricted"})},
      // Missing children.
      {v1::MissingReport::descriptor(), kPartners, kOnly,
       MinimumAnd({"episode_reference", "last_seen_time", "risk.grade",
                   "risk.graded_time", "next_review_time", "restricted"})},
      {v1::MissingUpdate::descriptor(),
       kPartners,
       kOnly,
       {"regrade.grade", "regrade.graded_time", "known_time",
        "next_review_time"}},
      {v1::FoundReport::descriptor(),
       kPartners,
       kOnly,
       {"found_time", "return_time"}},
      {v1::PreventionInterview::descriptor(),
       kPartners,
       kOnly,
       {"state", "time"}},
      {v1::ReturnInterview::descriptor(), kPartners, kOnly, {"state", "time"}},
      // Waits.
      {v1::WaitingIncident::descriptor(), kPartners, kOnly, {}},
      {v1::WaitingFlag::descriptor(), kPartners, kOnly,
       MinimumAnd({"sender_reference", "arrived_time", "decided_to_admit_time",
                   "ready_to_proceed_time", "next_review_time"})},
      {v1::WaitingUpdate::descriptor(),
       kPartners,
       kOnly,
       {"seen_time", "ready_to_proceed_time", "next_review_time"}},
      {v1::WaitingMoved::descriptor(),
       kPartners,
       kOnly,
       {"moved_time", "next_review_time"}},
      {v1::WaitingEnd::descriptor(),
       kPartners,
       kOnly,
       {"end_reason", "end_time"}},
      // Homes. Housing shares the duty and has no business with health.
      {v1::HomelessPresentation::descriptor(),
       kHousing,
       kAllBut,
       {"child.nhs_number", "child.disability", "child.bodies.general_practice",
        "child.bodies.mental_health_provider", "child.bodies.originating_icb",
        "child.bodies.host_icb"}},
      {v1::HomelessPresentation::descriptor(), kPartners, kOnly,
       MinimumAnd({"presented_time"})},
      {v1::PlacementNotice::descriptor(), kHealth, kWhole, {}},
      {v1::PlacementNotice::descriptor(), kPartners, kOnly,
       MinimumAnd({"event", "event_time", "emergency"})},
  };
}

// Whoever reads: rule 12's list, and the exchange's own ids.
bool IsNeverRemoved(absl::string_view field) {
  return field == "immediate_danger" || field == "risk_to_workers" ||
         field == "medication" || field == "interpreter" ||
         field == "do_not_tell" || field == "matter_id";
}

// --- Looking things up.

// False for a path that a type does not have.
bool IsPath(const Descriptor* type, absl::string_view path) {
  for (const std::string& name :
       std::vector<std::string>(absl::StrSplit(path, '.'))) {
    const FieldDescriptor* const field =
        type == nullptr ? nullptr : type->FindFieldByName(name);
    if (field == nullptr) return false;
    type = field->message_type();
  }
  return true;
}

// A path that is not there would withhold less, or show less, than it says:
// such a table never serves.
const std::vector<ViewRow>& Table() {
  static const auto* const table = [] {
    auto* const made = new std::vector<ViewRow>(MakeTable());
    for (const ViewRow& row : *made) {
      for (const absl::string_view path : row.fields) {
        if (!IsPath(row.type, path)) std::abort();
      }
    }
    return made;
  }();
  return *table;
}

// `type` may be one that Baton does not know.
const ViewRow& RowFor(const Descriptor* type, v1::AgencyClass reader) {
  static const auto* const whole =
      new ViewRow{nullptr, kActing, Shows::kWhole, {}};
  static const auto* const nothing =
      new ViewRow{nullptr, kEverybody, Shows::kOnly, {}};
  for (const ViewRow& row : Table()) {
    if (row.type == type && (row.readers & Only(reader)) != 0) return row;
  }
  return (kActing & Only(reader)) != 0 ? *whole : *nothing;
}

bool IsKnown(const Descriptor& type) {
  return absl::StartsWith(type.full_name(), "baton.v1.Known");
}

// True when something in a message of this type is never removed.
bool HoldsNeverRemoved(const Descriptor& type, int depth = 4) {
  if (depth == 0 || IsKnown(type)) return false;
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor* const field = type.field(i);
    if (IsNeverRemoved(field->name())) return true;
    if (field->message_type() != nullptr &&
        HoldsNeverRemoved(*field->message_type(), depth - 1)) {
      return true;
    }
  }
  return false;
}

// True when `path` is `ancestor` or lies below it.
bool IsWithin(absl::string_view path, absl::string_view ancestor) {
  return absl::StartsWith(path, ancestor) &&
         (path.size() == ancestor.size() || path[ancestor.size()] == '.');
}

// --- Taking things out.

class Reduction {
 public:
  Reduction(const ViewRow& row, bool sees_addresses, const std::string& ask)
      : row_(row), sees_addresses_(sees_addresses), ask_(ask) {}

  // `prefix` is the path of `message`, with a dot behind it.
  void Reduce(absl::string_view prefix, Message* message) const {
    std::vector<const FieldDescriptor*> fields;
    message->GetReflection()->ListFields(*message, &fields);
    for (const FieldDescriptor* const field : fields) {
      if (IsNeverRemoved(field->name())) continue;
      const std::string path = absl::StrCat(prefix, field->name());
      if (!IsVisible(path) && !IsAbove(path)) {
        Withhold(path, *field, message);
      } else if (field->message_type() != nullptr &&
                 !IsKnown(*field->message_type())) {
        ReduceBelow(path, *field, message);
      }
    }
  }

 private:
  bool IsVisible(absl::string_view path) const {
    if (row_.shows == Shows::kWhole) return true;
    const bool listed =
        std::any_of(row_.fields.begin(), row_.fields.end(),
                    [path](absl::string_view f) { return IsWithin(path, f); });
    return listed == (row_.shows == Shows::kOnly);
  }

  // True when the row shows something below `path`.
  bool IsAbove(absl::string_view path) const {
    return row_.shows == Shows::kOnly &&
           std::any_of(
               row_.fields.begin(), row_.fields.end(),
               [path](absl::string_view f) { return IsWithin(f, path); });
  }

  void Withhold(const std::string& path, const FieldDescriptor& field,
                Message* message) const {
    const Reflection* const reflection = message->GetReflection();
    const Descriptor* const type = field.message_type();
    if (type != nullptr && HoldsNeverRemoved(*type)) {
      ReduceBelow(path, field, message);
    } else if (type != nullptr && IsKnown(*type) && !field.is_repeated()) {
      WithholdKnown(reflection->MutableMessage(message, &field));
    } else if (field.type() == FieldDescriptor::TYPE_STRING &&
               !field.is_repeated()) {
      reflection->SetString(message, &field,
                            absl::StrCat("withheld (", ask_, ")"));
    } else {
      reflection->ClearField(message, &field);
    }
  }

  void WithholdKnown(Message* known) const {
    const Descriptor& type = *known->GetDescriptor();
    const Reflection* const reflection = known->GetReflection();
    reflection->SetEnumValue(known, type.FindFieldByName("absence"),
                             v1::ABSENCE_WITHHELD);
    reflection->SetString(known, type.FindFieldByName("ask"), ask_);
  }

  void ReduceBelow(const std::string& path, const FieldDescriptor& field,
                   Message* message) const {
    const Reflection* const reflection = message->GetReflection();
    const std::string prefix = path + ".";
    if (field.is_repeated()) {
      for (int i = 0; i < reflection->FieldSize(*message, &field); ++i) {
        Reduce(prefix, reflection->MutableRepeatedMessage(message, &field, i));
      }
      return;
    }
    Message* const below = reflection->MutableMessage(message, &field);
    if (IsHiddenAddress(*below)) {
      reflection->ClearField(message, &field);
    } else {
      Reduce(prefix, below);
    }
  }

  bool IsHiddenAddress(const Message& message) const {
    return !sees_addresses_ &&
           message.GetDescriptor() == v1::PostalAddress::descriptor() &&
           static_cast<const v1::PostalAddress&>(message).protected_address();
  }

  const ViewRow& row_;
  const bool sees_addresses_;
  const std::string& ask_;
};

void ReduceContent(const std::string& type, v1::AgencyClass reader,
                   const std::string& ask, std::string* content) {
  const Descriptor* const descriptor =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
          type);
  const bool acting = (kActing & Only(reader)) != 0;
  const bool corrects = descriptor == v1::Correction::descriptor();
  const ViewRow& row = RowFor(descriptor, reader);
  if (acting && row.shows == Shows::kWhole && !corrects) return;
  std::unique_ptr<Message> message;
  if (descriptor != nullptr) {
    message.reset(google::protobuf::MessageFactory::generated_factory()
                      ->GetPrototype(descriptor)
                      ->New());
  }
  if (message == nullptr || !message->ParseFromString(*content)) {
    content->clear();
    return;
  }
  if (corrects) {
    auto* const correction = static_cast<v1::Correction*>(message.get());
    ReduceContent(correction->type(), reader, ask,
                  correction->mutable_content());
  } else {
    Reduction(row, acting, ask).Reduce("", message.get());
  }
  *content = message->SerializeAsString();
}

}  // namespace

void ApplyView(const Directory& directory, const v1::Agency& recipient,
               v1::Message* message) {
  if (SameAgency(recipient, message->sender())) return;
  const std::string ask = AskText(directory, message->sender());
  for (v1::PayloadPart& part : *message->mutable_payload()) {
    ReduceContent(part.type(), recipient.agency_class(), ask,
                  part.mutable_content());
  }
}

std::string AskText(const Directory& directory, const v1::Agency& agency) {
  const v1::AgencyConfig* const entry = directory.FindAgency(agency);
  const bool has_phone = entry != nullptr && !entry->phone().empty();
  return absl::StrCat("ask ", agency.code(), has_phone ? ", " : "",
                      has_phone ? entry->phone() : "");
}

}  // namespace baton
