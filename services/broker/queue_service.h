#ifndef BATON_SERVICES_BROKER_QUEUE_SERVICE_H_
#define BATON_SERVICES_BROKER_QUEUE_SERVICE_H_

#include <functional>
#include <optional>
#include <string>

#include "baton/v1/queue_service.grpc.pb.h"
#include "services/broker/access.h"
#include "services/broker/directory_book.h"
#include "services/broker/doorway.h"
#include "services/broker/queue_acts.h"
#include "services/broker/sequencer.h"
#include "services/common/faults.h"
#include "storage/store.h"
#include "storage/vault.h"

namespace baton {

// The front door to what people do with queues. Decisions are QueueDesk's;
// pages are read here, off the commit thread. Thread-safe.
class QueueServiceImpl final : public v1::QueueService::CallbackService {
 public:
  static constexpr int kMaxListPage = 1000;
  static constexpr int kMaxPerSecond = 100'000;

  // All outlive the service.
  struct Parts {
    const Doorway* doorway;
    const Access* access;
    const DirectoryBook* directory;
    Sequencer* sequencer;
    const Store* store;
    const Vault* vault;
  };

  explicit QueueServiceImpl(const Parts& parts) : parts_(parts) {}

  grpc::ServerUnaryReactor* GetQueue(grpc::CallbackServerContext* context,
                                     const v1::GetQueueRequest* request,
                                     v1::GetQueueResponse* response) override;
  grpc::ServerUnaryReactor* ListQueues(
      grpc::CallbackServerContext* context,
      const v1::ListQueuesRequest* request,
      v1::ListQueuesResponse* response) override;
  grpc::ServerUnaryReactor* BrowseMessages(
      grpc::CallbackServerContext* context,
      const v1::BrowseMessagesRequest* request,
      v1::BrowseMessagesResponse* response) override;
  grpc::ServerUnaryReactor* ReplayMessages(
      grpc::CallbackServerContext* context,
      const v1::ReplayMessagesRequest* request,
      v1::ReplayMessagesResponse* response) override;
  grpc::ServerUnaryReactor* SetQueueMode(
      grpc::CallbackServerContext* context,
      const v1::SetQueueModeRequest* request,
      v1::SetQueueModeResponse* response) override;
  grpc::ServerUnaryReactor* CancelMessage(
      grpc::CallbackServerContext* context,
      const v1::CancelMessageRequest* request,
      v1::CancelMessageResponse* response) override;
  grpc::ServerUnaryReactor* ListDeadLetters(
      grpc::CallbackServerContext* context,
      const v1::ListDeadLettersRequest* request,
      v1::ListDeadLettersResponse* response) override;
  grpc::ServerUnaryReactor* RedriveMessages(
      grpc::CallbackServerContext* context,
      const v1::RedriveMessagesRequest* request,
      v1::RedriveMessagesResponse* response) override;
  grpc::ServerUnaryReactor* PreparePurge(
      grpc::CallbackServerContext* context,
      const v1::PreparePurgeRequest* request,
      v1::PreparePurgeResponse* response) override;
  grpc::ServerUnaryReactor* PurgeQueue(
      grpc::CallbackServerContext* context,
      const v1::PurgeQueueRequest* request,
      v1::PurgeQueueResponse* response) override;
  grpc::ServerUnaryReactor* GetJob(grpc::CallbackServerContext* context,
                                   const v1::GetJobRequest* request,
                                   v1::GetJobResponse* response) override;
  grpc::ServerUnaryReactor* ListJobs(grpc::CallbackServerContext* context,
                                     const v1::ListJobsRequest* request,
                                     v1::ListJobsResponse* response) override;
  grpc::ServerUnaryReactor* CancelJob(grpc::CallbackServerContext* context,
                                      const v1::CancelJobRequest* request,
                                      v1::CancelJobResponse* response) override;

 private:
  enum class Who { kOwner, kOwnerOrOperator };

  // The caller, when `who` includes him, there is such a queue, and `faults` is
  // empty; nullopt: the call is refused.
  std::optional<Identity> Enter(const grpc::CallbackServerContext& context,
                                absl::string_view call,
                                const std::string& queue, Who who,
                                Faults faults,
                                grpc::ServerUnaryReactor* reactor) const;
  // Has `act` decided; `fill` makes the response of it.
  template <typename Act>
  void Submit(const Identity& caller, Act act,
              grpc::ServerUnaryReactor* reactor,
              std::function<void(typename Act::Answer)> fill) const;
  // The queue as shown: with its owner.
  v1::Queue Shown(v1::Queue queue) const;
  absl::Status FillBrowse(const v1::BrowseMessagesRequest& request,
                          const FindUnsettled::Answer& found,
                          v1::BrowseMessagesResponse* response) const;
  absl::StatusOr<uint64_t> ReplayFrom(
      const v1::ReplayMessagesRequest& request) const;
  void Replay(const Identity& caller, const v1::ReplayMessagesRequest& request,
              v1::ReplayMessagesResponse* response,
              grpc::ServerUnaryReactor* reactor) const;
  absl::Status FillReplay(const Identity& caller,
                          const v1::ReplayMessagesRequest& request,
                          uint64_t after, std::vector<uint64_t> lately,
                          v1::ReplayMessagesResponse* response) const;
  // What the caller may take back; the rest is for the commit thread.
  absl::StatusOr<CancelCopies> CheckCancel(const Identity& caller,
                                           const std::string& message_id) const;

  const Parts parts_;
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_QUEUE_SERVICE_H_
