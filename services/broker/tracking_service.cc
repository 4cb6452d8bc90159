#include "services/broker/tracking_service.h"

#include <algorithm>
#include <future>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "services/broker/conversation.h"
#include "services/broker/sealed_records.h"
#include "services/broker/settled_copies.h"
#include "services/common/agency.h"
#include "services/common/faults.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"
#include "services/common/rpc_status.h"
#include "storage/keys.h"
#include "storage/status.h"

namespace baton {
namespace {

constexpr size_t kMaxPendingResponses = 1024;
constexpr absl::Duration kMaxCommitWait = absl::Seconds(5);

// What the commit thread answers to `command`, within a commit. Blocks: for
// reader threads.
template <typename Result, typename FindCommand>
absl::StatusOr<Result> Ask(Sequencer* sequencer, FindCommand command) {
  const auto answer = std::make_shared<std::promise<absl::StatusOr<Result>>>();
  std::future<absl::StatusOr<Result>> found = answer->get_future();
  command.done = [answer](absl::StatusOr<Result> result) {
    answer->set_value(std::move(result));
  };
  RETURN_IF_ERROR(sequencer->Submit(std::move(command)));
  if (found.wait_for(absl::ToChronoMilliseconds(kMaxCommitWait)) !=
      std::future_status::ready) {
    return absl::UnavailableError(
        "the exchange is busy or stopping; try again");
  }
  return found.get();
}

// The conversation as last committed, when `caller` has part in it.
absl::StatusOr<Conversation> ReadOwn(const TrackingServiceImpl::Parts& parts,
                                     const Identity& caller,
                                     const std::string& conversation_id) {
  ASSIGN_OR_RETURN(const uint64_t number, ParseConversationId(conversation_id));
  ASSIGN_OR_RETURN(
      std::optional<Conversation> known,
      Ask<std::optional<Conversation>>(
          parts.sequencer,
          FindConversationCommand{.number = number, .done = nullptr}));
  if (!known.has_value()) {
    ASSIGN_OR_RETURN(known,
                     ReadConversation(*parts.store, number, *parts.vault));
  }
  Conversation& conversation = *known;
  if (!IsParticipant(conversation, caller.agency)) {
    return absl::NotFoundError(
        absl::StrCat("no conversation ", conversation_id, " of this agency"));
  }
  return conversation;
}

v1::Delivery ToDelivery(const std::string& queue,
                        const v1::DeliveryRecord& record) {
  v1::Delivery delivery;
  delivery.set_queue(queue);
  delivery.set_state(record.state());
  delivery.set_delivery_attempt(record.delivery_attempt());
  delivery.set_reason(record.reason());
  *delivery.mutable_state_time() =
      ToProto(absl::FromUnixMicros(record.state_time_micros()));
  return delivery;
}

void AddHistory(const v1::DeliveryRecord& record, v1::Delivery* delivery) {
  delivery->set_consumer(record.consumer());
  for (const v1::AttemptRecord& attempt : record.attempts()) {
    v1::DeliveryAttempt* const added = delivery->add_attempts();
    added->set_delivery_attempt(attempt.delivery_attempt());
    added->set_consumer(attempt.consumer());
    *added->mutable_end_time() =
        ToProto(absl::FromUnixMicros(attempt.end_time_micros()));
    added->set_reason(attempt.reason());
  }
}

// What became of each of `copies`, which are those of the messages in
// `entries`, in their order; with what happened to them on the way if `whole`.
absl::Status FillDeliveries(const TrackingServiceImpl::Parts& parts,
                            const std::vector<FindCopiesCommand::Copy>& copies,
                            bool whole,
                            absl::Span<v1::TimelineEntry* const> entries) {
  ASSIGN_OR_RETURN(const auto found,
                   Ask<std::vector<std::optional<v1::DeliveryRecord>>>(
                       parts.sequencer,
                       FindCopiesCommand{.copies = copies, .done = nullptr}));
  // What the answer does not know was on disk by then.
  const std::unique_ptr<Reader> snapshot = parts.store->Snapshot();
  auto copy = copies.begin();
  auto state = found.begin();
  for (v1::TimelineEntry* const entry : entries) {
    const uint64_t sequence = ParseMessageId(entry->message_id()).value_or(0);
    for (; copy != copies.end() && copy->sequence == sequence;
         ++copy, ++state) {
      std::optional<v1::DeliveryRecord> record = *state;
      if (!record.has_value()) {
        ASSIGN_OR_RETURN(record, ReadSettled(*snapshot, copy->queue, sequence));
      }
      if (!record.has_value()) {
        return absl::DataLossError(absl::StrCat(
            "the delivery record of ", entry->message_id(), " is missing"));
      }
      v1::Delivery* const delivery = entry->add_deliveries();
      *delivery = ToDelivery(copy->queue, *record);
      if (whole) AddHistory(*record, delivery);
    }
  }
  return absl::OkStatus();
}

// The record of a message of a conversation that `caller` has part in. Others'
// is NOT_FOUND, exactly like one that does not exist.
absl::StatusOr<v1::MessageRecord> ReadOwnMessage(
    const TrackingServiceImpl::Parts& parts, const Identity& caller,
    const std::string& message_id) {
  ASSIGN_OR_RETURN(const uint64_t sequence, ParseMessageId(message_id));
  absl::StatusOr<v1::MessageRecord> record =
      ReadMessageRecord(*parts.store, sequence);
  if (record.ok()) {
    const absl::Status own =
        ReadOwn(parts, caller, record->envelope().conversation_id()).status();
    if (own.ok()) return record;
    if (!absl::IsNotFound(own)) return own;
  }
  if (!record.ok() && !absl::IsNotFound(record.status())) {
    return record.status();
  }
  return absl::NotFoundError(
      absl::StrCat("no message ", message_id, " of this agency"));
}

// Without its deliveries: those are `copies`.
absl::StatusOr<v1::TimelineEntry> ToTimelineEntry(
    v1::MessageRecord record, const Vault& vault, uint64_t sequence,
    std::vector<FindCopiesCommand::Copy>* copies) {
  record.clear_parts();
  ASSIGN_OR_RETURN(const v1::Message message, OpenMessage(record, vault));
  v1::TimelineEntry entry;
  entry.set_message_id(message.message_id());
  entry.set_kind(message.kind());
  *entry.mutable_sender() = message.sender();
  *entry.mutable_actor() = message.actor();
  *entry.mutable_publish_time() = message.publish_time();
  *entry.mutable_matter_ids() = message.matter_ids();
  *entry.mutable_marks() = message.marks();
  for (const v1::Recipient& recipient : message.recipients()) {
    copies->push_back({.queue = QueueName(recipient.has_redirected_to()
                                              ? recipient.redirected_to()
                                              : recipient.address()),
                       .sequence = sequence});
  }
  return entry;
}

absl::Status ReadTimeline(const Reader& reader, const Vault& vault,
                          const Conversation& conversation,
                          const v1::ListTimelineRequest& request,
                          std::vector<FindCopiesCommand::Copy>* copies,
                          v1::ListTimelineResponse* response) {
  int start = 0;
  if (!request.page_token().empty() &&
      (!absl::SimpleAtoi(request.page_token(), &start) || start < 0)) {
    return absl::InvalidArgumentError(
        "page_token is none of this exchange's; start without one");
  }
  const int size = request.page_size() == 0
                       ? TrackingServiceImpl::kDefaultPageSize
                       : std::clamp(request.page_size(), 1,
                                    TrackingServiceImpl::kMaxPageSize);
  const auto& sequences = conversation.record.message_sequences();
  const int end = std::min(start + size, sequences.size());
  for (int i = start; i < end; ++i) {
    ASSIGN_OR_RETURN(v1::MessageRecord record,
                     ReadMessageRecord(reader, sequences[i]));
    ASSIGN_OR_RETURN(
        *response->add_entries(),
        ToTimelineEntry(std::move(record), vault, sequences[i], copies));
  }
  if (end < sequences.size()) {
    response->set_next_page_token(absl::StrCat(end));
  }
  return absl::OkStatus();
}

// One WatchConversations. Owned by gRPC: deletes itself when the call is over.
class ConversationWatch final
    : public grpc::ServerWriteReactor<v1::WatchConversationsResponse> {
 public:
  ConversationWatch(const TrackingServiceImpl::Parts& parts,
                    grpc::CallbackServerContext* context)
      : parts_(parts),
        pump_(std::make_shared<WatchHub::Pump>(
            [this](const v1::WatchConversationsResponse* response) {
              StartWrite(response);
            },
            [this](grpc::Status status) { Finish(std::move(status)); },
            kMaxPendingResponses)) {
    const absl::StatusOr<Identity> caller = parts_.doorway->Identify(*context);
    const absl::Status opened =
        caller.ok() ? Open(caller->agency) : caller.status();
    if (!opened.ok()) {
      parts_.doorway->Refuse(
          caller, opened, "WatchConversations",
          [pump = pump_, opened](const grpc::Status&) { pump->End(opened); });
    }
  }

  void OnWriteDone(bool ok) override { pump_->OnWriteDone(ok); }
  void OnCancel() override {
    pump_->End(absl::CancelledError("the client is gone"));
  }
  void OnDone() override {
    pump_->Detach();
    if (registration_ != 0) parts_.streams->Remove(registration_);
    if (watcher_ != 0) parts_.watchers->Remove(watcher_);
    delete this;
  }

 private:
  absl::Status Open(const v1::Agency& agency) {
    const auto heartbeat = [pump = pump_, clock = parts_.clock] {
      v1::WatchConversationsResponse response;
      *response.mutable_heartbeat_time() = ToProto(clock->Now().wall);
      pump->Send(std::move(response));
    };
    ASSIGN_OR_RETURN(registration_,
                     parts_.streams->Add(agency, pump_, heartbeat));
    // After registering: a removal has ended the streams registered then.
    if (parts_.directory->Now()->WasRemoved(agency)) {
      return absl::PermissionDeniedError(absl::StrCat(
          AgencyName(agency), " was removed from the exchange's directory"));
    }
    watcher_ = parts_.watchers->Add(agency, pump_);
    heartbeat();  // Says that watching has begun.
    return absl::OkStatus();
  }

  const TrackingServiceImpl::Parts parts_;
  const std::shared_ptr<WatchHub::Pump> pump_;
  uint64_t registration_ = 0;
  uint64_t watcher_ = 0;
};

}  // namespace

grpc::ServerUnaryReactor* TrackingServiceImpl::GetConversation(
    grpc::CallbackServerContext* context,
    const v1::GetConversationRequest* request,
    v1::GetConversationResponse* response) {
  return parts_.doorway->Read(
      context, "GetConversation",
      [this, request, response](const Identity& caller) -> absl::Status {
        ASSIGN_OR_RETURN(const Conversation conversation,
                         ReadOwn(parts_, caller, request->conversation_id()));
        *response->mutable_conversation() = ToPublic(conversation);
        *response->mutable_now() = ToProto(parts_.clock->Now().wall);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* TrackingServiceImpl::ListTimeline(
    grpc::CallbackServerContext* context,
    const v1::ListTimelineRequest* request,
    v1::ListTimelineResponse* response) {
  return parts_.doorway->Read(
      context, "ListTimeline",
      [this, request, response](const Identity& caller) -> absl::Status {
        ASSIGN_OR_RETURN(const Conversation conversation,
                         ReadOwn(parts_, caller, request->conversation_id()));
        std::vector<FindCopiesCommand::Copy> copies;
        RETURN_IF_ERROR(ReadTimeline(*parts_.store, *parts_.vault, conversation,
                                     *request, &copies, response));
        std::vector<v1::TimelineEntry*> entries;
        for (v1::TimelineEntry& entry : *response->mutable_entries()) {
          entries.push_back(&entry);
        }
        return FillDeliveries(parts_, copies, /*whole=*/false, entries);
      });
}

grpc::ServerUnaryReactor* TrackingServiceImpl::GetMessage(
    grpc::CallbackServerContext* context, const v1::GetMessageRequest* request,
    v1::GetMessageResponse* response) {
  return parts_.doorway->Read(
      context, "GetMessage",
      [this, request, response](const Identity& caller) -> absl::Status {
        ASSIGN_OR_RETURN(v1::MessageRecord record,
                         ReadOwnMessage(parts_, caller, request->message_id()));
        response->set_conversation_id(record.envelope().conversation_id());
        response->set_audit_index(static_cast<int64_t>(record.audit_index()));
        std::vector<FindCopiesCommand::Copy> copies;
        ASSIGN_OR_RETURN(
            *response->mutable_entry(),
            ToTimelineEntry(std::move(record), *parts_.vault,
                            ParseMessageId(request->message_id()).value(),
                            &copies));
        *response->mutable_now() = ToProto(parts_.clock->Now().wall);
        return FillDeliveries(parts_, copies, /*whole=*/true,
                              {response->mutable_entry()});
      });
}

grpc::ServerWriteReactor<v1::WatchConversationsResponse>*
TrackingServiceImpl::WatchConversations(grpc::CallbackServerContext* context,
                                        const v1::WatchConversationsRequest*) {
  return new ConversationWatch(parts_, context);
}

grpc::ServerUnaryReactor* TrackingServiceImpl::RecordFirstRead(
    grpc::CallbackServerContext* context,
    const v1::RecordFirstReadRequest* request,
    v1::RecordFirstReadResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const absl::StatusOr<Identity> caller = parts_.doorway->Identify(*context);
  Faults faults;
  if (!ParseMatterId(request->matter_id()).ok()) {
    faults.Add("matter_id", "is no matter id of this exchange");
  }
  if (request->actor().name().empty()) {
    faults.Add("actor.name", "is required: who opened it");
  }
  const absl::Status refusal =
      caller.ok() ? faults.ToStatus() : caller.status();
  if (!refusal.ok()) {
    parts_.doorway->Refuse(caller, refusal, "RecordFirstRead", reactor);
    return reactor;
  }
  const absl::Status submitted = parts_.sequencer->Submit(FirstReadCommand{
      .caller = *caller,
      .matter_id = request->matter_id(),
      .actor = request->actor(),
      .done = [reactor, response](absl::StatusOr<v1::Matter> matter) {
        if (matter.ok()) *response->mutable_matter() = *std::move(matter);
        reactor->Finish(ToGrpc(matter.status()));
      }});
  if (!submitted.ok()) reactor->Finish(ToGrpc(submitted));
  return reactor;
}

}  // namespace baton
