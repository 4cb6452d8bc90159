#ifndef BATON_SERVICES_BROKER_ATTACHMENT_STORE_H_
#define BATON_SERVICES_BROKER_ATTACHMENT_STORE_H_

#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "baton/v1/config.pb.h"
#include "baton/v1/record.pb.h"
#include "services/broker/command.h"
#include "services/broker/ledger.h"

namespace baton {

// Decides what becomes of documents: uploads begin, grow by one chunk, and end
// complete or not at all.
//
// Unfinished uploads are in memory, bounded by the limits per agency, and on
// disk; complete documents only on disk. An upload without progress for
// `upload_retention` is removed: every step (at least one a second) looks
// whether one is due, and removes at most kMaxSweptPerStep.
//
// Not thread-safe: owned by the commit thread.
class AttachmentStore {
 public:
  static constexpr int kMaxSweptPerStep = 4;

  // Reads the unfinished uploads. `ledger` must outlive the store.
  static absl::StatusOr<std::unique_ptr<AttachmentStore>> Open(
      Ledger* ledger, const v1::BrokerLimits& limits);

  // The document as it then is. A refusal changes nothing, except that an
  // upload that did not verify, or is declared anew otherwise, is given up.
  //   NOT_FOUND            a conversation the caller is no part of
  //   INVALID_ARGUMENT     no such matter; the verdict of EndUpload
  //   FAILED_PRECONDITION  UPLOAD_OFFSET, ATTACHMENT_DIFFERS, ERASED
  //   ABORTED              UPLOAD_MOVED: another stream went on or ended it
  //   RESOURCE_EXHAUSTED   of the agency or the conversation
  // Any other code is the disk's: stop.
  absl::StatusOr<v1::AttachmentRecord> Decide(const Identity& caller,
                                              const AttachmentAct& act);

  // Removes uploads that are due. Once a step.
  void Sweep();

 private:
  using Uploads = std::map<std::string, v1::AttachmentRecord>;

  AttachmentStore(Ledger* ledger, const v1::BrokerLimits& limits);
  absl::Status Load();

  absl::StatusOr<v1::AttachmentRecord> Do(const Identity& caller,
                                          const BeginUpload& begin);
  absl::StatusOr<v1::AttachmentRecord> Do(const Identity& caller,
                                          const AddChunk& add);
  absl::StatusOr<v1::AttachmentRecord> Do(const Identity& caller,
                                          const EndUpload& end);
  absl::StatusOr<v1::AttachmentRecord> Do(const Identity& caller,
                                          const HandOutDocument& hand_out);

  absl::Status CheckRoom(const v1::Agency& owner,
                         const Conversation& conversation, int64_t bytes) const;
  absl::StatusOr<v1::AttachmentRecord> Complete(const Identity& caller,
                                                const EndUpload& end,
                                                Uploads::iterator upload);
  // The upload exactly as `seen`, or ABORTED.
  absl::StatusOr<Uploads::iterator> Find(const v1::AttachmentRecord& seen);
  // Notes progress, in memory and in the batch.
  void Save(v1::AttachmentRecord* upload);
  // Forgets the upload; its chunks stay when `keep_chunks`.
  Uploads::iterator Forget(Uploads::iterator upload, bool keep_chunks);
  absl::Time DueTime(const v1::AttachmentRecord& upload) const;

  Ledger* const ledger_;
  const int max_uploads_;
  const int64_t max_upload_bytes_;
  const int64_t max_conversation_bytes_;
  const absl::Duration retention_;

  Uploads uploads_;  // Unfinished, by key.
  // No upload is due before this.
  absl::Time next_sweep_ = absl::InfiniteFuture();
};

// OK when every document that `message` names is complete in its conversation,
// as the sender uploaded it. FAILED_PRECONDITION with reason ATTACHMENT_MISSING
// lists those that are not. `conversation_number` is 0 for a message that opens
// one: no document can be in it yet.
absl::Status CheckAttachments(Ledger* ledger, const Identity& sender,
                              const v1::Message& message,
                              uint64_t conversation_number);

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_ATTACHMENT_STORE_H_
