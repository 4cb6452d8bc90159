#ifndef BATON_SERVICES_CLI_ATTENTION_H_
#define BATON_SERVICES_CLI_ATTENTION_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "baton/v1/emergency_service.pb.h"
#include "services/cli/command.h"
#include "services/cli/session.h"
#include "services/cli/words.h"

// Messages the exchange refused: listed, sent again or withdrawn. The same for
// waits and cases.
namespace baton::cli {

// --resend, --withdraw, --reason, and the options of any request.
std::vector<OptionSpec> AttentionOptions();

// Whether one is to be resolved; otherwise they are listed.
bool Resolves(const Arguments& arguments);

void PrintAttention(
    const google::protobuf::RepeatedPtrField<v1::NeedsAttention>& items,
    const Heard& heard, const Session& session);

// Lays --resend or --withdraw, each naming the entry, over `request`; `list`
// is the command that lists them.
template <typename Request>
absl::Status ChooseResolution(const Arguments& arguments,
                              absl::string_view list, Request* request) {
  const bool resend = arguments.Has("--resend");
  if (resend && arguments.Has("--withdraw")) {
    return absl::InvalidArgumentError(
        "--resend and --withdraw exclude each other; choose one");
  }
  const std::string id = arguments.Get(resend ? "--resend" : "--withdraw");
  int64_t outbox_id = 0;
  if (!absl::SimpleAtoi(id, &outbox_id)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", id, "\" is not an id; \"", list, "\" lists them"));
  }
  request->set_outbox_id(outbox_id);
  request->set_resolution(resend ? v1::RESOLUTION_RESEND
                                 : v1::RESOLUTION_WITHDRAW);
  return absl::OkStatus();
}

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_ATTENTION_H_
