#ifndef BATON_SERVICES_BROKER_TRACKING_SERVICE_H_
#define BATON_SERVICES_BROKER_TRACKING_SERVICE_H_

#include "baton/v1/tracking_service.grpc.pb.h"
#include "services/broker/directory_book.h"
#include "services/broker/doorway.h"
#include "services/broker/watch_hub.h"
#include "services/common/clock.h"
#include "services/common/stream_registry.h"
#include "storage/store.h"
#include "storage/vault.h"

namespace baton {

// Shows custody, receipts and deliveries to the agencies of a conversation.
// Thread-safe; reads run on the doorway's readers.
class TrackingServiceImpl final : public v1::TrackingService::CallbackService {
 public:
  static constexpr int kDefaultPageSize = 100;
  static constexpr int kMaxPageSize = 500;

  // All outlive the service.
  struct Parts {
    const Doorway* doorway;
    const DirectoryBook* directory;
    Sequencer* sequencer;
    StreamRegistry* streams;
    WatchHub* watchers;
    const Store* store;
    const Vault* vault;
    const Clock* clock;
  };

  explicit TrackingServiceImpl(const Parts& parts) : parts_(parts) {}

  grpc::ServerUnaryReactor* GetConversation(
      grpc::CallbackServerContext* context,
      const v1::GetConversationRequest* request,
      v1::GetConversationResponse* response) override;
  grpc::ServerUnaryReactor* ListTimeline(
      grpc::CallbackServerContext* context,
      const v1::ListTimelineRequest* request,
      v1::ListTimelineResponse* response) override;
  grpc::ServerUnaryReactor* GetMessage(
      grpc::CallbackServerContext* context,
      const v1::GetMessageRequest* request,
      v1::GetMessageResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchConversationsResponse>* WatchConversations(
      grpc::CallbackServerContext* context,
      const v1::WatchConversationsRequest* request) override;
  grpc::ServerUnaryReactor* RecordFirstRead(
      grpc::CallbackServerContext* context,
      const v1::RecordFirstReadRequest* request,
      v1::RecordFirstReadResponse* response) override;

 private:
  const Parts parts_;
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_TRACKING_SERVICE_H_
