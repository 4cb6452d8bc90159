#include "services/cli/child_options.h"

#include "baton/v1/child.pb.h"
#include "baton/v1/identifier.pb.h"
#include "baton/v1/message.pb.h"

namespace baton::cli {

std::vector<OptionSpec> ChildOptions(const std::string& path) {
  const auto in = [&path](absl::string_view field) {
    return absl::StrCat(path, ".", field);
  };
  return {
      {"--child-name", "NAME",
       "\"Given Family\"; again: an alias of the same child; a second child "
       "needs --file",
       in("names"), Takes::kValues},
      {"--birth-date", "DATE", "YYYY-MM-DD, as precise as known, or unknown",
       in("birth_date")},
      {"--expected-birth-date", "DATE", "of an unborn child",
       in("expected_birth_date")},
      {"--sex", "WORD", Choices<v1::Sex>("as recorded"), in("sex")},
      {"--nhs-number", "NUMBER", "kept as given, even when it does not check",
       in("nhs_number.value")},
      {"--nhs-verification", "WORD",
       Choices<v1::NhsNumberVerification>("how far it was traced"),
       in("nhs_number.verification")},
      {"--pupil-number", "NUMBER", "unique pupil number, kept as given",
       in("pupil_number.value")},
      {"--address-line", "TEXT", "where the child usually lives",
       in("address.lines"), Takes::kValues},
      {"--postcode", "TEXT", "of that address", in("address.postcode")},
      {"--responsible-authority", "CODE", "GSS code, or unknown",
       in("bodies.responsible_authority")},
      {"--host-authority", "CODE", "where placed or living; or unknown",
       in("bodies.host_authority")},
      {"--school", "URN", "the child's school, or unknown",
       in("bodies.school")},
      {"--interpreter", "TEXT", "for whom and which language",
       in("interpreter")},
      {"--medication", "TEXT", "that must not be missed", in("medication")},
      {"--parental-responsibility", "TEXT", "who has it",
       in("parental_responsibility")},
      {"--do-not-tell", "WHOM;WHY", "who must not be told, and why",
       in("do_not_tell"), Takes::kValues},
  };
}

OptionSpec DangerOption(const std::string& field) {
  return {"--immediate-danger", "yes|no|unknown",
          "is the child, or anybody, in danger now? Ring 999 or the duty team "
          "as well",
          field, Takes::kOptionalValue};
}

std::vector<OptionSpec> RaisingOptions(absl::string_view reference_of) {
  return {
      {"--reference", "TEXT",
       absl::StrCat("your own reference of this ", reference_of),
       "sender_reference"},
      {"--to", "CODE[/DESK]",
       "the council asked to act; default: the service's", "recipient"},
      {"--copy", "[CLASS/]CODE[/DESK]", "gets a copy", "copies",
       Takes::kValues},
  };
}

OptionSpec LegalBasisOption() {
  return {"--legal-basis", "WORD",
          Choices<v1::LegalBasis>("the law that allows the sharing"),
          "legal_basis"};
}

}  // namespace baton::cli
