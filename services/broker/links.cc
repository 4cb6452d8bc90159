#include "services/broker/links.h"

#include <algorithm>
#include <utility>

#include "services/common/proto_time.h"

namespace baton {
namespace {

// Moves the last of a repeated field to the front and bounds its size.
template <typename Field>
void LastToFront(int most, Field* field) {
  for (int i = field->size() - 1; i > 0; --i) field->SwapElements(i, i - 1);
  while (field->size() > most) field->RemoveLast();
}

}  // namespace

absl::Time EndOf(const v1::MatterRecord& matter) {
  if (matter.has_end_time()) return FromProto(matter.end_time());
  return matter.matter().has_decided()
             ? FromProto(matter.matter().decided().time())
             : absl::InfiniteFuture();
}

bool IsLinkable(const v1::MatterRecord& other, absl::Time now) {
  const bool held_back =
      other.staff_allegation() ||
      (other.matter().restricted() && !other.matter().has_released());
  return !held_back && EndOf(other) + kLinkHorizon >= now;
}

const v1::Link* FindLink(const v1::Matter& matter,
                         const std::string& matter_id) {
  for (const v1::Link& link : matter.links()) {
    if (link.matter_id() == matter_id) return &link;
  }
  return nullptr;
}

void AddLink(v1::Link link, v1::Matter* matter) {
  *matter->add_links() = std::move(link);
  LastToFront(kMaxLinks, matter->mutable_links());
}

bool UndoLink(const v1::Receipt& undone, const std::string& matter_id,
              v1::Matter* matter) {
  for (v1::Link& link : *matter->mutable_links()) {
    if (link.matter_id() != matter_id || link.has_undone()) continue;
    *link.mutable_undone() = undone;
    return true;
  }
  return false;
}

void AddMatched(uint64_t conversation_number, int matter_number,
                v1::MatchRecord* record) {
  v1::MatchedMatter* const matched = record->add_matters();
  matched->set_conversation_number(conversation_number);
  matched->set_matter_number(matter_number);
  LastToFront(kMaxMatched, record->mutable_matters());
}

}  // namespace baton
