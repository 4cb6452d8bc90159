#include "services/broker/queue_desk.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/broker/leaves.h"
#include "services/broker/settled_copies.h"
#include "services/common/faults.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"
#include "storage/crypto.h"
#include "storage/status.h"

namespace baton {
namespace {

constexpr size_t kConfirmationBytes = 16;

v1::AuditEntry LeafOf(v1::AuditType type, const Identity& caller,
                      const std::string& queue) {
  v1::AuditEntry leaf;
  leaf.set_type(type);
  leaf.add_queues(queue);
  *leaf.mutable_actor() = caller.agency;
  leaf.set_actor_key_id(caller.key_id);
  return leaf;
}

}  // namespace

absl::StatusOr<Queue*> QueueDesk::Find(const std::string& name) const {
  const auto it = queues_->find(name);
  if (it == queues_->end()) {
    return absl::NotFoundError(absl::StrCat("no queue ", name));
  }
  return it->second.get();
}

// --- Looking.

QueueDesk::Decided<DescribeQueues> QueueDesk::Decide(const Identity&,
                                                     DescribeQueues act,
                                                     Instant now) {
  std::vector<v1::Queue> described;
  for (const std::string& name : act.queues) {
    const auto it = queues_->find(name);
    if (it != queues_->end()) described.push_back(it->second->Describe(now));
  }
  return described;
}

QueueDesk::Decided<FindUnsettled> QueueDesk::Decide(const Identity&,
                                                    FindUnsettled act,
                                                    Instant) {
  ASSIGN_OR_RETURN(const Queue* const queue, Find(act.queue));
  std::vector<FindUnsettled::Copy> found;
  for (const uint64_t sequence : queue->Unsettled(act.after, act.limit)) {
    found.push_back({sequence, *queue->Find(sequence)});
  }
  return found;
}

QueueDesk::Decided<FindArrived> QueueDesk::Decide(const Identity&,
                                                  FindArrived act, Instant) {
  ASSIGN_OR_RETURN(const Queue* const queue, Find(act.queue));
  std::vector<uint64_t> found = queue->Unsettled(act.after, act.limit);
  for (const uint64_t sequence : queue->SettledLately(act.after, act.limit)) {
    found.push_back(sequence);
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  if (found.size() > act.limit) found.resize(act.limit);
  return found;
}

QueueDesk::Decided<NoteReplay> QueueDesk::Decide(const Identity& caller,
                                                 NoteReplay act, Instant) {
  v1::AuditEntry leaf = LeafOf(v1::AUDIT_TYPE_REPLAYED, caller, act.queue);
  for (const uint64_t sequence : act.sequences) {
    leaf.add_message_ids(MessageId(sequence));
  }
  return ledger_->Append(std::move(leaf));
}

// --- Changing.

QueueDesk::Decided<SetMode> QueueDesk::Decide(const Identity& caller,
                                              SetMode act, Instant now) {
  ASSIGN_OR_RETURN(Queue* const queue, Find(act.request.queue()));
  if (queue->mode() != act.request.mode()) {
    v1::AuditEntry leaf =
        LeafOf(v1::AUDIT_TYPE_QUEUE_MODE_CHANGED, caller, queue->name());
    leaf.set_code(v1::QueueMode_Name(act.request.mode()));
    ledger_->Append(std::move(leaf));
  }
  queue->SetMode(act.request.mode(), act.request.reason(), now);
  touch_(queue);
  return queue->Describe(now);
}

absl::StatusOr<std::optional<absl::Time>> QueueDesk::CheckCancel(
    uint64_t sequence, const std::string& name) const {
  ASSIGN_OR_RETURN(const Queue* const queue, Find(name));
  const absl::Status waits = queue->CheckCancel(sequence);
  if (waits.ok()) return std::optional<absl::Time>();
  if (!absl::IsNotFound(waits)) return waits;
  std::optional<v1::DeliveryRecord> settled = queue->Find(sequence);
  if (!settled.has_value()) {
    ASSIGN_OR_RETURN(settled,
                     ReadSettled(ledger_->committed(), name, sequence));
  }
  if (settled.has_value() && settled->state() == v1::DELIVERY_STATE_CANCELLED) {
    return std::optional(absl::FromUnixMicros(settled->state_time_micros()));
  }
  return absl::FailedPreconditionError(
      absl::StrCat(MessageId(sequence), " was delivered or given up in queue ",
                   name, " already: it can no longer be cancelled"));
}

// Every copy is looked at before any is taken back.
QueueDesk::Decided<CancelCopies> QueueDesk::Decide(const Identity& caller,
                                                   CancelCopies act,
                                                   Instant now) {
  absl::Time cancelled = ledger_->commit_time();
  std::vector<Queue*> waiting;
  for (const std::string& name : act.queues) {
    ASSIGN_OR_RETURN(const std::optional<absl::Time> before,
                     CheckCancel(act.sequence, name));
    if (before.has_value()) {
      cancelled = *before;
    } else {
      waiting.push_back(queues_->at(name).get());
    }
  }
  for (Queue* const queue : waiting) {
    AppendEvent(ledger_, caller, *queue, queue->Cancel(act.sequence, now));
    touch_(queue);
  }
  return cancelled;
}

// --- Jobs.

QueueDesk::Decided<StartRedrive> QueueDesk::Decide(const Identity& caller,
                                                   StartRedrive act, Instant) {
  RETURN_IF_ERROR(Find(act.request.queue()).status());
  v1::Job wanted;
  wanted.set_kind(v1::JOB_KIND_REDRIVE);
  wanted.set_queue(act.request.queue());
  wanted.set_dry_run(act.request.dry_run());
  wanted.set_max_per_second(act.request.max_per_second());
  *wanted.mutable_filter() = act.request.filter();
  return jobs_->Start(caller, act.request.request_id(), std::move(wanted),
                      UINT64_MAX);
}

QueueDesk::Decided<CountPurge> QueueDesk::Decide(const Identity&,
                                                 CountPurge act, Instant) {
  ASSIGN_OR_RETURN(const Queue* const queue, Find(act.queue));
  const Queue::Purgeable purgeable = queue->CountPurgeable();
  v1::PreparePurgeResponse response;
  response.set_messages(static_cast<int64_t>(purgeable.messages));
  response.set_left_messages(
      static_cast<int64_t>(queue->message_count() - purgeable.messages));
  response.set_confirmation(Confirmation(
      act.queue, purgeable.last_sequence,
      absl::ToUnixSeconds(ledger_->commit_time() + kConfirmWithin)));
  return response;
}

QueueDesk::Decided<StartPurge> QueueDesk::Decide(const Identity& caller,
                                                 StartPurge act, Instant) {
  RETURN_IF_ERROR(Find(act.request.queue()).status());
  ASSIGN_OR_RETURN(
      const uint64_t last,
      CheckConfirmation(act.request.queue(), act.request.confirmation()));
  v1::Job wanted;
  wanted.set_kind(v1::JOB_KIND_PURGE);
  wanted.set_queue(act.request.queue());
  wanted.set_reason(act.request.reason());
  return jobs_->Start(caller, act.request.request_id(), std::move(wanted),
                      last);
}

QueueDesk::Decided<FindJobs> QueueDesk::Decide(const Identity& caller,
                                               FindJobs act, Instant) {
  if (!act.job_id.has_value()) return jobs_->Of(act.queue);
  ASSIGN_OR_RETURN(const v1::Job* const job, FindJob(caller, *act.job_id));
  return std::vector<v1::Job>{*job};
}

QueueDesk::Decided<StopJob> QueueDesk::Decide(const Identity& caller,
                                              StopJob act, Instant) {
  RETURN_IF_ERROR(FindJob(caller, act.job_id).status());
  return jobs_->Stop(act.job_id);
}

absl::StatusOr<const v1::Job*> QueueDesk::FindJob(
    const Identity& caller, const std::string& job_id) const {
  const v1::Job* const job = jobs_->Find(job_id);
  if (job == nullptr ||
      !access_->CheckManage(caller.agency, job->queue()).ok()) {
    return absl::NotFoundError(
        absl::StrCat("no job ", job_id, " on a queue of this agency"));
  }
  return job;
}

// --- The word that confirms a purge: <last sequence>-<until>-<signature>.

std::string QueueDesk::Confirmation(const std::string& queue,
                                    uint64_t last_sequence,
                                    int64_t until_seconds) const {
  const std::string plain = absl::StrCat(last_sequence, "-", until_seconds);
  const Hash signature =
      HmacSha256(key_, absl::StrCat("purge/", queue, "/", plain));
  return absl::StrCat(
      plain, "-", LetterHex(AsBytes(signature).substr(0, kConfirmationBytes)));
}

absl::StatusOr<uint64_t> QueueDesk::CheckConfirmation(
    const std::string& queue, const std::string& text) const {
  const std::vector<std::string> pieces = absl::StrSplit(text, '-');
  uint64_t last_sequence = 0;
  int64_t until = 0;
  if (pieces.size() == 3 && absl::SimpleAtoi(pieces[0], &last_sequence) &&
      absl::SimpleAtoi(pieces[1], &until) &&
      text == Confirmation(queue, last_sequence, until) &&
      absl::FromUnixSeconds(until) > ledger_->commit_time()) {
    return last_sequence;
  }
  return WithReason(
      absl::FailedPreconditionError(absl::StrCat(
          "the confirmation is not one for queue ", queue,
          ", or is older than ten minutes; nothing was purged: ask for another "
          "one, and look again at what it counts")),
      "NOT_CONFIRMED");
}

}  // namespace baton
