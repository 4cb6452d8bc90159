#include "services/broker/queue_service.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/broker/copies.h"
#include "services/broker/kind_rules.h"
#include "services/broker/message_filter.h"
#include "services/broker/queue_pages.h"
#include "services/broker/request_checks.h"
#include "services/broker/sealed_records.h"
#include "services/broker/settled_copies.h"
#include "services/broker/view.h"
#include "services/common/agency.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"
#include "services/common/rpc_status.h"
#include "storage/status.h"

namespace baton {
namespace {

void CheckToken(const std::string& token, Faults* faults) {
  const absl::Status parsed = ParsePageToken(token).status();
  if (!parsed.ok()) faults->Add("page_token", parsed.message());
}

}  // namespace

// --- What every call does.

std::optional<Identity> QueueServiceImpl::Enter(
    const grpc::CallbackServerContext& context, absl::string_view call,
    const std::string& queue, Who who, Faults faults,
    grpc::ServerUnaryReactor* reactor) const {
  const absl::StatusOr<Identity> caller = parts_.doorway->Identify(context);
  absl::Status refusal = caller.status();
  if (refusal.ok()) {
    refusal = who == Who::kOwner
                  ? parts_.access->CheckConsume(caller->agency, queue)
                  : parts_.access->CheckManage(caller->agency, queue);
  }
  if (refusal.ok() && parts_.directory->Now()->FindQueue(queue) == nullptr) {
    faults.Add("queue", "is not in the directory");
  }
  if (refusal.ok()) refusal = faults.ToStatus();
  if (refusal.ok()) return *caller;
  parts_.doorway->Refuse(caller, refusal, call, reactor);
  return std::nullopt;
}

template <typename Act>
void QueueServiceImpl::Submit(
    const Identity& caller, Act act, grpc::ServerUnaryReactor* reactor,
    std::function<void(typename Act::Answer)> fill) const {
  const absl::Status submitted = parts_.sequencer->Submit(QueueCommand<Act>{
      .caller = caller,
      .act = std::move(act),
      .done = [reactor, fill = std::move(fill)](
                  absl::StatusOr<typename Act::Answer> answer) {
        if (answer.ok()) fill(*std::move(answer));
        reactor->Finish(ToGrpc(answer.status()));
      }});
  if (!submitted.ok()) reactor->Finish(ToGrpc(submitted));
}

v1::Queue QueueServiceImpl::Shown(v1::Queue queue) const {
  *queue.mutable_dead_letter_owner() =
      parts_.directory->Now()->DeadLetterOwner(queue.queue());
  return queue;
}

// --- Queues.

grpc::ServerUnaryReactor* QueueServiceImpl::GetQueue(
    grpc::CallbackServerContext* context, const v1::GetQueueRequest* request,
    v1::GetQueueResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const std::optional<Identity> caller =
      Enter(*context, "GetQueue", request->queue(), Who::kOwnerOrOperator, {},
            reactor);
  if (!caller.has_value()) return reactor;
  Submit(*caller, DescribeQueues{.queues = {request->queue()}}, reactor,
         [this, response](std::vector<v1::Queue> queues) {
           for (v1::Queue& queue : queues) {
             *response->mutable_queue() = Shown(std::move(queue));
           }
         });
  return reactor;
}

grpc::ServerUnaryReactor* QueueServiceImpl::ListQueues(
    grpc::CallbackServerContext* context, const v1::ListQueuesRequest* request,
    v1::ListQueuesResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const std::optional<Identity> caller =
      parts_.doorway->Admit(*context, "ListQueues", reactor);
  if (!caller.has_value()) return reactor;
  const auto directory = parts_.directory->Now();
  std::vector<std::string> names =
      caller->agency.agency_class() == v1::AGENCY_CLASS_OPERATOR
          ? directory->Queues()
          : directory->QueuesOf(caller->agency);
  std::sort(names.begin(), names.end());
  names.erase(names.begin(), std::upper_bound(names.begin(), names.end(),
                                              request->page_token()));
  const size_t size = static_cast<size_t>(
      request->page_size() == 0
          ? PageLimits::kDefaultPageSize
          : std::clamp(request->page_size(), 1, kMaxListPage));
  if (names.size() > size) {
    names.resize(size);
    response->set_next_page_token(names.back());
  }
  Submit(*caller, DescribeQueues{.queues = std::move(names)}, reactor,
         [this, response](std::vector<v1::Queue> queues) {
           for (v1::Queue& queue : queues) {
             *response->add_queues() = Shown(std::move(queue));
           }
         });
  return reactor;
}

grpc::ServerUnaryReactor* QueueServiceImpl::SetQueueMode(
    grpc::CallbackServerContext* context,
    const v1::SetQueueModeRequest* request,
    v1::SetQueueModeResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  Faults faults;
  CheckReason(request->reason(), &faults);
  if (request->mode() < v1::QUEUE_MODE_SERVING ||
      request->mode() > v1::QUEUE_MODE_DRAINING) {
    faults.Add("mode", "must be SERVING, PAUSED or DRAINING");
  }
  const std::optional<Identity> caller =
      Enter(*context, "SetQueueMode", request->queue(), Who::kOwnerOrOperator,
            std::move(faults), reactor);
  if (!caller.has_value()) return reactor;
  Submit(*caller, SetMode{.request = *request}, reactor,
         [this, response](v1::Queue queue) {
           *response->mutable_queue() = Shown(std::move(queue));
         });
  return reactor;
}

// --- Browsing.

grpc::ServerUnaryReactor* QueueServiceImpl::BrowseMessages(
    grpc::CallbackServerContext* context,
    const v1::BrowseMessagesRequest* request,
    v1::BrowseMessagesResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  Faults faults;
  MessageFilter::Check(request->filter(), "filter", &faults);
  CheckToken(request->page_token(), &faults);
  const std::optional<Identity> caller =
      Enter(*context, "BrowseMessages", request->queue(), Who::kOwnerOrOperator,
            std::move(faults), reactor);
  if (!caller.has_value()) return reactor;
  QueueCommand<FindUnsettled> command{
      .caller = *caller,
      .act = {.queue = request->queue(),
              .after = ParsePageToken(request->page_token()).value_or(0),
              .limit = PageLimits::kMaxScanned},
      .done = nullptr};
  parts_.doorway->Ask<FindUnsettled::Answer>(
      reactor, std::move(command),
      [this, request, response, reactor](FindUnsettled::Answer found) {
        reactor->Finish(ToGrpc(FillBrowse(*request, found, response)));
      });
  return reactor;
}

absl::Status QueueServiceImpl::FillBrowse(
    const v1::BrowseMessagesRequest& request,
    const FindUnsettled::Answer& found,
    v1::BrowseMessagesResponse* response) const {
  const MessageFilter filter(request.filter());
  const int size = PageSize(request.page_size());
  bool more = found.size() == PageLimits::kMaxScanned;
  uint64_t last = 0;
  for (const FindUnsettled::Copy& copy : found) {
    if (response->messages_size() == size) {
      more = true;
      break;
    }
    last = copy.sequence;
    ASSIGN_OR_RETURN(const v1::MessageRecord message,
                     ReadMessageRecord(*parts_.store, copy.sequence));
    if (!filter.Matches(message.envelope())) continue;
    *response->add_messages() = ToQueued(message, request.queue(), copy.record);
  }
  if (more) response->set_next_page_token(absl::StrCat(last));
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* QueueServiceImpl::ListDeadLetters(
    grpc::CallbackServerContext* context,
    const v1::ListDeadLettersRequest* request,
    v1::ListDeadLettersResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  Faults faults;
  MessageFilter::Check(request->filter(), "filter", &faults);
  CheckToken(request->page_token(), &faults);
  const std::optional<Identity> caller =
      Enter(*context, "ListDeadLetters", request->queue(),
            Who::kOwnerOrOperator, std::move(faults), reactor);
  if (!caller.has_value()) return reactor;
  parts_.doorway->OnReader(reactor, [this, request, response, reactor] {
    *response->mutable_owner() =
        parts_.directory->Now()->DeadLetterOwner(request->queue());
    reactor->Finish(ToGrpc(
        ReadDeadLetters(*parts_.store->Snapshot(), request->queue(),
                        MessageFilter(request->filter()),
                        ParsePageToken(request->page_token()).value_or(0),
                        PageSize(request->page_size()), response)));
  });
  return reactor;
}

// --- Replay.

grpc::ServerUnaryReactor* QueueServiceImpl::ReplayMessages(
    grpc::CallbackServerContext* context,
    const v1::ReplayMessagesRequest* request,
    v1::ReplayMessagesResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  Faults faults;
  MessageFilter::Check(request->filter(), "filter", &faults);
  CheckToken(request->page_token(), &faults);
  if (!request->after_message_id().empty() &&
      !ParseMessageId(request->after_message_id()).ok()) {
    faults.Add("after_message_id", "is no message id of this exchange");
  }
  const std::optional<Identity> caller =
      Enter(*context, "ReplayMessages", request->queue(), Who::kOwner,
            std::move(faults), reactor);
  if (!caller.has_value()) return reactor;
  parts_.doorway->OnReader(
      reactor, [this, caller = *caller, request, response, reactor] {
        Replay(caller, *request, response, reactor);
      });
  return reactor;
}

// The message it goes on after.
absl::StatusOr<uint64_t> QueueServiceImpl::ReplayFrom(
    const v1::ReplayMessagesRequest& request) const {
  if (!request.page_token().empty())
    return ParsePageToken(request.page_token());
  uint64_t after = ParseMessageId(request.after_message_id()).value_or(0);
  if (request.filter().has_published_from()) {
    ASSIGN_OR_RETURN(
        const uint64_t first,
        FirstPublishedAt(*parts_.store->Snapshot(),
                         FromProto(request.filter().published_from())));
    after = std::max(after, first - 1);
  }
  return after;
}

void QueueServiceImpl::Replay(const Identity& caller,
                              const v1::ReplayMessagesRequest& request,
                              v1::ReplayMessagesResponse* response,
                              grpc::ServerUnaryReactor* reactor) const {
  const absl::StatusOr<uint64_t> after = ReplayFrom(request);
  if (!after.ok()) return reactor->Finish(ToGrpc(after.status()));
  QueueCommand<FindArrived> command{.caller = caller,
                                    .act = {.queue = request.queue(),
                                            .after = *after,
                                            .limit = PageLimits::kMaxScanned},
                                    .done = nullptr};
  parts_.doorway->Ask<std::vector<uint64_t>>(
      reactor, std::move(command),
      [this, caller, &request, after = *after, response,
       reactor](std::vector<uint64_t> lately) {
        const absl::Status filled =
            FillReplay(caller, request, after, std::move(lately), response);
        if (!filled.ok()) return reactor->Finish(ToGrpc(filled));
        NoteReplay note{.queue = request.queue(), .sequences = {}};
        for (const v1::Message& message : response->messages()) {
          note.sequences.push_back(
              ParseMessageId(message.message_id()).value_or(0));
        }
        if (note.sequences.empty()) return reactor->Finish(grpc::Status::OK);
        Submit(caller, std::move(note), reactor, [](int64_t) {});
      });
}

// `lately` is what memory knew; by now pages tell of the rest.
absl::Status QueueServiceImpl::FillReplay(
    const Identity& caller, const v1::ReplayMessagesRequest& request,
    uint64_t after, std::vector<uint64_t> lately,
    v1::ReplayMessagesResponse* response) const {
  const std::unique_ptr<Reader> snapshot = parts_.store->Snapshot();
  ASSIGN_OR_RETURN(const std::vector<uint64_t> long_ago,
                   ReadSettledAfter(*snapshot, request.queue(), after,
                                    PageLimits::kMaxScanned));
  std::set<uint64_t> sequences(long_ago.begin(), long_ago.end());
  sequences.insert(lately.begin(), lately.end());
  bool more = sequences.size() >= PageLimits::kMaxScanned;
  const MessageFilter filter(request.filter());
  const int size =
      request.page_size() == 0
          ? PageLimits::kMaxReplayed
          : std::clamp(request.page_size(), 1, PageLimits::kMaxReplayed);
  size_t scanned = 0;
  size_t bytes = 0;
  for (const uint64_t sequence : sequences) {
    ASSIGN_OR_RETURN(const v1::MessageRecord record,
                     ReadMessageRecord(*snapshot, sequence));
    const bool matches = filter.Matches(record.envelope());
    const bool full = response->messages_size() == size ||
                      (bytes > 0 && bytes + record.ByteSizeLong() >
                                        PageLimits::kMaxReplayedBytes);
    if (scanned == PageLimits::kMaxScanned || (matches && full)) {
      more = true;
      break;
    }
    ++scanned;
    after = sequence;
    if (!matches) continue;
    bytes += record.ByteSizeLong();
    ASSIGN_OR_RETURN(v1::Message message, OpenMessage(record, *parts_.vault));
    ApplyView(*parts_.directory->Now(), caller.agency, &message);
    *response->add_messages() = std::move(message);
  }
  if (more) response->set_next_page_token(absl::StrCat(after));
  return absl::OkStatus();
}

// --- Cancelling.

absl::StatusOr<CancelCopies> QueueServiceImpl::CheckCancel(
    const Identity& caller, const std::string& message_id) const {
  const absl::Status not_found = absl::NotFoundError(
      absl::StrCat("no message ", message_id, " that this agency published"));
  ASSIGN_OR_RETURN(const uint64_t sequence, ParseMessageId(message_id));
  const absl::StatusOr<v1::MessageRecord> record =
      ReadMessageRecord(*parts_.store, sequence);
  if (absl::IsNotFound(record.status())) return not_found;
  RETURN_IF_ERROR(record.status());
  const v1::Message& envelope = record->envelope();
  if (!SameAgency(envelope.sender(), caller.agency)) return not_found;
  if (RuleOf(envelope.kind()).about_matters ||
      envelope.conversation_id() == ConversationId(sequence)) {
    return absl::FailedPreconditionError(absl::StrCat(
        message_id,
        " has said something about custody, which holds since it was "
        "published: withdraw or correct it instead"));
  }
  std::set<std::string> queues;
  for (const v1::Recipient& recipient : envelope.recipients()) {
    queues.insert(QueueName(DeskOf(recipient)));
  }
  return CancelCopies{.sequence = sequence,
                      .queues = {queues.begin(), queues.end()}};
}

grpc::ServerUnaryReactor* QueueServiceImpl::CancelMessage(
    grpc::CallbackServerContext* context,
    const v1::CancelMessageRequest* request,
    v1::CancelMessageResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const std::optional<Identity> caller =
      parts_.doorway->Admit(*context, "CancelMessage", reactor);
  if (!caller.has_value()) return reactor;
  parts_.doorway->OnReader(
      reactor, [this, caller = *caller, request, response, reactor] {
        absl::StatusOr<CancelCopies> act =
            CheckCancel(caller, request->message_id());
        if (!act.ok()) {
          return parts_.doorway->Refuse(caller, act.status(), "CancelMessage",
                                        reactor);
        }
        Submit(caller, *std::move(act), reactor, [response](absl::Time time) {
          *response->mutable_cancel_time() = ToProto(time);
        });
      });
  return reactor;
}

// --- Jobs.

grpc::ServerUnaryReactor* QueueServiceImpl::RedriveMessages(
    grpc::CallbackServerContext* context,
    const v1::RedriveMessagesRequest* request,
    v1::RedriveMessagesResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  Faults faults;
  MessageFilter::Check(request->filter(), "filter", &faults);
  CheckRequestId(request->request_id(), &faults);
  if (request->max_per_second() < 0 ||
      request->max_per_second() > kMaxPerSecond) {
    faults.Add("max_per_second", "must be 0 to 100000");
  }
  const std::optional<Identity> caller =
      Enter(*context, "RedriveMessages", request->queue(),
            Who::kOwnerOrOperator, std::move(faults), reactor);
  if (!caller.has_value()) return reactor;
  Submit(
      *caller, StartRedrive{.request = *request}, reactor,
      [response](v1::Job job) { *response->mutable_job() = std::move(job); });
  return reactor;
}

grpc::ServerUnaryReactor* QueueServiceImpl::PreparePurge(
    grpc::CallbackServerContext* context,
    const v1::PreparePurgeRequest* request,
    v1::PreparePurgeResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const std::optional<Identity> caller =
      Enter(*context, "PreparePurge", request->queue(), Who::kOwnerOrOperator,
            {}, reactor);
  if (!caller.has_value()) return reactor;
  Submit(*caller, CountPurge{.queue = request->queue()}, reactor,
         [response](v1::PreparePurgeResponse counted) {
           *response = std::move(counted);
         });
  return reactor;
}

grpc::ServerUnaryReactor* QueueServiceImpl::PurgeQueue(
    grpc::CallbackServerContext* context, const v1::PurgeQueueRequest* request,
    v1::PurgeQueueResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  Faults faults;
  CheckReason(request->reason(), &faults);
  CheckRequestId(request->request_id(), &faults);
  const std::optional<Identity> caller =
      Enter(*context, "PurgeQueue", request->queue(), Who::kOwnerOrOperator,
            std::move(faults), reactor);
  if (!caller.has_value()) return reactor;
  Submit(
      *caller, StartPurge{.request = *request}, reactor,
      [response](v1::Job job) { *response->mutable_job() = std::move(job); });
  return reactor;
}

grpc::ServerUnaryReactor* QueueServiceImpl::GetJob(
    grpc::CallbackServerContext* context, const v1::GetJobRequest* request,
    v1::GetJobResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const std::optional<Identity> caller =
      parts_.doorway->Admit(*context, "GetJob", reactor);
  if (!caller.has_value()) return reactor;
  Submit(*caller, FindJobs{.job_id = request->job_id(), .queue = {}}, reactor,
         [response](std::vector<v1::Job> jobs) {
           *response->mutable_job() = std::move(jobs.front());
         });
  return reactor;
}

grpc::ServerUnaryReactor* QueueServiceImpl::ListJobs(
    grpc::CallbackServerContext* context, const v1::ListJobsRequest* request,
    v1::ListJobsResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const std::optional<Identity> caller =
      Enter(*context, "ListJobs", request->queue(), Who::kOwnerOrOperator, {},
            reactor);
  if (!caller.has_value()) return reactor;
  Submit(*caller, FindJobs{.job_id = std::nullopt, .queue = request->queue()},
         reactor, [response](std::vector<v1::Job> jobs) {
           for (v1::Job& job : jobs) *response->add_jobs() = std::move(job);
         });
  return reactor;
}

grpc::ServerUnaryReactor* QueueServiceImpl::CancelJob(
    grpc::CallbackServerContext* context, const v1::CancelJobRequest* request,
    v1::CancelJobResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const std::optional<Identity> caller =
      parts_.doorway->Admit(*context, "CancelJob", reactor);
  if (!caller.has_value()) return reactor;
  Submit(
      *caller, StopJob{.job_id = request->job_id()}, reactor,
      [response](v1::Job job) { *response->mutable_job() = std::move(job); });
  return reactor;
}

}  // namespace baton
