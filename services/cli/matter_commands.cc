#include "services/cli/matter_commands.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "services/cli/case_client.h"
#include "services/cli/case_view.h"
#include "services/cli/document_commands.h"
#include "services/cli/input.h"
#include "services/cli/intake_view.h"
#include "services/cli/matter_options.h"
#include "services/cli/standing.h"
#include "services/cli/submit.h"
#include "storage/status.h"

namespace baton::cli {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
using google::protobuf::MessageFactory;
using Stub = CaseClient::Stub;

// A verb without details still says something, and a file must say the same.
absl::Status ChooseContent(const std::string& content,
                           v1::ActOnMatterRequest* request) {
  const auto* reflection = request->GetReflection();
  const FieldDescriptor* field =
      request->GetDescriptor()->FindFieldByName(content);
  const FieldDescriptor* chosen =
      reflection->GetOneofFieldDescriptor(*request, field->containing_oneof());
  if (chosen != nullptr && chosen != field) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--file: it says ", chosen->name(), ", this command says ", content));
  }
  reflection->MutableMessage(request, field);
  return absl::OkStatus();
}

// The whole part as it should have been, from its own file.
absl::Status ReadPart(const std::string& file, v1::Correction* correction) {
  const auto* type = DescriptorPool::generated_pool()->FindMessageTypeByName(
      correction->type());
  if (type == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("--part-type: \"", correction->type(),
                     "\" is no type of ours; baton.v1.Contact is one"));
  }
  const std::unique_ptr<google::protobuf::Message> part(
      MessageFactory::generated_factory()->GetPrototype(type)->New());
  RETURN_IF_ERROR(ReadMessage(file, part.get()));
  correction->set_content(part->SerializeAsString());
  return absl::OkStatus();
}

bool IsHeldOut(const v1::ActOnMatterResponse& response) {
  return response.outbox_state() == v1::OUTBOX_STATE_HELD;
}

// About a matter raised here. The case may be out already and this not.
ExitCode PrintSaid(const v1::ActOnMatterResponse& response,
                   const std::string& request_id, const Session& session) {
  const ExitCode code = ExitCodeOf(response.outbox_state());
  const Standing standing = StandingOf(response.status());
  if (code != ExitCode::kOk && NotSentLine(standing).empty()) {
    session.words() << "NOT SENT, ring "
                    << (standing.phone.empty() ? "999 or the duty team"
                                               : Printable(standing.phone))
                    << "\n";
  }
  const ExitCode of_case = PrintCase(response.status(), request_id, session);
  return code == ExitCode::kOk ? of_case : code;
}

ExitCode PrintActed(const v1::ActOnMatterResponse& response,
                    const std::string& request_id, const Session& session) {
  if (!response.has_item()) return PrintSaid(response, request_id, session);
  v1::IntakeItem item = response.item();
  item.set_answer_state(response.outbox_state());
  return PrintAnswered(item, request_id, session);
}

Runner Says(const std::string& content) {
  return Submits(
      Submission<CaseClient, v1::ActOnMatterRequest, v1::ActOnMatterResponse>{
          .name = "ActOnMatter",
          .method = &Stub::ActOnMatter,
          .connect = ConnectCases,
          .is_held = IsHeldOut,
          .show = PrintActed,
          .complete = [content](
                          const Arguments& arguments,
                          v1::ActOnMatterRequest* request) -> absl::Status {
            RETURN_IF_ERROR(ChooseContent(content, request));
            if (!arguments.Has("--part")) return absl::OkStatus();
            return ReadPart(arguments.Get("--part"),
                            request->mutable_correction());
          }});
}

}  // namespace

std::vector<Command> MatterCommands() {
  std::vector<Command> commands;
  for (const Verb& verb : Verbs()) {
    std::vector<OptionSpec> options =
        Joined({{"MATTER", "", "the matter, such as c-4k7.1", "matter_id"},
                ServiceOption()},
               verb.options);
    commands.push_back({"matter", verb.name, verb.help,
                        Joined(options, RequestOptions("actor", true)),
                        Says(verb.content), /*submits=*/true});
  }
  commands.push_back(AttachToMatterCommand());
  return commands;
}

}  // namespace baton::cli
