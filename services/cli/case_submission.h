#ifndef BATON_SERVICES_CLI_CASE_SUBMISSION_H_
#define BATON_SERVICES_CLI_CASE_SUBMISSION_H_

#include <string>
#include <utility>

#include "services/cli/case_view.h"
#include "services/cli/standing.h"
#include "services/cli/submit.h"

namespace baton::cli {

// A submission whose answer is how a case then stands; `connect` says where it
// is sent.
template <typename Client, typename Request, typename Response,
          typename Connect>
Submission<Client, Request, Response> CaseSubmission(
    const char* name,
    grpc::Status (Client::Stub::*method)(grpc::ClientContext*, const Request&,
                                         Response*),
    Connect connect) {
  return {.name = name,
          .method = method,
          .connect = std::move(connect),
          .is_held =
              [](const Response& response) {
                return IsHeld(StandingOf(response.status()));
              },
          .show =
              [](const Response& response, const std::string& request_id,
                 const Session& session) {
                return PrintCase(response.status(), request_id, session);
              }};
}

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_CASE_SUBMISSION_H_
