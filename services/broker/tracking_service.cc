#include "services/broker/tracking_service.h"

#include <algorithm>
#include <future>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
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

// The conversation, when `caller` has part in it.
absl::StatusOr<Conversation> ReadOwn(const Reader& reader, const Vault& vault,
                                     const Identity& caller,
                                     const std::string& conversation_id) {
  ASSIGN_OR_RETURN(const uint64_t number, ParseConversationId(conversation_id));
  ASSIGN_OR_RETURN(Conversation conversation,
                   ReadConversation(reader, number, vault));
  if (!IsParticipant(conversation, caller.agency)) {
    return absl::NotFoundError(
        absl::StrCat("no conversation ", conversation_id, " of this agency"));
  }
  return conversation;
}

// Waits for the commit thread, which answers within a commit. Blocks: for
// reader threads.
absl::StatusOr<std::vector<std::optional<v1::DeliveryRecord>>> FindCopies(
    Sequencer* sequencer, std::vector<FindCopiesCommand::Copy> copies) {
  using Found = std::vector<std::optional<v1::DeliveryRecord>>;
  const auto answer = std::make_shared<std::promise<absl::StatusOr<Found>>>();
  std::future<absl::StatusOr<Found>> found = answer->get_future();
  RETURN_IF_ERROR(sequencer->Submit(FindCopiesCommand{
      .copies = std::move(copies), .done = [answer](absl::StatusOr<Found> all) {
        answer->set_value(std::move(all));
      }}));
  if (found.wait_for(absl::ToChronoMilliseconds(kMaxCommitWait)) !=
      std::future_status::ready) {
    return absl::UnavailableError(
        "the exchange is busy or stopping; try again");
  }
  return found.get();
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

// What became of each of `copies`, which are those of the messages in
// `response`, in their order.
absl::Status FillDeliveries(const Store& store, Sequencer* sequencer,
                            std::vector<FindCopiesCommand::Copy> copies,
                            v1::ListTimelineResponse* response) {
  ASSIGN_OR_RETURN(const auto found, FindCopies(sequencer, copies));
  // What the answer does not know was on disk by then.
  const std::unique_ptr<Reader> snapshot = store.Snapshot();
  auto copy = copies.begin();
  auto state = found.begin();
  for (v1::TimelineEntry& entry : *response->mutable_entries()) {
    const uint64_t sequence = ParseMessageId(entry.message_id()).value_or(0);
    for (; copy != copies.end() && copy->sequence == sequence;
         ++copy, ++state) {
      std::optional<v1::DeliveryRecord> record = *state;
      if (!record.has_value()) {
        ASSIGN_OR_RETURN(record, ReadSettled(*snapshot, copy->queue, sequence));
      }
      if (!record.has_value()) {
        return absl::DataLossError(absl::StrCat(
            "the delivery record of ", entry.message_id(), " is missing"));
      }
      *entry.add_deliveries() = ToDelivery(copy->queue, *record);
    }
  }
  return absl::OkStatus();
}

// Without its deliveries: those are `copies`.
absl::StatusOr<v1::TimelineEntry> ReadTimelineEntry(
    const Reader& reader, const Vault& vault, uint64_t sequence,
    std::vector<FindCopiesCommand::Copy>* copies) {
  ASSIGN_OR_RETURN(v1::MessageRecord record,
                   ReadMessageRecord(reader, sequence));
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
    ASSIGN_OR_RETURN(*response->add_entries(),
                     ReadTimelineEntry(reader, vault, sequences[i], copies));
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
                         ReadOwn(*parts_.store, *parts_.vault, caller,
                                 request->conversation_id()));
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
        const std::unique_ptr<Reader> snapshot = parts_.store->Snapshot();
        ASSIGN_OR_RETURN(const Conversation conversation,
                         ReadOwn(*snapshot, *parts_.vault, caller,
                                 request->conversation_id()));
        std::vector<FindCopiesCommand::Copy> copies;
        RETURN_IF_ERROR(ReadTimeline(*snapshot, *parts_.vault, conversation,
                                     *request, &copies, response));
        return FillDeliveries(*parts_.store, parts_.sequencer,
                              std::move(copies), response);
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
