#include "services/cli/document_commands.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "services/cli/case_client.h"
#include "services/cli/document_file.h"
#include "services/cli/patience.h"
#include "services/cli/request.h"
#include "services/cli/standing.h"
#include "services/cli/submit.h"
#include "services/cli/words.h"
#include "storage/crypto.h"
#include "storage/status.h"

namespace baton::cli {
namespace {

constexpr size_t kPieceBytes = 256 << 10;
constexpr int64_t kMaxDocumentBytes = 20 << 20;
// Slower than this, a call is given up.
constexpr int64_t kMinBytesPerSecond = 16 << 10;
// Digits of a document's name that are shown; as many tell it from others.
constexpr size_t kShownDigits = 12;

// A line that counts up, on the error stream of a terminal only.
class Progress {
 public:
  Progress(absl::string_view doing, const Session& session)
      : doing_(doing), session_(session) {}
  ~Progress() {
    if (shown_) session_.err() << "\n";
  }
  void Show(int64_t bytes, int64_t of) {
    if (!session_.environment.err_is_terminal) return;
    shown_ = true;
    session_.err() << absl::StrFormat("\r%s %.1f of %.1f MiB", doing_,
                                      MebiBytes(bytes), MebiBytes(of))
                   << std::flush;
  }

 private:
  static double MebiBytes(int64_t bytes) {
    return static_cast<double>(bytes) / (1 << 20);
  }

  const std::string doing_;
  const Session& session_;
  bool shown_ = false;
};

void SetDeadline(int64_t bytes, const Session& session,
                 grpc::ClientContext* context) {
  context->set_deadline(
      absl::ToChronoTime(absl::Now() + CallDeadline(session.config) +
                         absl::Seconds(bytes / kMinBytesPerSecond)));
}

// --- Attach.

// Who does it and what it is about; the rest of the request is the document.
std::vector<OptionSpec> AttachOptions(std::vector<OptionSpec> about) {
  about.push_back(
      {"FILE", "", "the photo, body map or letter; at most 20 MiB"});
  about.push_back({"--title", "TEXT",
                   "what it shows, for people; the file's name is not sent",
                   "title"});
  about.push_back({"--type", "TYPE",
                   "media type, for example image/jpeg; default: what its "
                   "first bytes say",
                   "media_type"});
  about.push_back(ServiceOption());
  for (OptionSpec& option : RequestOptions("actor", true)) {
    if (option.name == "--file") continue;
    if (option.name == "--dry-run")
      option.help = "prints the form, sends nothing";
    about.push_back(std::move(option));
  }
  return about;
}

absl::Status Describe(const std::string& bytes, v1::DocumentForm* form) {
  if (form->media_type().empty()) form->set_media_type(GuessMediaType(bytes));
  if (form->media_type().empty()) {
    return absl::InvalidArgumentError(
        "the file does not say what it is; say --type image/jpeg, image/png, "
        "application/pdf, text/plain, audio/mpeg, audio/mp4 or video/mp4");
  }
  form->set_size_bytes(static_cast<int64_t>(bytes.size()));
  form->set_sha256(std::string(AsBytes(Sha256(bytes))));
  return absl::OkStatus();
}

// With no bytes it asks how the document stands that was sent before.
absl::StatusOr<v1::AddDocumentResponse> SendDocument(
    const v1::DocumentForm& form, absl::string_view bytes, CaseClient* client,
    const Session& session) {
  grpc::ClientContext context;
  SetDeadline(static_cast<int64_t>(bytes.size()), session, &context);
  v1::AddDocumentResponse response;
  const auto writer = client->stub().AddDocument(&context, &response);
  v1::AddDocumentRequest request;
  *request.mutable_form() = form;
  bool open = writer->Write(request);
  Progress progress("sent", session);
  for (size_t at = 0; open && at < bytes.size(); at += kPieceBytes) {
    request.set_chunk(std::string(bytes.substr(at, kPieceBytes)));
    open = writer->Write(request);
    progress.Show(
        static_cast<int64_t>(std::min(at + kPieceBytes, bytes.size())),
        static_cast<int64_t>(bytes.size()));
  }
  writer->WritesDone();
  const grpc::Status status = writer->Finish();
  if (!status.ok()) return CallError(status, client->Where("AddDocument"));
  return response;
}

std::string StandsText(const v1::AddDocumentResponse& response) {
  switch (response.outbox_state()) {
    case v1::OUTBOX_STATE_HELD:
      return "NOT SENT yet: held here, and goes on by itself";
    case v1::OUTBOX_STATE_REFUSED:
      return absl::StrCat("NOT SENT, refused by the exchange: ",
                          response.refusal());
    case v1::OUTBOX_STATE_WITHDRAWN:
      return "withdrawn here; it was never sent";
    default:
      return "with the exchange";
  }
}

ExitCode PrintAdded(const v1::AddDocumentResponse& response,
                    const v1::DocumentForm& form, const Session& session) {
  const ExitCode code = ExitCodeOf(response.outbox_state());
  if (code != ExitCode::kOk) {
    const std::string& phone = response.status().phone();
    session.words() << "NOT SENT, ring "
                    << (phone.empty() ? "who must see it" : Printable(phone))
                    << " if it cannot wait\n";
  }
  Record record;
  record.Add("document", "document", response.document(),
             response.document().substr(0, kShownDigits));
  record.Add("title", "title", form.title());
  record.Add("media_type", "type", form.media_type());
  record.AddNumber("size_bytes", "bytes", form.size_bytes());
  record.Add("outbox_state", "stands", Word(response.outbox_state()),
             StandsText(response));
  record.Add("refusal", "", response.refusal());
  record.Add("request_id", "request", form.request_id());
  PrintRecord(record, session.format, session.out());
  return code;
}

absl::StatusOr<ExitCode> RunAttach(const std::vector<OptionSpec>& options,
                                   const Arguments& arguments,
                                   const Session& session) {
  v1::DocumentForm form;
  const auto prepared = [&]() -> absl::StatusOr<std::string> {
    RETURN_IF_ERROR(FillRequest(options, arguments, session, "actor", &form));
    ASSIGN_OR_RETURN(std::string bytes, ReadDocument(arguments.Get("FILE")));
    RETURN_IF_ERROR(Describe(bytes, &form));
    return bytes;
  };
  const absl::StatusOr<std::string> bytes = prepared();
  if (!bytes.ok()) return NotSubmitted(bytes.status(), "");
  if (arguments.Has("--dry-run")) return PrintDryRun(form, session);
  auto client = ConnectCases(arguments, session);
  if (!client.ok()) return NotSubmitted(client.status(), "");
  absl::string_view unsent = *bytes;
  const auto response = SubmitAndSee(
      session,
      [&] {
        return SendDocument(form, std::exchange(unsent, ""), &*client, session);
      },
      [](const v1::AddDocumentResponse& answer) {
        return answer.outbox_state() == v1::OUTBOX_STATE_HELD;
      });
  if (!response.ok()) return NotSubmitted(response.status(), form.request_id());
  return PrintAdded(*response, form, session);
}

// --- Fetch.

// What came, on its way into a file.
class Fetched {
 public:
  Fetched(NewDocumentFile* file, const Session& session)
      : file_(file), progress_("fetched", session) {}

  absl::Status Take(const v1::FetchDocumentResponse& response) {
    if (response.has_attachment()) attachment_ = response.attachment();
    digest_.Update(response.chunk());
    bytes_ += static_cast<int64_t>(response.chunk().size());
    if (bytes_ > attachment_.size_bytes()) return Wrong();
    progress_.Show(bytes_, attachment_.size_bytes());
    return file_->Write(response.chunk());
  }

  absl::Status Finish() {
    if (bytes_ != attachment_.size_bytes() || bytes_ == 0 ||
        AsBytes(digest_.Finish()) != attachment_.sha256()) {
      return Wrong();
    }
    return file_->Finish();
  }

  const v1::Attachment& attachment() const { return attachment_; }

 private:
  static absl::Status Wrong() {
    return absl::AbortedError(
        "the bytes that came are not those of the document; nothing was kept: "
        "fetch it again, and tell the operator when that does not help");
  }

  NewDocumentFile* const file_;
  Progress progress_;
  Sha256Stream digest_;
  v1::Attachment attachment_;
  int64_t bytes_ = 0;
};

absl::StatusOr<v1::Attachment> Fetch(const v1::FetchDocumentRequest& request,
                                     CaseClient* client, NewDocumentFile* file,
                                     const Session& session) {
  Fetched fetched(file, session);
  grpc::ClientContext context;
  SetDeadline(kMaxDocumentBytes, session, &context);
  const auto reader = client->stub().FetchDocument(&context, request);
  v1::FetchDocumentResponse response;
  absl::Status taken;
  while (taken.ok() && reader->Read(&response)) {
    taken = fetched.Take(response);
    if (!taken.ok()) context.TryCancel();
  }
  const grpc::Status status = reader->Finish();
  RETURN_IF_ERROR(taken);
  if (!status.ok()) return CallError(status, client->Where("FetchDocument"));
  RETURN_IF_ERROR(fetched.Finish());
  return fetched.attachment();
}

absl::StatusOr<ExitCode> RunFetch(const std::vector<OptionSpec>& options,
                                  const Arguments& arguments,
                                  const Session& session) {
  v1::FetchDocumentRequest request;
  RETURN_IF_ERROR(FillRequest(options, arguments, session, "actor", &request));
  if (!arguments.Has("--to")) {
    return absl::InvalidArgumentError("--to FILE is required: where it goes");
  }
  const std::string to = arguments.Get("--to");
  ASSIGN_OR_RETURN(const std::unique_ptr<NewDocumentFile> file,
                   NewDocumentFile::Create(to, arguments.Has("--force")));
  ASSIGN_OR_RETURN(auto client, ConnectCases(arguments, session));
  ASSIGN_OR_RETURN(const v1::Attachment document,
                   Fetch(request, &client, file.get(), session));
  Record record;
  record.Add("file", "written to", to);
  record.Add("media_type", "type", document.media_type());
  record.AddNumber("size_bytes", "bytes", document.size_bytes());
  PrintRecord(record, session.format, session.out());
  return ExitCode::kOk;
}

}  // namespace

Command AttachToCaseCommand() {
  return {
      "case",
      "attach",
      "adds a photo, body map or letter to a case",
      AttachOptions({{"REFERENCE", "", "the case, by your own reference",
                      "sender_reference"},
                     {"--matter", "NUMBER",
                      "the child it is about, in the order raised; default: "
                      "all of them",
                      "child"}}),
      RunAttach,
      /*submits=*/true};
}

Command AttachToMatterCommand() {
  return {"matter",
          "attach",
          "adds a document to a matter, for who acts on it",
          AttachOptions({{"MATTER", "", "the matter", "matter_id"}}),
          RunAttach,
          /*submits=*/true};
}

Command FetchCommand() {
  std::vector<OptionSpec> options = {
      {"MATTER", "", "the matter", "matter_id"},
      {"DOCUMENT", "", "the document, as \"baton inbox open\" names it",
       "document"},
      {"--to", "FILE", "where it goes; never over a file that is there"},
      {"--force", "", "over a file that is there", "", Takes::kNothing},
      ServiceOption()};
  for (OptionSpec& option : RequestOptions("actor", false)) {
    if (option.name != "--file") options.push_back(std::move(option));
  }
  return {"inbox", "fetch",
          "a document from the exchange into a file; each reading is recorded",
          std::move(options), RunFetch};
}

}  // namespace baton::cli
