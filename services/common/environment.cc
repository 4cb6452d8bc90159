#include "services/common/environment.h"

#include <optional>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "baton/v1/identifier.pb.h"
#include "google/protobuf/descriptor.h"

namespace baton {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// The digits of an NHS number; nullopt when it is not ten of them.
std::optional<std::string> TenDigits(absl::string_view value) {
  std::string digits;
  for (const char c : value) {
    if (c == ' ' || c == '-') continue;
    if (!absl::ascii_isdigit(c)) return std::nullopt;
    digits.push_back(c);
  }
  if (digits.size() != 10) return std::nullopt;
  return digits;
}

// Walks one message by reflection. Its depth is bounded by the parser's.
class NhsNumberCheck {
 public:
  NhsNumberCheck(v1::Environment environment, Faults* faults)
      : environment_(environment), faults_(faults) {}

  void Walk(const Message& message, const std::string& path) {
    if (message.GetDescriptor() == v1::NhsNumber::descriptor()) {
      return Check(static_cast<const v1::NhsNumber&>(message), path);
    }
    std::vector<const FieldDescriptor*> fields;
    message.GetReflection()->ListFields(message, &fields);
    for (const FieldDescriptor* field : fields) {
      if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
      WalkField(message, field, path);
    }
  }

 private:
  void WalkField(const Message& message, const FieldDescriptor* field,
                 const std::string& path) {
    const auto& reflection = *message.GetReflection();
    const std::string at =
        absl::StrCat(path, path.empty() ? "" : ".", field->name());
    if (!field->is_repeated()) {
      return Walk(reflection.GetMessage(message, field), at);
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      Walk(reflection.GetRepeatedMessage(message, field, i),
           absl::StrCat(at, "[", i, "]"));
    }
  }

  void Check(const v1::NhsNumber& number, const std::string& path) {
    if (!TenDigits(number.value()).has_value()) return;
    const bool training = environment_ == v1::ENVIRONMENT_TRAINING;
    if (IsNeverIssued(number.value()) == training) return;
    faults_->Add(path, training
                           ? "this is training: only NHS numbers that are "
                             "never issued, 999 000 0000 to 999 999 9999"
                           : "this is live: an NHS number from 999 000 0000 "
                             "on is a test's and nobody's");
  }

  const v1::Environment environment_;
  Faults* const faults_;
};

}  // namespace

absl::string_view EnvironmentName(v1::Environment environment) {
  switch (environment) {
    case v1::ENVIRONMENT_LIVE:
      return "live";
    case v1::ENVIRONMENT_TRAINING:
      return "training";
    default:
      return "unknown";
  }
}

v1::Environment EnvironmentOf(absl::string_view trust_domain) {
  if (trust_domain.empty()) return v1::ENVIRONMENT_UNSPECIFIED;
  return absl::EndsWith(trust_domain, ".test") ||
                 absl::StrContains(trust_domain, "training")
             ? v1::ENVIRONMENT_TRAINING
             : v1::ENVIRONMENT_LIVE;
}

void CheckTrustDomain(absl::string_view trust_domain,
                      v1::Environment environment, absl::string_view field,
                      Faults* faults) {
  const v1::Environment stands_for = EnvironmentOf(trust_domain);
  if (stands_for == v1::ENVIRONMENT_UNSPECIFIED || stands_for == environment) {
    return;
  }
  if (environment == v1::ENVIRONMENT_TRAINING) {
    faults->Add(field,
                "a training trust domain ends in \".test\" or holds "
                "\"training\"");
  } else if (environment == v1::ENVIRONMENT_LIVE) {
    faults->Add(field,
                "ends in \".test\" or holds \"training\": no live exchange is "
                "named so");
  }
}

bool IsNeverIssued(absl::string_view nhs_number) {
  const std::optional<std::string> digits = TenDigits(nhs_number);
  return digits.has_value() && absl::StartsWith(*digits, "999");
}

void CheckNhsNumbers(const Message& content, v1::Environment environment,
                     const std::string& path, Faults* faults) {
  if (environment == v1::ENVIRONMENT_UNSPECIFIED) return;
  NhsNumberCheck(environment, faults).Walk(content, path);
}

}  // namespace baton
