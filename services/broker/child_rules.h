#ifndef BATON_SERVICES_BROKER_CHILD_RULES_H_
#define BATON_SERVICES_BROKER_CHILD_RULES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baton/v1/message.pb.h"
#include "baton/v1/record.pb.h"
#include "services/broker/child_part.h"
#include "services/broker/conversation.h"
#include "services/broker/directory_book.h"
#include "services/broker/ledger.h"
#include "services/common/identity.h"

namespace baton {

// What the broker does by rule with what a message says about a child:
//
//   allegations   against staff go to the designated officer's desk only
//   restricted    children are neither matched nor alerted about until released
//   links         a matter is linked to others that may be about the same
//                 child or incident
//   alerts        the child's school is told the minimum
//
// All of it happens in the commit of the message that causes it, so a repeat
// of the cause causes nothing again. The child of a FoundReport, and alerts
// held back, are read from the messages already stored: nothing personal is
// kept twice, and what was erased tells nobody anything.
//
// Not thread-safe: owned by the commit thread.
class ChildRules {
 public:
  // Links that one message makes at most, and one commit, so that it fits the
  // store. Matters that come beyond either are in the index all the same.
  static constexpr int kMaxLinksOfMessage = 64;
  static constexpr int kMaxLinksOfCommit = 1024;
  // Alerts held back for one matter; the oldest goes.
  static constexpr int kMaxHeldAlerts = 16;

  // Both must outlive the rules. `match_key` keys the match keys.
  ChildRules(Ledger* ledger, const DirectoryBook* directory,
             std::string match_key);

  // Before anything is changed; recipients are resolved, and `conversation` is
  // null when `message` opens one. Refuses an anonymous professional
  // (INVALID_ARGUMENT). Marks identifiers that fail their check, and schools
  // that cannot be told.
  //
  // Routes an allegation: every council, and whoever is asked to act, gets it
  // at the desk of its designated officer or, without one, at the desk for
  // unknown recipients; copies to agencies that have no part in the
  // conversation yet are not made.
  absl::Status Check(const Identity& sender, const Conversation* conversation,
                     v1::Message* message);

  // After `message` came to `conversation`, with all ids set: what follows
  // from it by rule. Returns the alerts to publish in the same commit. An
  // error is the disk's.
  absl::StatusOr<std::vector<v1::Message>> Accept(const Identity& sender,
                                                  const v1::Message& message,
                                                  Conversation* conversation);

 private:
  // A message that is being accepted.
  struct Accepted {
    const Identity& sender;
    const v1::Message& message;
    Conversation* conversation;
    uint64_t number;  // Of the conversation.
    std::vector<v1::Message> alerts;
    int links_left;
  };
  // A matter that is to be linked.
  struct Candidate {
    uint64_t number;  // Of its conversation.
    v1::MatterRecord* matter;
    v1::MessageKind kind;
    v1::LinkReason reason;
  };

  // The message describes children.
  absl::Status Describe(const std::vector<ChildPart>& children, Accepted* now);
  absl::Status Release(Accepted* now);
  absl::Status Unlink(Accepted* now);
  // A recalled matter was about the wrong child: all its links go (rule 15).
  absl::Status Recall(Accepted* now);
  // FoundReport: the child is in the message that opened the conversation.
  absl::Status Find(Accepted* now);
  void End(Accepted* now);

  absl::Status Match(const ChildPart& child, int matter, Accepted* now);
  // Puts the matter under `key` and adds what stands there already, up to
  // `most` candidates.
  absl::Status Look(const std::string& key, v1::LinkReason reason, int matter,
                    size_t most, const Accepted& now,
                    std::vector<Candidate>* found);
  void Link(const Candidate& other, int matter, Accepted* now);
  // Of `found`, those that make a police notice one of several.
  void CountNotices(const std::vector<Candidate>& found, int matter,
                    Accepted* now);
  absl::Status Undo(const std::string& other_matter_id, int matter,
                    const std::string& content, Accepted* now);
  // The alert `cause` owes about `child`, or the note that it is held back.
  void Alert(const v1::Message& cause, const ChildPart& child, int matter,
             Accepted* now);

  // A message as the coming commit will leave it.
  absl::StatusOr<v1::Message> Read(uint64_t sequence) const;
  absl::StatusOr<v1::Receipt> Append(v1::AuditType type, int matter,
                                     const std::string& content,
                                     const std::string& other_matter_id,
                                     const Accepted& now);
  int LinksLeftOfCommit();

  Ledger* const ledger_;
  const DirectoryBook* const directory_;
  const std::string match_key_;
  uint64_t counted_commit_ = 0;
  int links_of_commit_ = 0;  // Made in `counted_commit_`.
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_CHILD_RULES_H_
