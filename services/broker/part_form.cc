#include "services/broker/part_form.h"

#include <utility>

#include "baton/v1/alert.pb.h"
#include "baton/v1/contact.pb.h"
#include "baton/v1/document.pb.h"
#include "baton/v1/homeless.pb.h"
#include "baton/v1/missing.pb.h"
#include "baton/v1/placement.pb.h"
#include "baton/v1/police.pb.h"
#include "baton/v1/waiting.pb.h"
#include "google/protobuf/descriptor.h"

namespace baton {

PartContent ParsePart(const std::string& type, const std::string& content) {
  // A program links only the files of types that it uses; these travel through
  // the exchange unused, so one of each file is named.
  [[maybe_unused]] static const google::protobuf::Descriptor* const linked[] = {
      v1::Alert::descriptor(),         v1::Contact::descriptor(),
      v1::DocumentNote::descriptor(),  v1::HomelessPresentation::descriptor(),
      v1::MissingReport::descriptor(), v1::PlacementNotice::descriptor(),
      v1::PoliceNotice::descriptor(),  v1::WaitingFlag::descriptor()};
  const auto* const known =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
          type);
  if (known == nullptr) return {PartForm::kUnknownType, nullptr};
  std::unique_ptr<google::protobuf::Message> parsed(
      google::protobuf::MessageFactory::generated_factory()
          ->GetPrototype(known)
          ->New());
  if (!parsed->ParseFromString(content)) return {PartForm::kBroken, nullptr};
  return {PartForm::kWellFormed, std::move(parsed)};
}

}  // namespace baton
