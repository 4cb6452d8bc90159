#ifndef BATON_SERVICES_BROKER_DIRECTORY_SERVICE_H_
#define BATON_SERVICES_BROKER_DIRECTORY_SERVICE_H_

#include <functional>

#include "absl/strings/string_view.h"
#include "baton/v1/directory_service.grpc.pb.h"
#include "services/broker/directory_book.h"
#include "services/broker/doorway.h"
#include "services/broker/sequencer.h"
#include "services/common/executor.h"
#include "services/common/stream_registry.h"
#include "storage/store.h"

namespace baton {

// Shows the directory to every participant and takes operators' changes.
// Before a desk goes, a reader thread looks for matters it holds; the command
// then says as of which commit there were none. Once the change is on disk the
// agency's streams end: whoever is still there connects again to what is left.
//
// Thread-safe; never blocks.
class DirectoryServiceImpl final
    : public v1::DirectoryService::CallbackService {
 public:
  static constexpr int kDefaultPageSize = 100;
  static constexpr int kMaxPageSize = 500;

  // All outlive the service.
  struct Parts {
    const Doorway* doorway;
    const DirectoryBook* directory;
    Sequencer* sequencer;
    StreamRegistry* streams;
    Executor* readers;
    const Store* store;
    v1::Environment environment;
  };

  explicit DirectoryServiceImpl(const Parts& parts) : parts_(parts) {}

  grpc::ServerUnaryReactor* ListAgencies(
      grpc::CallbackServerContext* context,
      const v1::ListAgenciesRequest* request,
      v1::ListAgenciesResponse* response) override;
  grpc::ServerUnaryReactor* GetAgency(grpc::CallbackServerContext* context,
                                      const v1::GetAgencyRequest* request,
                                      v1::GetAgencyResponse* response) override;
  grpc::ServerUnaryReactor* PutAgency(grpc::CallbackServerContext* context,
                                      const v1::PutAgencyRequest* request,
                                      v1::PutAgencyResponse* response) override;
  grpc::ServerUnaryReactor* RemoveAgency(
      grpc::CallbackServerContext* context,
      const v1::RemoveAgencyRequest* request,
      v1::RemoveAgencyResponse* response) override;

 private:
  using Fill = std::function<void(const AgencyChange&)>;

  // Refuses the call, or goes on with Look or Submit.
  grpc::ServerUnaryReactor* Change(grpc::CallbackServerContext* context,
                                   absl::string_view call, const Faults& faults,
                                   ChangeAgencyCommand command, Fill fill);
  // Looks for matters at the desks that would go; then Submit.
  void Look(ChangeAgencyCommand command, absl::string_view call,
            grpc::ServerUnaryReactor* reactor);
  void Submit(ChangeAgencyCommand command, grpc::ServerUnaryReactor* reactor);
  void EndStreams(const v1::Agency& agency, bool removed);

  const Parts parts_;
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_DIRECTORY_SERVICE_H_
