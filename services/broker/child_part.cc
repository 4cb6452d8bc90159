#include "services/broker/child_part.h"

#include <optional>
#include <utility>

#include "baton/v1/contact.pb.h"
#include "baton/v1/homeless.pb.h"
#include "baton/v1/missing.pb.h"
#include "baton/v1/placement.pb.h"
#include "baton/v1/police.pb.h"
#include "baton/v1/waiting.pb.h"
#include "services/broker/payload.h"

namespace baton {
namespace {

// The flags that only some kinds have.
void ReadFlags(const v1::Contact& contact, ChildPart* child) {
  child->restricted = contact.restricted();
  child->staff_allegation = contact.staff_allegation();
}
void ReadFlags(const v1::MissingReport& report, ChildPart* child) {
  child->restricted = report.restricted();
  child->reference = report.episode_reference();
}
void ReadFlags(const v1::PoliceNotice& notice, ChildPart* child) {
  child->restricted = notice.restricted();
}
template <typename Content>
void ReadFlags(const Content&, ChildPart*) {}

// True when the part is a Content; its child is in `child` then.
template <typename Content>
bool Read(const v1::PayloadPart& part, ChildPart* child) {
  std::optional<Content> content = ContentOf<Content>(part);
  if (!content.has_value()) return false;
  ReadFlags(*content, child);
  child->child = std::move(*content->mutable_child());
  return true;
}

bool ReadAny(const v1::PayloadPart& part, ChildPart* child) {
  return Read<v1::WaitingFlag>(part, child) || Read<v1::Contact>(part, child) ||
         Read<v1::MissingReport>(part, child) ||
         Read<v1::PoliceNotice>(part, child) ||
         Read<v1::PhoneContact>(part, child) ||
         Read<v1::HomelessPresentation>(part, child) ||
         Read<v1::PlacementNotice>(part, child);
}

// What the common part says of the incident.
std::string CommonReference(const v1::Message& message) {
  const v1::PayloadPart* const common = FindPart(message, "");
  if (common == nullptr) return "";
  if (const auto incident = ContentOf<v1::PoliceIncident>(*common)) {
    return incident->incident_reference();
  }
  const auto incident = ContentOf<v1::WaitingIncident>(*common);
  return incident ? incident->police_reference() : "";
}

}  // namespace

std::vector<ChildPart> ReadChildParts(const v1::Message& message) {
  std::vector<ChildPart> children;
  bool allegation = false;
  for (int i = 0; i < message.payload_size(); ++i) {
    const v1::PayloadPart& part = message.payload(i);
    if (part.matter_id().empty()) continue;
    ChildPart child;
    if (!ReadAny(part, &child)) continue;
    child.part = i;
    child.matter_id = part.matter_id();
    allegation |= child.staff_allegation;
    children.push_back(std::move(child));
  }
  if (children.empty()) return children;
  const std::string reference = CommonReference(message);
  for (ChildPart& child : children) {
    // What the children share is about the accused as well.
    child.staff_allegation = allegation;
    if (child.reference.empty()) child.reference = reference;
  }
  return children;
}

}  // namespace baton
