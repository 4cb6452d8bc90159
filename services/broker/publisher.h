#ifndef BATON_SERVICES_BROKER_PUBLISHER_H_
#define BATON_SERVICES_BROKER_PUBLISHER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baton/v1/broker_service.pb.h"
#include "services/broker/access.h"
#include "services/broker/child_rules.h"
#include "services/broker/directory_book.h"
#include "services/broker/fingerprint.h"
#include "services/broker/ledger.h"
#include "services/broker/queue.h"
#include "services/broker/statement.h"
#include "services/common/clock.h"
#include "services/common/identity.h"

namespace baton {

using MessageList = std::vector<std::unique_ptr<v1::Message>>;
using Queues = absl::flat_hash_map<std::string, std::unique_ptr<Queue>>;

// What one accepted publish leaves behind for the rest of the step.
struct Published {
  v1::PublishResponse response;
  // The new messages, as recipients get them, by sequence.
  std::vector<std::pair<uint64_t, std::shared_ptr<const v1::Message>>> messages;
  absl::flat_hash_set<Queue*> queues;  // That got any of them.
};

// Decides publishes: all messages of a request or none. Everything is checked
// before anything is changed, so a refusal leaves no trace but its leaf.
//
// Not thread-safe: owned by the commit thread.
class Publisher {
 public:
  static constexpr absl::Duration kIdempotencyWindow = absl::Hours(24 * 90);

  // All must outlive the publisher. `content_key` keys the digests that
  // compare repeats, and a key derived from it those that match children.
  Publisher(Ledger* ledger, Queues* queues, SenderUsage* usage,
            const DirectoryBook* directory, const Access* access,
            std::string content_key, const v1::BrokerLimits& limits);

  // `messages` have passed CheckPublish; `fingerprints` are theirs.
  // Refusals:
  //   PERMISSION_DENIED    no access rule; what only the exchange says
  //   NOT_FOUND            a conversation the sender is no part of; a test
  //                        message to a desk that is not in the directory
  //   INVALID_ARGUMENT     references or custody content are wrong; expired
  //   ALREADY_EXISTS       same idempotency key, other content
  //   FAILED_PRECONDITION  repeat out of the window; not the holder, author
  //                        or whom it is offered to; a document that is not
  //                        complete
  //   ABORTED              the matter's version moved
  //   RESOURCE_EXHAUSTED   a queue, conversation or matter is full, or the
  //                        sender's quota; immediate danger passes
  // Any other code (DATA_LOSS, UNAVAILABLE, INTERNAL) is the disk's: stop.
  absl::StatusOr<Published> Publish(const Identity& sender,
                                    MessageList messages,
                                    std::vector<Fingerprint> fingerprints,
                                    Instant now);

 private:
  // One message between checking and applying.
  struct Draft {
    std::unique_ptr<v1::Message> message;
    Fingerprint fingerprint;  // Empty: the exchange's own message, which
                              // nobody repeats.
    v1::PublishReceipt repeat_receipt;
    bool is_repeat = false;
    std::vector<Queue*> queues;        // One per recipient.
    Said said;                         // About matters that are there.
    uint64_t conversation_number = 0;  // 0: opens one.
  };

  absl::StatusOr<Draft> Check(const Identity& sender,
                              std::unique_ptr<v1::Message> message,
                              Fingerprint fingerprint);
  absl::Status CheckRepeat(Draft* draft);
  absl::Status CheckRoute(const Identity& sender, Draft* draft);
  absl::Status CheckWayBack(const Identity& sender, v1::Message* message) const;
  absl::Status CheckConversation(const Identity& sender, Draft* draft);
  void NameQueues(Draft* draft) const;
  absl::Status AddOwedRecipients(Draft* draft);
  absl::Status CheckRules(const Identity& sender, Draft* draft);
  absl::Status CheckConversationRoom(const std::vector<Draft>& drafts);
  absl::Status CheckTogether(const std::vector<Draft>& drafts);
  absl::Status CheckRoom(const Identity& sender,
                         const std::vector<Draft>& drafts, Instant now);

  absl::Status Apply(const Identity& sender, Draft draft, Instant now,
                     Published* published);
  absl::StatusOr<Conversation*> OpenOrFind(const Draft& draft,
                                           uint64_t sequence,
                                           v1::Message* message);
  absl::Status ApplyAlerts(const std::string& cause,
                           std::vector<v1::Message> alerts, Instant now,
                           Published* published);

  Ledger* const ledger_;
  Queues* const queues_;
  SenderUsage* const usage_;
  const DirectoryBook* const directory_;
  const Access* const access_;
  const std::string content_key_;
  const int max_recipients_;
  const int max_conversation_messages_;
  ChildRules rules_;
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_PUBLISHER_H_
