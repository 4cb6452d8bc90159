#ifndef BATON_SERVICES_BROKER_COMMAND_H_
#define BATON_SERVICES_BROKER_COMMAND_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "baton/v1/broker_service.pb.h"
#include "baton/v1/config.pb.h"
#include "baton/v1/conversation.pb.h"
#include "baton/v1/directory_service.pb.h"
#include "baton/v1/message.pb.h"
#include "baton/v1/record.pb.h"
#include "services/broker/conversation.h"
#include "services/broker/fingerprint.h"
#include "services/broker/queue.h"
#include "services/broker/queue_acts.h"
#include "services/common/identity.h"

// What RPCs ask of the commit thread. Everything that needs no state was
// checked before; callers' rights over queues too. `done` is called once,
// after the commit that holds the effects (or the refusal's leaf), on the
// finisher thread, or on the thread that stepped when nothing else is going on:
// it must not block.
namespace baton {

template <typename Result>
using Done = std::function<void(absl::StatusOr<Result>)>;

// `fingerprints`, here and below, are Exchange::Prepare's: one for each
// message.
struct PublishCommand {
  Identity sender;
  v1::PublishRequest request;
  Done<v1::PublishResponse> done;
  std::vector<Fingerprint> fingerprints = {};
};

// Messages that are decided one by one; `refusals` has one status for each, not
// OK for those that the checks without state refuse.
struct PublishEachCommand {
  Identity sender;
  v1::StreamingPublishRequest request;
  std::vector<absl::Status> refusals;
  Done<v1::StreamingPublishResponse> done;
  std::vector<Fingerprint> fingerprints = {};
};

enum class SettleKind { kAcknowledge, kNack, kReject, kModifyDeadline };

struct SettleResult {
  std::vector<absl::Status> statuses;  // One per ack_id.
  absl::Time lease_expire_time;        // For kModifyDeadline.
};

struct SettleCommand {
  Identity caller;
  SettleKind kind;
  std::string queue;
  std::vector<std::string> ack_ids;
  std::string reason;
  // Retry delay of a nack, or new length of a lease.
  std::optional<absl::Duration> duration;
  Done<SettleResult> done;
};

// Acknowledges and publishes, or neither. `request` has passed CheckPublish.
struct AcknowledgeAndPublishCommand {
  struct Result {
    SettleResult settled;  // When any is not OK, nothing happened.
    absl::StatusOr<v1::PublishResponse> published = v1::PublishResponse();
  };
  Identity caller;
  std::string queue;
  std::vector<std::string> ack_ids;
  v1::PublishRequest request;
  Done<Result> done;
  std::vector<Fingerprint> fingerprints = {};
};

// A message on its way to a consumer. `message` is set when it is still in
// memory; otherwise it is read from the store.
struct Handover {
  Leased leased;
  std::shared_ptr<const v1::Message> message;
};

// Where a consumer's messages go. Called on the finisher thread, or as `done`
// is; must not block.
class DeliverySink {
 public:
  virtual ~DeliverySink() = default;
  virtual void Deliver(std::vector<v1::ReceivedMessage> messages) = 0;
  // What happened to the consumer; who has no way to hear it, does not.
  virtual void Notify(v1::ConsumerNotice) {}
  // Nothing comes any more, and why; what was told before arrives first.
  virtual void End(absl::Status why) = 0;
};

struct SubscribeCommand {
  Identity caller;
  std::string queue;
  Consumer consumer;
  std::shared_ptr<DeliverySink> sink;
  // Ends by itself with its first delivery; without `wait` that one is made
  // at once, empty when nothing is ready.
  bool once = false;
  bool wait = true;
};

struct GrantCommand {
  std::string queue;
  uint64_t consumer_id;
  int max_messages;
  int64_t max_bytes;
};

struct UnsubscribeCommand {
  std::string queue;
  uint64_t consumer_id;
};

struct FirstReadCommand {
  Identity caller;
  std::string matter_id;
  v1::Actor actor;
  Done<v1::Matter> done;
};

struct AgencyChange {
  v1::DirectoryEntry entry;  // As it is now; gone after a removal.
  bool changed = false;      // False: it was so already.
};

// An operator changes the directory: puts `agency`, or removes the one that
// `agency` names.
struct ChangeAgencyCommand {
  Identity caller;
  std::string request_id;
  v1::AgencyConfig agency;
  bool remove = false;
  int64_t expected_version = 0;  // 0: whatever it is.
  // No undecided matter was held by a desk that goes, as of this commit; unset
  // when no desk was to go.
  std::optional<uint64_t> custody_commit;
  Done<AgencyChange> done;
};

// About documents: see attachment_store.h. `upload` is what the last answer
// about it was; bytes and digests were checked before.
struct BeginUpload {
  uint64_t conversation_number;
  v1::Attachment attachment;
  int64_t offset;
};

struct AddChunk {
  v1::AttachmentRecord upload;
  std::string sealed;  // The chunk at upload.durable_bytes().
};

struct EndUpload {
  v1::AttachmentRecord upload;
  std::string sha256;
  absl::Status verdict;  // Not OK: the upload is given up.
  std::string ciphertext_sha256;
};

struct HandOutDocument {
  v1::Message message;  // Envelope of the one that names it.
  v1::AttachmentRecord document;
};

using AttachmentAct =
    std::variant<BeginUpload, AddChunk, EndUpload, HandOutDocument>;

struct AttachmentCommand {
  Identity caller;
  AttachmentAct act;
  Done<v1::AttachmentRecord> done;
};

// The conversation as of this commit, when the disk's record of it is behind;
// else nullopt, to be read after the answer.
struct FindConversationCommand {
  uint64_t number;
  Done<std::optional<Conversation>> done;
};

// How copies stand, as of this commit: the newest of it is in memory only. A
// copy that was settled long ago is nullopt here and on disk, to be read after
// the answer (ReadSettled).
struct FindCopiesCommand {
  struct Copy {
    std::string queue;
    uint64_t sequence;
  };
  std::vector<Copy> copies;
  Done<std::vector<std::optional<v1::DeliveryRecord>>> done;
};

// What people do with queues by hand: one of queue_acts.h.
template <typename Act>
struct QueueCommand {
  Identity caller;
  Act act;
  Done<typename Act::Answer> done;
};

// A refusal decided before the commit thread: only its leaf is left to write.
struct DeniedCommand {
  std::optional<Identity> caller;  // Empty: not even authenticated.
  std::string code;                // "PERMISSION_DENIED/Publish".
  std::function<void()> done;
};

using Command =
    std::variant<PublishCommand, PublishEachCommand, SettleCommand,
                 AcknowledgeAndPublishCommand, SubscribeCommand, GrantCommand,
                 UnsubscribeCommand, FirstReadCommand, ChangeAgencyCommand,
                 AttachmentCommand, FindConversationCommand, FindCopiesCommand,
                 QueueCommand<DescribeQueues>, QueueCommand<FindUnsettled>,
                 QueueCommand<FindArrived>, QueueCommand<NoteReplay>,
                 QueueCommand<SetMode>, QueueCommand<CancelCopies>,
                 QueueCommand<StartRedrive>, QueueCommand<CountPurge>,
                 QueueCommand<StartPurge>, QueueCommand<FindJobs>,
                 QueueCommand<StopJob>, DeniedCommand>;

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_COMMAND_H_
