#ifndef BATON_SERVICES_BROKER_CHILD_PART_H_
#define BATON_SERVICES_BROKER_CHILD_PART_H_

#include <string>
#include <vector>

#include "baton/v1/child.pb.h"
#include "baton/v1/message.pb.h"

namespace baton {

// What a message that opens a matter says about its child, as far as the
// broker's rules ask: the same few facts, whatever the kind.
struct ChildPart {
  int part = 0;           // Its place in the payload.
  std::string matter_id;  // As the part names it.
  v1::Child child;
  // An adopted child, a protected identity or a refuge.
  bool restricted = false;
  // The message holds an allegation against somebody who works with children.
  bool staff_allegation = false;
  // The police's number of the incident or episode; may be empty.
  std::string reference;
};

// The children of `message`, in the order of its parts: one per part that is
// about a matter and holds a Contact, PhoneContact, PoliceNotice,
// MissingReport, WaitingFlag, HomelessPresentation or PlacementNotice. Pure.
std::vector<ChildPart> ReadChildParts(const v1::Message& message);

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_CHILD_PART_H_
