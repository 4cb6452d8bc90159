#ifndef BATON_SERVICES_BROKER_PART_FORM_H_
#define BATON_SERVICES_BROKER_PART_FORM_H_

#include <memory>
#include <string>

#include "google/protobuf/message.h"

namespace baton {

// Whether bytes are what their type says: only types of this version can be
// judged; others are the sender's and the recipient's affair.
enum class PartForm { kUnknownType, kWellFormed, kBroken };

struct PartContent {
  PartForm form;
  std::unique_ptr<google::protobuf::Message> message;  // When kWellFormed.
};

// `type` is a full protobuf name. Bad UTF-8 in a string field is kBroken.
PartContent ParsePart(const std::string& type, const std::string& content);

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_PART_FORM_H_
