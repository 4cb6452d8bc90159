#ifndef BATON_SERVICES_BROKER_PART_FORM_H_
#define BATON_SERVICES_BROKER_PART_FORM_H_

#include <string>

namespace baton {

// Whether bytes are what their type says: only types of this version can be
// judged; others are the sender's and the recipient's affair.
enum class PartForm { kUnknownType, kWellFormed, kBroken };

// `type` is a full protobuf name. Bad UTF-8 in a string field is kBroken.
PartForm FormOf(const std::string& type, const std::string& content);

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_PART_FORM_H_
