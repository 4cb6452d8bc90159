#include "services/cli/case_client.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/cli/suggest.h"
#include "storage/status.h"

namespace baton::cli {
namespace {

std::vector<AgencyService> AgencyServices(const v1::ClientConfig& config) {
  return {{"emergency", config.emergency_address()},
          {"police", config.police_address()},
          {"school", config.school_address()},
          {"council", config.council_address()}};
}

std::vector<std::string> Names(const std::vector<AgencyService>& services) {
  std::vector<std::string> names;
  for (const AgencyService& service : services) names.push_back(service.name);
  return names;
}

absl::StatusOr<AgencyService> Named(const std::string& name,
                                    const std::vector<AgencyService>& all) {
  for (const AgencyService& service : all) {
    if (service.name == name) return service;
  }
  const std::vector<std::string> names = Names(all);
  return absl::InvalidArgumentError(
      absl::StrCat("--service: \"", name, "\" is not one of ",
                   absl::StrJoin(names, ", "), DidYouMean(name, names)));
}

absl::StatusOr<AgencyService> OnlyOne(const std::vector<AgencyService>& all) {
  std::vector<AgencyService> configured;
  for (const AgencyService& service : all) {
    if (!service.address.empty()) configured.push_back(service);
  }
  if (configured.size() == 1) return configured[0];
  if (configured.empty()) {
    return absl::InvalidArgumentError(
        "the configuration has no agency's service; add its address, for "
        "example school_address: \"localhost:7444\"");
  }
  return absl::InvalidArgumentError(
      absl::StrCat("which agency? The configuration has ",
                   absl::StrJoin(Names(configured), ", "),
                   "; say --service NAME, or choose a --context with one"));
}

}  // namespace

OptionSpec ServiceOption() {
  return {"--service", "emergency|police|school|council",
          "the agency's own service; default: the only one configured"};
}

absl::StatusOr<AgencyService> ChooseService(const Arguments& arguments,
                                            const v1::ClientConfig& config) {
  const auto all = AgencyServices(config);
  return arguments.Has("--service") ? Named(arguments.Get("--service"), all)
                                    : OnlyOne(all);
}

absl::StatusOr<CaseClient> ConnectCases(const Arguments& arguments,
                                        const Session& session) {
  ASSIGN_OR_RETURN(const AgencyService service,
                   ChooseService(arguments, session.config));
  return CaseClient::Connect(session, absl::StrCat(service.name, "_address"),
                             service.address);
}

}  // namespace baton::cli
