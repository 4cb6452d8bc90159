#include "services/cli/police_commands.h"

#include "baton/v1/police_service.grpc.pb.h"
#include "services/cli/case_submission.h"
#include "services/cli/police_options.h"

namespace baton::cli {
namespace {

using PoliceClient = Client<v1::PoliceService>;
using Stub = PoliceClient::Stub;

absl::StatusOr<PoliceClient> Connected(const Arguments&,
                                       const Session& session) {
  return PoliceClient::Connect(session, "police_address",
                               session.config.police_address());
}

template <typename Request, typename Response>
Runner Sends(const char* name,
             grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                          Response*)) {
  return Submits(
      CaseSubmission<PoliceClient, Request, Response>(name, method, Connected));
}

}  // namespace

std::vector<Command> PoliceCommands() {
  const Runner update = Sends("UpdateMissing", &Stub::UpdateMissing);
  return {
      {"police", "report", "a child is missing; --file for several together",
       ReportMissingOptions(), Sends("ReportMissing", &Stub::ReportMissing),
       true},
      {"police", "update", "something became known", UpdateMissingOptions(),
       update, true},
      {"police", "regrade", "the risk grade changed", RegradeOptions(), update,
       true},
      {"police", "sighting", "somebody saw the child", SightingOptions(),
       update, true},
      {"police", "found", "found, or come back; either time may be unknown",
       ReportFoundOptions(), Sends("ReportFound", &Stub::ReportFound), true},
      {"police", "interview", "the prevention interview after the find",
       PreventionInterviewOptions(),
       Sends("RecordPreventionInterview", &Stub::RecordPreventionInterview),
       true},
      {"police", "notice",
       "officers met a child in circumstances others must know of",
       SendNoticeOptions(), Sends("SendNotice", &Stub::SendNotice), true},
  };
}

}  // namespace baton::cli
