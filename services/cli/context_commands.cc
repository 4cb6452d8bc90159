#include "services/cli/context_commands.h"

#include "absl/strings/str_join.h"
#include "services/cli/client_config.h"
#include "services/cli/listing.h"
#include "services/cli/words.h"
#include "storage/status.h"

namespace baton::cli {
namespace {

// The services it names: a context without one uses those outside it.
std::string ServicesText(const v1::ClientContext& context) {
  std::vector<std::string> names;
  if (!context.emergency_address().empty()) names.push_back("emergency");
  if (!context.police_address().empty()) names.push_back("police");
  if (!context.school_address().empty()) names.push_back("school");
  if (!context.council_address().empty()) names.push_back("council");
  return absl::StrJoin(names, " ");
}

Record ContextRecord(const v1::ClientContext& context, bool is_default) {
  Record record;
  record.Add("name", "context", context.name());
  record.Add("default", "default", is_default ? "yes" : "");
  record.Add("broker_address", "exchange", context.broker_address());
  record.Add("services", "services", ServicesText(context));
  record.Add("actor", "acts", context.actor().name(),
             PersonText(context.actor()));
  return record;
}

absl::StatusOr<ExitCode> RunList(const std::vector<OptionSpec>&,
                                 const Arguments& arguments,
                                 const Session& session) {
  ASSIGN_OR_RETURN(const v1::ClientConfig config,
                   ReadClientConfig(arguments.Has("--config")
                                        ? arguments.Get("--config")
                                        : session.environment.config_file));
  Listing listing;
  listing.shape = ContextRecord({}, false);
  listing.columns = {"name", "default", "broker_address", "services", "actor"};
  for (const v1::ClientContext& context : config.contexts()) {
    listing.records.push_back(
        ContextRecord(context, context.name() == config.default_context()));
  }
  if (listing.records.empty() && session.format == Format::kTable) {
    session.out() << "no contexts; the configuration is the only one\n";
    return ExitCode::kOk;
  }
  PrintMany(listing, session);
  return ExitCode::kOk;
}

}  // namespace

std::vector<Command> ContextCommands() {
  return {{.family = "context",
           .name = "list",
           .help = "the contexts of the configuration",
           .options = {},
           .run = RunList,
           .local = true}};
}

}  // namespace baton::cli
