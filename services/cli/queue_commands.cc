#include "services/cli/queue_commands.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "baton/v1/queue_service.grpc.pb.h"
#include "services/cli/delivery_view.h"
#include "services/cli/fields.h"
#include "services/cli/listing.h"
#include "services/cli/request.h"
#include "services/cli/words.h"
#include "services/common/proto_time.h"
#include "storage/status.h"

namespace baton::cli {
namespace {

using QueueClient = Client<v1::QueueService>;
using Stub = QueueClient::Stub;
using Options = std::vector<OptionSpec>;

absl::StatusOr<QueueClient> Connected(const Session& session) {
  return QueueClient::Connect(session, "broker_address",
                              session.config.broker_address());
}

// The exchange itself has just answered.
Heard HeardNow(const Session& session) {
  const google::protobuf::Timestamp now = ToProto(session.clock().now);
  return Heard(&now, session.clock());
}

// --- What is shown.

void AddSince(const std::string& key, const std::string& title, bool there,
              const google::protobuf::Timestamp& time, const LocalClock& clock,
              Record* record) {
  record->Add(key, title, there ? Iso(FromProto(time)) : "",
              there ? TimeText(FromProto(time), clock) : "");
}

std::string ConsumersText(const v1::Queue& queue) {
  return absl::StrJoin(
      queue.consumers(), ", ",
      [](std::string* text, const v1::QueueConsumer& consumer) {
        absl::StrAppend(text,
                        consumer.consumer().empty() ? "without a name"
                                                    : consumer.consumer(),
                        " (holds ", consumer.outstanding_messages(), ")");
      });
}

Record QueueRecord(const v1::Queue& queue, const LocalClock& clock) {
  Record record;
  record.Add("queue", "queue", queue.queue());
  record.Add("mode", "mode", Word(queue.mode()));
  record.Add("mode_reason", "because", queue.mode_reason());
  AddSince("mode_time", "since", queue.has_mode_time(), queue.mode_time(),
           clock, &record);
  record.AddNumber("ready_messages", "ready", queue.ready_messages());
  record.AddNumber("leased_messages", "leased", queue.leased_messages());
  record.AddNumber("delayed_messages", "delayed", queue.delayed_messages());
  record.AddNumber("dead_letters", "dead letters", queue.dead_letters());
  AddSince("oldest_urgent_due_time", "oldest urgent",
           queue.has_oldest_urgent_due_time(), queue.oldest_urgent_due_time(),
           clock, &record);
  AddSince("oldest_due_time", "oldest", queue.has_oldest_due_time(),
           queue.oldest_due_time(), clock, &record);
  record.Add("consumers", "consumers", ConsumersText(queue));
  record.Add("dead_letter_owner", "owner of dead letters",
             PersonText(queue.dead_letter_owner()));
  record.AddNumber("unsettled_bytes", "bytes", queue.unsettled_bytes());
  record.AddNumber("max_messages", "most messages", queue.max_messages());
  record.AddNumber("max_bytes", "most bytes", queue.max_bytes());
  return record;
}

Record MessageRecord(const v1::QueuedMessage& message,
                     const LocalClock& clock) {
  Record record;
  record.Add("message_id", "message", message.message_id());
  record.Add("conversation_id", "conversation", message.conversation_id());
  record.Add("kind", "kind", Word(message.kind()), Text(message.kind()));
  record.Add("sender", "sender", AgencyText(message.sender()));
  record.Add("priority", "priority", Word(message.priority()));
  AddSince("publish_time", "published", true, message.publish_time(), clock,
           &record);
  AddSince("deliver_time", "not before", message.has_deliver_time(),
           message.deliver_time(), clock, &record);
  AddSince("expire_time", "expires", message.has_expire_time(),
           message.expire_time(), clock, &record);
  record.AddNumber("size_bytes", "bytes", message.size_bytes());
  AddDelivery(message.delivery(), clock, &record);
  return record;
}

Record JobRecord(const v1::Job& job, const LocalClock& clock) {
  Record record;
  record.Add("job_id", "job", job.job_id());
  record.Add("kind", "kind", Word(job.kind()));
  record.Add("queue", "queue", job.queue());
  record.Add("state", "state", Word(job.state()));
  record.AddNumber("scanned_messages", "looked at", job.scanned_messages());
  record.AddNumber("changed_messages",
                   job.dry_run() ? "would change" : "changed",
                   job.changed_messages());
  record.AddBool("dry_run", job.dry_run());
  record.Add("reason", "because", job.reason());
  record.Add("requester", "asked for by", AgencyText(job.requester()));
  AddSince("create_time", "began", true, job.create_time(), clock, &record);
  AddSince("end_time", "ended", job.has_end_time(), job.end_time(), clock,
           &record);
  return record;
}

void Print(const Record& record, const Session& session) {
  PrintRecord(record, session.format, session.out());
}

// Makes the request of what was typed.
template <typename Request>
absl::StatusOr<Request> RequestOf(const Options& options,
                                  const Arguments& arguments,
                                  const Session& session) {
  Request request;
  RETURN_IF_ERROR(
      OverlayOptions(options, arguments, session.clock(), &request));
  if constexpr (requires { request.set_request_id(""); }) {
    if (request.request_id().empty()) {
      request.set_request_id(NewRequestId(*session.environment.random));
    }
  }
  return request;
}

// --- list, show.

absl::StatusOr<ExitCode> RunList(const Options&, const Arguments& arguments,
                                 const Session& session) {
  ASSIGN_OR_RETURN(const int limit, LimitFrom(arguments.Get("--limit")));
  ASSIGN_OR_RETURN(auto client, Connected(session));
  Listing listing;
  listing.shape = QueueRecord(v1::Queue(), session.clock());
  listing.columns = {"queue",
                     "mode",
                     "ready_messages",
                     "leased_messages",
                     "delayed_messages",
                     "dead_letters",
                     "oldest_urgent_due_time",
                     "oldest_due_time"};
  v1::ListQueuesRequest request;
  while (true) {
    request.set_page_size(limit - static_cast<int>(listing.records.size()));
    ASSIGN_OR_RETURN(const auto page,
                     client.Call("ListQueues", &Stub::ListQueues, request));
    for (const v1::Queue& queue : page.queues()) {
      listing.records.push_back(QueueRecord(queue, session.clock()));
    }
    request.set_page_token(page.next_page_token());
    listing.more = !page.next_page_token().empty();
    if (!listing.more || static_cast<int>(listing.records.size()) >= limit) {
      break;
    }
  }
  PrintListing(listing, HeardNow(session), session);
  return ExitCode::kOk;
}

absl::StatusOr<ExitCode> RunShow(const Options& options,
                                 const Arguments& arguments,
                                 const Session& session) {
  ASSIGN_OR_RETURN(const auto request,
                   RequestOf<v1::GetQueueRequest>(options, arguments, session));
  ASSIGN_OR_RETURN(auto client, Connected(session));
  ASSIGN_OR_RETURN(const auto response,
                   client.Call("GetQueue", &Stub::GetQueue, request));
  Print(QueueRecord(response.queue(), session.clock()), session);
  return ExitCode::kOk;
}

// --- browse, dead-letters.

// Pages of messages until `limit` or the end.
template <typename Request, typename Call>
absl::StatusOr<Listing> ListMessages(Request request, int limit, Call call,
                                     const Session& session) {
  constexpr int kMostPerPage = 256;
  Listing listing;
  listing.shape = MessageRecord(v1::QueuedMessage(), session.clock());
  listing.columns = {"message_id",   "kind",  "sender", "priority",
                     "publish_time", "state", "detail"};
  do {
    request.set_page_size(std::min(
        kMostPerPage, limit - static_cast<int>(listing.records.size())));
    ASSIGN_OR_RETURN(const auto page, call(request));
    for (const v1::QueuedMessage& message : page.messages()) {
      listing.records.push_back(MessageRecord(message, session.clock()));
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty() &&
           static_cast<int>(listing.records.size()) < limit);
  listing.more = !request.page_token().empty();
  return listing;
}

absl::StatusOr<ExitCode> RunBrowse(const Options& options,
                                   const Arguments& arguments,
                                   const Session& session) {
  ASSIGN_OR_RETURN(const int limit, LimitFrom(arguments.Get("--limit")));
  ASSIGN_OR_RETURN(const auto request, RequestOf<v1::BrowseMessagesRequest>(
                                           options, arguments, session));
  ASSIGN_OR_RETURN(auto client, Connected(session));
  ASSIGN_OR_RETURN(const Listing listing,
                   ListMessages(
                       request, limit,
                       [&client](const v1::BrowseMessagesRequest& page) {
                         return client.Call("BrowseMessages",
                                            &Stub::BrowseMessages, page);
                       },
                       session));
  PrintListing(listing, HeardNow(session), session);
  return ExitCode::kOk;
}

absl::StatusOr<ExitCode> RunDeadLetters(const Options& options,
                                        const Arguments& arguments,
                                        const Session& session) {
  ASSIGN_OR_RETURN(const int limit, LimitFrom(arguments.Get("--limit")));
  ASSIGN_OR_RETURN(const auto request, RequestOf<v1::ListDeadLettersRequest>(
                                           options, arguments, session));
  ASSIGN_OR_RETURN(auto client, Connected(session));
  v1::Actor owner;
  ASSIGN_OR_RETURN(const Listing listing,
                   ListMessages(
                       request, limit,
                       [&](const v1::ListDeadLettersRequest& page) {
                         auto response = client.Call(
                             "ListDeadLetters", &Stub::ListDeadLetters, page);
                         if (response.ok()) owner = response->owner();
                         return response;
                       },
                       session));
  PrintListing(listing, HeardNow(session), session);
  session.words() << "owner: " << Printable(PersonText(owner)) << "\n";
  return ExitCode::kOk;
}

// --- pause, drain, serve; cancel.

Runner ModeRunner(v1::QueueMode mode) {
  return [mode](const Options& options, const Arguments& arguments,
                const Session& session) -> absl::StatusOr<ExitCode> {
    ASSIGN_OR_RETURN(auto request, RequestOf<v1::SetQueueModeRequest>(
                                       options, arguments, session));
    request.set_mode(mode);
    ASSIGN_OR_RETURN(auto client, Connected(session));
    ASSIGN_OR_RETURN(const auto response,
                     client.Call("SetQueueMode", &Stub::SetQueueMode, request));
    Print(QueueRecord(response.queue(), session.clock()), session);
    return ExitCode::kOk;
  };
}

absl::StatusOr<ExitCode> RunCancel(const Options& options,
                                   const Arguments& arguments,
                                   const Session& session) {
  ASSIGN_OR_RETURN(const auto request, RequestOf<v1::CancelMessageRequest>(
                                           options, arguments, session));
  ASSIGN_OR_RETURN(auto client, Connected(session));
  ASSIGN_OR_RETURN(const auto response,
                   client.Call("CancelMessage", &Stub::CancelMessage, request));
  Record record;
  record.Add("cancelled", "cancelled", request.message_id());
  AddSince("cancel_time", "at", true, response.cancel_time(), session.clock(),
           &record);
  Print(record, session);
  return ExitCode::kOk;
}

// --- Jobs.

absl::StatusOr<ExitCode> RunRedrive(const Options& options,
                                    const Arguments& arguments,
                                    const Session& session) {
  ASSIGN_OR_RETURN(auto request, RequestOf<v1::RedriveMessagesRequest>(
                                     options, arguments, session));
  request.set_dry_run(arguments.Has("--count"));
  ASSIGN_OR_RETURN(auto client, Connected(session));
  ASSIGN_OR_RETURN(
      const auto response,
      client.Call("RedriveMessages", &Stub::RedriveMessages, request));
  Print(JobRecord(response.job(), session.clock()), session);
  session.words() << "how far it is: baton queue job "
                  << response.job().job_id() << "\n";
  return ExitCode::kOk;
}

// Without --confirm nothing is done but counting.
absl::StatusOr<ExitCode> RunPurge(const Options& options,
                                  const Arguments& arguments,
                                  const Session& session) {
  ASSIGN_OR_RETURN(const auto request, RequestOf<v1::PurgeQueueRequest>(
                                           options, arguments, session));
  ASSIGN_OR_RETURN(auto client, Connected(session));
  if (request.confirmation().empty()) {
    v1::PreparePurgeRequest prepare;
    prepare.set_queue(request.queue());
    ASSIGN_OR_RETURN(const auto prepared,
                     client.Call("PreparePurge", &Stub::PreparePurge, prepare));
    Record record;
    record.AddNumber("messages", "would become dead letters",
                     prepared.messages());
    record.AddNumber("left_messages", "would be left",
                     prepared.left_messages());
    record.Add("confirmation", "confirmation", prepared.confirmation());
    Print(record, session);
    session.words() << "NOTHING WAS PURGED. To do it, within ten minutes, "
                       "again with: --confirm "
                    << prepared.confirmation() << "\n";
    return ExitCode::kOk;
  }
  ASSIGN_OR_RETURN(const auto response,
                   client.Call("PurgeQueue", &Stub::PurgeQueue, request));
  Print(JobRecord(response.job(), session.clock()), session);
  return ExitCode::kOk;
}

absl::StatusOr<ExitCode> RunJob(const Options& options,
                                const Arguments& arguments,
                                const Session& session) {
  ASSIGN_OR_RETURN(auto client, Connected(session));
  v1::Job job;
  if (arguments.Has("--cancel")) {
    ASSIGN_OR_RETURN(const auto request, RequestOf<v1::CancelJobRequest>(
                                             options, arguments, session));
    ASSIGN_OR_RETURN(const auto response,
                     client.Call("CancelJob", &Stub::CancelJob, request));
    job = response.job();
  } else {
    ASSIGN_OR_RETURN(const auto request,
                     RequestOf<v1::GetJobRequest>(options, arguments, session));
    ASSIGN_OR_RETURN(const auto response,
                     client.Call("GetJob", &Stub::GetJob, request));
    job = response.job();
  }
  Print(JobRecord(job, session.clock()), session);
  return ExitCode::kOk;
}

absl::StatusOr<ExitCode> RunJobs(const Options& options,
                                 const Arguments& arguments,
                                 const Session& session) {
  ASSIGN_OR_RETURN(const auto request,
                   RequestOf<v1::ListJobsRequest>(options, arguments, session));
  ASSIGN_OR_RETURN(auto client, Connected(session));
  ASSIGN_OR_RETURN(const auto response,
                   client.Call("ListJobs", &Stub::ListJobs, request));
  Listing listing;
  listing.shape = JobRecord(v1::Job(), session.clock());
  listing.columns = {"job_id",           "kind",        "state",
                     "changed_messages", "create_time", "end_time"};
  for (const v1::Job& job : response.jobs()) {
    listing.records.push_back(JobRecord(job, session.clock()));
  }
  PrintListing(listing, HeardNow(session), session);
  return ExitCode::kOk;
}

// --- The table.

const OptionSpec& QueueOption() {
  static const auto& option = *new OptionSpec{
      "QUEUE", "", "the queue, for example council/E06000018/intake", "queue"};
  return option;
}

OptionSpec ReasonOption() {
  return {"--reason", "TEXT", "why; nothing personal", "reason"};
}

OptionSpec LimitOption() {
  return {"--limit", "N", "at most this many; default 100"};
}

Options FilterOptions() {
  return {
      {"--message", "ID", "only these messages", "filter.message_ids",
       Takes::kValues},
      {"--kind", "KIND", "only of these kinds", "filter.kinds", Takes::kValues},
      {"--sender", "CLASS/CODE", "only from these agencies", "filter.senders",
       Takes::kValues},
      {"--published-from", "TIME", "published then or later",
       "filter.published_from"},
      {"--published-before", "TIME", "published before",
       "filter.published_before"},
  };
}

Options With(Options options, const Options& more) {
  return Joined(std::move(options), more);
}

}  // namespace

std::vector<Command> QueueCommands() {
  const OptionSpec& queue = QueueOption();
  return {
      {"queue",
       "list",
       "the agency's queues: what waits, since when, who takes it",
       {LimitOption()},
       RunList},
      {"queue", "show", "one queue", {queue}, RunShow},
      {"queue", "browse", "what waits in a queue, without taking it",
       With({queue, LimitOption()}, FilterOptions()), RunBrowse},
      {"queue", "dead-letters", "what was given up, why, and who owns it",
       With({queue, LimitOption()}, FilterOptions()), RunDeadLetters},
      {"queue",
       "pause",
       "hands out nothing more; messages still arrive",
       {queue, ReasonOption()},
       ModeRunner(v1::QUEUE_MODE_PAUSED)},
      {"queue",
       "drain",
       "takes nothing new but immediate danger; what is there goes out",
       {queue, ReasonOption()},
       ModeRunner(v1::QUEUE_MODE_DRAINING)},
      {"queue",
       "resume",
       "serves again",
       {queue, ReasonOption()},
       ModeRunner(v1::QUEUE_MODE_SERVING)},
      {"queue",
       "cancel",
       "takes back a message of ours that is not due yet",
       {{"MESSAGE", "", "the message, such as m-4k7", "message_id"}},
       RunCancel},
      {"queue", "redrive", "brings dead letters back to their queue",
       With(
           {queue,
            {"--count", "", "only counts them", "", Takes::kNothing},
            {"--max-per-second", "N", "no faster than this", "max_per_second"}},
           FilterOptions()),
       RunRedrive},
      {"queue",
       "purge",
       "makes dead letters of what waits; asks for a confirmation first",
       {queue,
        ReasonOption(),
        {"--confirm", "WORD", "what the first call said", "confirmation"}},
       RunPurge},
      {"queue",
       "job",
       "how far a redrive or purge is",
       {{"JOB", "", "the job, such as j-4k7", "job_id"},
        {"--cancel", "", "stops it; what it did stays done", "",
         Takes::kNothing}},
       RunJob},
      {"queue", "jobs", "redrives and purges of a queue", {queue}, RunJobs},
  };
}

}  // namespace baton::cli
