#include "services/broker/tracking_service.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/broker/conversation.h"
#include "services/broker/copies.h"
#include "services/broker/deliveries.h"
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

using Parts = TrackingServiceImpl::Parts;
using Copies = std::vector<FindCopiesCommand::Copy>;

absl::StatusOr<Conversation> CheckOwn(const Parts& parts,
                                      const Identity& caller, uint64_t number,
                                      std::optional<Conversation> known) {
  if (!known.has_value()) {
    ASSIGN_OR_RETURN(known,
                     ReadConversation(*parts.store, number, *parts.vault));
  }
  if (!IsParticipant(*known, caller.agency)) {
    return absl::NotFoundError(absl::StrCat(
        "no conversation ", ConversationId(number), " of this agency"));
  }
  return *std::move(known);
}

// Goes on with the conversation as last committed, when `caller` has part in
// it; else with NOT_FOUND, exactly as when there is none.
void WithOwn(const Parts& parts, grpc::ServerUnaryReactor* reactor,
             const Identity& caller, const std::string& conversation_id,
             std::function<void(absl::StatusOr<Conversation>)> then) {
  const absl::StatusOr<uint64_t> number = ParseConversationId(conversation_id);
  if (!number.ok()) return then(number.status());
  parts.doorway->Ask<std::optional<Conversation>>(
      reactor, FindConversationCommand{.number = *number, .done = {}},
      [parts, caller, number = *number,
       then = std::move(then)](std::optional<Conversation> known) {
        then(CheckOwn(parts, caller, number, std::move(known)));
      });
}

// What became of each of `copies`, as the commit thread has found them.
// `copies` are those of the messages of `entries`, in their order; `whole`:
// with what happened to them on the way.
absl::Status FillDeliveries(
    const Parts& parts, const Copies& copies,
    const std::vector<std::optional<v1::DeliveryRecord>>& found, bool whole,
    const std::vector<v1::TimelineEntry*>& entries) {
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
      v1::Delivery* const delivery = entry->add_deliveries();
      // A desk that was taken out of the configuration file: its log is not
      // read, and the state is not known.
      if (!record.has_value()) record.emplace();
      *delivery = ToDelivery(copy->queue, *record);
      if (whole) AddHistory(*record, delivery);
    }
  }
  return absl::OkStatus();
}

// The last part of a call: fills in the deliveries and finishes it.
void FinishWithDeliveries(const Parts& parts, grpc::ServerUnaryReactor* reactor,
                          Copies copies, bool whole,
                          std::vector<v1::TimelineEntry*> entries) {
  FindCopiesCommand command{.copies = copies, .done = {}};
  parts.doorway->Ask<std::vector<std::optional<v1::DeliveryRecord>>>(
      reactor, std::move(command),
      [parts, reactor, copies = std::move(copies), whole,
       entries = std::move(entries)](
          std::vector<std::optional<v1::DeliveryRecord>> found) {
        reactor->Finish(
            ToGrpc(FillDeliveries(parts, copies, found, whole, entries)));
      });
}

// Without its deliveries: those are `copies`.
absl::StatusOr<v1::TimelineEntry> ToTimelineEntry(v1::MessageRecord record,
                                                  const Vault& vault,
                                                  uint64_t sequence,
                                                  Copies* copies) {
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
    copies->push_back(
        {.queue = QueueName(DeskOf(recipient)), .sequence = sequence});
  }
  return entry;
}

// Everything but the deliveries, which are `copies`.
absl::Status FillMessage(const Parts& parts, const v1::MessageRecord& record,
                         uint64_t sequence, Copies* copies,
                         v1::GetMessageResponse* response) {
  response->set_conversation_id(record.envelope().conversation_id());
  response->set_audit_index(static_cast<int64_t>(record.audit_index()));
  *response->mutable_now() = ToProto(parts.clock->Now().wall);
  ASSIGN_OR_RETURN(*response->mutable_entry(),
                   ToTimelineEntry(record, *parts.vault, sequence, copies));
  return absl::OkStatus();
}

absl::Status ReadTimeline(const Reader& reader, const Vault& vault,
                          const Conversation& conversation,
                          const v1::ListTimelineRequest& request,
                          Copies* copies, v1::ListTimelineResponse* response) {
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
        pump_(std::make_shared<WatchHub::Pump>(this, context,
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
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const std::optional<Identity> caller =
      parts_.doorway->Admit(*context, "GetConversation", reactor);
  if (!caller.has_value()) return reactor;
  WithOwn(parts_, reactor, *caller, request->conversation_id(),
          [this, reactor, response](absl::StatusOr<Conversation> own) {
            if (own.ok()) {
              *response->mutable_conversation() = ToPublic(*own);
              *response->mutable_now() = ToProto(parts_.clock->Now().wall);
            }
            reactor->Finish(ToGrpc(own.status()));
          });
  return reactor;
}

grpc::ServerUnaryReactor* TrackingServiceImpl::ListTimeline(
    grpc::CallbackServerContext* context,
    const v1::ListTimelineRequest* request,
    v1::ListTimelineResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const std::optional<Identity> caller =
      parts_.doorway->Admit(*context, "ListTimeline", reactor);
  if (!caller.has_value()) return reactor;
  WithOwn(parts_, reactor, *caller, request->conversation_id(),
          [this, reactor, request, response](absl::StatusOr<Conversation> own) {
            Copies copies;
            const absl::Status read =
                own.ok() ? ReadTimeline(*parts_.store, *parts_.vault, *own,
                                        *request, &copies, response)
                         : own.status();
            if (!read.ok()) return reactor->Finish(ToGrpc(read));
            std::vector<v1::TimelineEntry*> entries;
            for (v1::TimelineEntry& entry : *response->mutable_entries()) {
              entries.push_back(&entry);
            }
            FinishWithDeliveries(parts_, reactor, std::move(copies),
                                 /*whole=*/false, std::move(entries));
          });
  return reactor;
}

// A message of others is NOT_FOUND, exactly like one that does not exist.
grpc::ServerUnaryReactor* TrackingServiceImpl::GetMessage(
    grpc::CallbackServerContext* context, const v1::GetMessageRequest* request,
    v1::GetMessageResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const std::optional<Identity> caller =
      parts_.doorway->Admit(*context, "GetMessage", reactor);
  if (!caller.has_value()) return reactor;
  const auto not_found = [reactor, request] {
    reactor->Finish(ToGrpc(absl::NotFoundError(absl::StrCat(
        "no message ", request->message_id(), " of this agency"))));
  };
  const absl::StatusOr<uint64_t> sequence =
      ParseMessageId(request->message_id());
  if (!sequence.ok()) {
    reactor->Finish(ToGrpc(sequence.status()));
    return reactor;
  }
  parts_.doorway->OnReader(reactor, [this, reactor, response, not_found,
                                     caller = *caller, sequence = *sequence] {
    const auto record = ReadMessageRecord(*parts_.store, sequence);
    if (absl::IsNotFound(record.status())) return not_found();
    if (!record.ok()) return reactor->Finish(ToGrpc(record.status()));
    WithOwn(parts_, reactor, caller, record->envelope().conversation_id(),
            [this, reactor, response, not_found, sequence,
             record = *record](absl::StatusOr<Conversation> own) {
              if (absl::IsNotFound(own.status())) return not_found();
              Copies copies;
              absl::Status shown = own.status();
              if (shown.ok()) {
                shown =
                    FillMessage(parts_, record, sequence, &copies, response);
              }
              if (!shown.ok()) return reactor->Finish(ToGrpc(shown));
              FinishWithDeliveries(parts_, reactor, std::move(copies),
                                   /*whole=*/true, {response->mutable_entry()});
            });
  });
  return reactor;
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
