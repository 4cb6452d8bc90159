#ifndef BATON_SERVICES_CLI_CASE_CLIENT_H_
#define BATON_SERVICES_CLI_CASE_CLIENT_H_

#include <string>

#include "absl/status/statusor.h"
#include "baton/v1/case_service.grpc.pb.h"
#include "services/cli/command.h"
#include "services/cli/session.h"

namespace baton::cli {

using CaseClient = Client<v1::CaseService>;

// --service: which agency's own service is meant. Every one of them offers
// cases, inbox and matters.
OptionSpec ServiceOption();

// An agency's service, as the configuration has it.
struct AgencyService {
  std::string name;     // What --service says.
  std::string address;  // Empty: the configuration has none.
};

// The service --service names, or the only one configured. INVALID_ARGUMENT
// says which there are when that leaves a choice.
absl::StatusOr<AgencyService> ChooseService(const Arguments& arguments,
                                            const v1::ClientConfig& config);

// The service --service names, or the only one configured. INVALID_ARGUMENT
// says which there are when that leaves a choice.
absl::StatusOr<CaseClient> ConnectCases(const Arguments& arguments,
                                        const Session& session);

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_CASE_CLIENT_H_
