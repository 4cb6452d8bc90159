#include "tests/support/city/call.h"

#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace baton::city {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

constexpr std::pair<absl::string_view, v1::MessageKind> kKinds[] = {
    {"RaiseContactRequest", v1::MESSAGE_KIND_CONTACT},
    {"RecordPhoneContactRequest", v1::MESSAGE_KIND_PHONE_CONTACT},
    {"SendNoticeRequest", v1::MESSAGE_KIND_POLICE_NOTICE},
    {"ReportMissingRequest", v1::MESSAGE_KIND_MISSING_REPORT},
    {"UpdateMissingRequest", v1::MESSAGE_KIND_MISSING_UPDATE},
    {"ReportFoundRequest", v1::MESSAGE_KIND_FOUND_REPORT},
    {"RecordPreventionInterviewRequest", v1::MESSAGE_KIND_PREVENTION_INTERVIEW},
    {"FlagWaitingRequest", v1::MESSAGE_KIND_WAITING_FLAG},
    {"UpdateWaitingRequest", v1::MESSAGE_KIND_WAITING_UPDATE},
    {"MoveWaitingRequest", v1::MESSAGE_KIND_WAITING_MOVED},
    {"EndWaitingRequest", v1::MESSAGE_KIND_WAITING_END},
    {"PresentHomelessRequest", v1::MESSAGE_KIND_HOMELESS_PRESENTATION},
    {"TakeMatterRequest", v1::MESSAGE_KIND_TAKEN},
    {"DecideMatterRequest", v1::MESSAGE_KIND_DECISION},
};

// A field of the oneof has the name of its kind.
v1::MessageKind KindOfAct(const google::protobuf::Message& act) {
  const auto* const content = act.GetReflection()->GetOneofFieldDescriptor(
      act, act.GetDescriptor()->FindOneofByName("content"));
  v1::MessageKind kind = v1::MESSAGE_KIND_UNSPECIFIED;
  if (content != nullptr) {
    v1::MessageKind_Parse(
        absl::StrCat("MESSAGE_KIND_", absl::AsciiStrToUpper(content->name())),
        &kind);
  }
  return kind;
}

}  // namespace

std::string RpcOf(const google::protobuf::Message& request) {
  const Descriptor* const type = request.GetDescriptor();
  for (int i = 0; i < type->file()->service_count(); ++i) {
    const ServiceDescriptor* const service = type->file()->service(i);
    for (int k = 0; k < service->method_count(); ++k) {
      const MethodDescriptor* const method = service->method(k);
      if (method->input_type() != type) continue;
      return absl::StrCat(service->full_name(), "/", method->name());
    }
  }
  std::cerr << type->full_name() << " is no request\n";
  std::abort();
}

v1::MessageKind KindOf(const google::protobuf::Message& request) {
  const absl::string_view name = request.GetDescriptor()->name();
  if (name == "ActOnMatterRequest") return KindOfAct(request);
  for (const auto& [type, kind] : kKinds) {
    if (type == name) return kind;
  }
  return v1::MESSAGE_KIND_UNSPECIFIED;
}

}  // namespace baton::city
