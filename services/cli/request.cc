#include "services/cli/request.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/cli/fields.h"
#include "services/cli/input.h"
#include "storage/status.h"

namespace baton::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

v1::Actor* ActorAt(absl::string_view path, Message* message) {
  for (const std::string& name :
       std::vector<std::string>(absl::StrSplit(path, '.'))) {
    message = message->GetReflection()->MutableMessage(
        message, message->GetDescriptor()->FindFieldByName(name));
  }
  return static_cast<v1::Actor*>(message);
}

void ChooseRequestId(const Session& session, Message* request) {
  const FieldDescriptor* field =
      request->GetDescriptor()->FindFieldByName("request_id");
  const auto* reflection = request->GetReflection();
  if (field == nullptr || !reflection->GetString(*request, field).empty()) {
    return;
  }
  reflection->SetString(request, field,
                        NewRequestId(*session.environment.random));
}

}  // namespace

std::vector<OptionSpec> RequestOptions(const std::string& actor_field,
                                       bool repeatable) {
  std::vector<OptionSpec> options = {
      {"--file", "FILE",
       "the whole request, .json or .txtpb; flags beside it override it"},
      {"--actor", "PERSON",
       "who does this, \"name;role;team;phone\"; default: the configured actor",
       actor_field},
      {"--name", "TEXT", "the person's name", actor_field + ".name"},
      {"--role", "TEXT", "the person's role", actor_field + ".role"},
      {"--team", "TEXT", "the person's team", actor_field + ".team"},
      {"--phone", "NUMBER", "the person's number", actor_field + ".phone"},
  };
  if (repeatable) {
    options.push_back({"--request-id", "ID",
                       "names this request, so that a repeat is never doubled; "
                       "default: random, printed",
                       "request_id"});
    options.push_back({"--dry-run", "",
                       "prints the request as --file reads it; sends nothing",
                       "", Takes::kNothing});
  }
  return options;
}

absl::Status FillRequest(const std::vector<OptionSpec>& options,
                         const Arguments& arguments, const Session& session,
                         absl::string_view actor_field, Message* request) {
  if (arguments.Has("--file")) {
    RETURN_IF_ERROR(ReadMessage(arguments.Get("--file"), request));
  }
  v1::Actor* actor = ActorAt(actor_field, request);
  if (actor->name().empty()) *actor = session.config.actor();
  RETURN_IF_ERROR(OverlayOptions(options, arguments, session.clock(), request));
  if (arguments.All("--child-name").size() > 1) {
    session.err() << "ONE child: the names after the first are taken for "
                     "aliases. Several children need --file.\n";
  }
  ChooseRequestId(session, request);
  return absl::OkStatus();
}

std::string FlagFor(absl::string_view field,
                    const std::vector<OptionSpec>& options) {
  std::string path;
  bool index = false;  // Options name a repeated field without it.
  for (const char c : field) {
    if (c == '[') index = true;
    if (!index) path += c;
    if (c == ']') index = false;
  }
  std::string part, whole;
  for (const OptionSpec& option : options) {
    if (option.field.empty()) continue;
    if (option.field == path) return option.name;
    if (part.empty() && absl::StartsWith(option.field, path + ".")) {
      part = option.name;
    }
    if (absl::StartsWith(path, option.field + ".")) whole = option.name;
  }
  return part.empty() ? whole : part;
}

std::vector<OptionSpec> Joined(std::vector<OptionSpec> a,
                               const std::vector<OptionSpec>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace baton::cli
