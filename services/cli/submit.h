#ifndef BATON_SERVICES_CLI_SUBMIT_H_
#define BATON_SERVICES_CLI_SUBMIT_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "services/cli/command.h"
#include "services/cli/patience.h"
#include "services/cli/request.h"
#include "services/cli/session.h"
#include "storage/status.h"

// A command that fills a request, sends it and shows how it then stands.
// Whatever goes wrong on the way, the person is told that it is not sent.
namespace baton::cli {

// One such command. `Client` is a cli::Client<...>.
template <typename Client, typename Request, typename Response>
struct Submission {
  using Method = grpc::Status (Client::Stub::*)(grpc::ClientContext*,
                                                const Request&, Response*);

  const char* name;  // Of the method, for errors.
  Method method;
  // Where it is sent.
  std::function<absl::StatusOr<Client>(const Arguments&, const Session&)>
      connect;
  // Not with the exchange yet: it is asked again for a moment.
  std::function<bool(const Response&)> is_held;
  std::function<ExitCode(const Response&, const std::string& request_id,
                         const Session&)>
      show;
  // Path of the person in the request.
  std::string actor_field = "actor";
  // What flags cannot say by a field alone, and checks across fields.
  std::function<absl::Status(const Arguments&, Request*)> complete = {};
};

// What was sent says that somebody is in danger: so does the answer, whatever
// became of it.
void RemindOfDanger(const google::protobuf::Message& request,
                    const Session& session);

// What is shown is how far people are with the case, which an update does not
// change: that the update itself is out is said apart.
void SaySent(const Session& session);

// Prints the request as --file would read it and says that it was not sent.
ExitCode PrintDryRun(const google::protobuf::Message& request,
                     const Session& session);

template <typename Client, typename Request, typename Response>
absl::StatusOr<Request> RequestOf(
    const Submission<Client, Request, Response>& submission,
    const std::vector<OptionSpec>& options, const Arguments& arguments,
    const Session& session) {
  Request request;
  RETURN_IF_ERROR(FillRequest(options, arguments, session,
                              submission.actor_field, &request));
  if (submission.complete) {
    RETURN_IF_ERROR(submission.complete(arguments, &request));
  }
  return request;
}

template <typename Client, typename Request, typename Response>
Runner Submits(Submission<Client, Request, Response> submission) {
  return [submission](const std::vector<OptionSpec>& options,
                      const Arguments& arguments,
                      const Session& session) -> absl::StatusOr<ExitCode> {
    const auto request = RequestOf(submission, options, arguments, session);
    if (!request.ok()) return NotSubmitted(request.status(), "");
    if (arguments.Has("--dry-run")) return PrintDryRun(*request, session);
    auto client = submission.connect(arguments, session);
    if (!client.ok()) return NotSubmitted(client.status(), "");
    const auto response = SubmitAndSee(
        session,
        [&] {
          return client->Call(submission.name, submission.method, *request);
        },
        submission.is_held);
    if (!response.ok()) {
      return NotSubmitted(response.status(), request->request_id());
    }
    RemindOfDanger(*request, session);
    const ExitCode code =
        submission.show(*response, request->request_id(), session);
    if (code == ExitCode::kOk) SaySent(session);
    return code;
  };
}

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_SUBMIT_H_
