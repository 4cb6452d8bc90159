#ifndef BATON_SERVICES_BROKER_PAYLOAD_H_
#define BATON_SERVICES_BROKER_PAYLOAD_H_

#include <optional>
#include <string>
#include <utility>

#include "baton/v1/message.pb.h"

namespace baton {

// The content of a part; nullopt when it is of another type or cannot be read.
template <typename Content>
std::optional<Content> ContentOf(const v1::PayloadPart& part) {
  static const std::string& type = Content::descriptor()->full_name();
  if (part.type() != type) return std::nullopt;
  std::optional<Content> content(std::in_place);
  if (!content->ParseFromString(part.content())) content.reset();
  return content;
}

// The first part of `message` that is a Content; nullopt when there is none.
template <typename Content>
std::optional<Content> FirstOf(const v1::Message& message) {
  for (const v1::PayloadPart& part : message.payload()) {
    if (std::optional<Content> content = ContentOf<Content>(part)) {
      return content;
    }
  }
  return std::nullopt;
}

// The part about `matter_id` (empty: the common part), or nullptr.
inline const v1::PayloadPart* FindPart(const v1::Message& message,
                                       const std::string& matter_id) {
  for (const v1::PayloadPart& part : message.payload()) {
    if (part.matter_id() == matter_id) return &part;
  }
  return nullptr;
}

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_PAYLOAD_H_
