#include "services/broker/part_form.h"

#include <memory>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace baton {

PartForm FormOf(const std::string& type, const std::string& content) {
  const auto* const known =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
          type);
  if (known == nullptr) return PartForm::kUnknownType;
  const std::unique_ptr<google::protobuf::Message> parsed(
      google::protobuf::MessageFactory::generated_factory()
          ->GetPrototype(known)
          ->New());
  return parsed->ParseFromString(content) ? PartForm::kWellFormed
                                          : PartForm::kBroken;
}

}  // namespace baton
