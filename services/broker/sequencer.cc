#include "services/broker/sequencer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/broker/attachment.h"
#include "services/common/faults.h"
#include "storage/status.h"

namespace baton {
namespace {

constexpr absl::Duration kRetryAfter = absl::Milliseconds(100);
constexpr size_t kSmallCommandBytes = 256;

size_t BytesOf(const Command& command) {
  if (const auto* publish = std::get_if<PublishCommand>(&command)) {
    return publish->request.ByteSizeLong();
  }
  if (const auto* publish = std::get_if<PublishEachCommand>(&command)) {
    return publish->request.ByteSizeLong();
  }
  if (const auto* both = std::get_if<AcknowledgeAndPublishCommand>(&command)) {
    return both->request.ByteSizeLong();
  }
  if (const auto* attachment = std::get_if<AttachmentCommand>(&command)) {
    const auto* add = std::get_if<AddChunk>(&attachment->act);
    if (add != nullptr) return add->sealed.size();
  }
  return kSmallCommandBytes;
}

// What takes room; the rest makes it.
bool IsNew(const Command& command) {
  const auto* attachment = std::get_if<AttachmentCommand>(&command);
  return std::holds_alternative<PublishCommand>(command) ||
         std::holds_alternative<PublishEachCommand>(command) ||
         std::holds_alternative<AcknowledgeAndPublishCommand>(command) ||
         (attachment != nullptr &&
          !std::holds_alternative<HandOutDocument>(attachment->act));
}

bool IsAllDanger(const Command& command) {
  const auto all = [](const auto& messages) {
    return std::all_of(
        messages.begin(), messages.end(), [](const v1::Message& message) {
          return message.priority() == v1::PRIORITY_IMMEDIATE_DANGER;
        });
  };
  if (const auto* publish = std::get_if<PublishCommand>(&command)) {
    return all(publish->request.messages());
  }
  if (const auto* publish = std::get_if<PublishEachCommand>(&command)) {
    return all(publish->request.messages());
  }
  if (const auto* both = std::get_if<AcknowledgeAndPublishCommand>(&command)) {
    return all(both->request.messages());
  }
  return false;
}

// Message, idempotency key, conversation, and one record for each queue.
template <typename Messages>
size_t OperationsOfMessages(const Messages& messages) {
  size_t operations = 0;
  for (const v1::Message& message : messages) {
    operations += 3 + static_cast<size_t>(message.recipients_size());
  }
  return operations;
}

// Writes a command leads to, at most: those of its messages; page, dead letter
// and conversation of an ack_id; every chunk of an upload that is given up.
size_t OperationsOf(const Command& command) {
  if (const auto* publish = std::get_if<PublishCommand>(&command)) {
    return OperationsOfMessages(publish->request.messages());
  }
  if (const auto* publish = std::get_if<PublishEachCommand>(&command)) {
    return OperationsOfMessages(publish->request.messages());
  }
  if (const auto* both = std::get_if<AcknowledgeAndPublishCommand>(&command)) {
    return OperationsOfMessages(both->request.messages()) +
           3 * both->ack_ids.size();
  }
  if (const auto* settle = std::get_if<SettleCommand>(&command)) {
    return 3 * settle->ack_ids.size();
  }
  if (std::holds_alternative<AttachmentCommand>(command)) {
    return 3 + kMaxAttachmentBytes / kChunkBytes;
  }
  return 1;
}

bool IsLoneReply(const StepResult& result) {
  return result.replies.size() <= 1 && result.deliveries.empty() &&
         result.notices.empty();
}

}  // namespace

Sequencer::Sequencer(Exchange* exchange, const Clock* clock, Options options)
    : exchange_(exchange), clock_(clock), options_(std::move(options)) {}

absl::Status Sequencer::Submit(Command command) {
  absl::Status added = Add(std::move(command), /*may_step=*/false);
  if (!added.ok()) ++refused_;
  return added;
}

absl::Status Sequencer::SubmitAndStep(Command command) {
  absl::Status added = Add(std::move(command), /*may_step=*/true);
  if (!added.ok()) ++refused_;
  return added;
}

absl::Status Sequencer::Add(Command command, bool may_step) {
  const size_t bytes = BytesOf(command);
  const size_t operations = OperationsOf(command);
  {
    // To prepare what has no room would cost most when there is least.
    MutexLock lock(&mu_);
    RETURN_IF_ERROR(CheckRoom(command));
  }
  exchange_->Prepare(&command);
  {
    MutexLock lock(&mu_);
    RETURN_IF_ERROR(CheckRoom(command));
    if (!may_step || !IsQuiet()) {
      pending_.push_back({std::move(command), bytes, operations});
      if (pending_.size() == 1 && !lent_) arrived_.Signal();
      return absl::OkStatus();
    }
    lent_ = true;
  }
  StepLone(std::move(command));
  return absl::OkStatus();
}

bool Sequencer::IsQuiet() const {
  return one_by_one_ >= kCallsOneByOne && resting_ && !lent_ && !HasWork() &&
         untold_.empty() && !telling_;
}

void Sequencer::StepLone(Command command) {
  if (options_.lone_step) options_.lone_step();
  std::vector<Command> commands;
  commands.push_back(std::move(command));
  absl::StatusOr<StepResult> result =
      exchange_->Step(std::move(commands), clock_->Now());
  const bool tells = result.ok() && IsLoneReply(*result);
  if (tells) Tell(&*result);
  MutexLock lock(&mu_);
  lent_ = false;
  if (result.ok()) {
    SawStep(1, *result);
    (tells ? told_ : untold_).push_back(*std::move(result));
    if (!untold_.empty() || told_.size() >= kMaxTold) committed_.SignalAll();
  } else {
    failed_ = result.status();
  }
  if (HasWork() || !resting_ || next_tick_ < rests_until_) arrived_.Signal();
}

void Sequencer::SawStep(size_t commands, const StepResult& result) {
  more_work_ = result.more_work;
  next_tick_ = result.next_tick.value_or(absl::InfiniteDuration());
  if (commands > 1 || !pending_.empty()) {
    one_by_one_ = 0;
  } else if (commands == 1) {
    ++one_by_one_;
  }
}

absl::Status Sequencer::CheckRoom(const Command& command) const {
  const bool is_new = IsNew(command);
  if (stopping_) {
    return absl::UnavailableError("the exchange is stopping; try again");
  }
  if (is_new && !refuse_publish_.ok() &&
      (refuse_danger_ || !IsAllDanger(command))) {
    return refuse_publish_;
  }
  // A consumer that is gone must not keep its queue; streams bound these.
  if (pending_.size() >= options_.max_pending * (is_new ? 1 : 2) &&
      !std::holds_alternative<UnsubscribeCommand>(command)) {
    return LimitReached("max_pending_commands",
                        absl::StrCat(pending_.size(), " commands wait"),
                        kRetryAfter);
  }
  return absl::OkStatus();
}

void Sequencer::RefusePublish(absl::Status reason, bool danger_too) {
  MutexLock lock(&mu_);
  refuse_publish_ = std::move(reason);
  refuse_danger_ = danger_too;
}

bool Sequencer::HasWork() const {
  return !pending_.empty() || more_work_ || stopping_ || !failed_.ok();
}

void Sequencer::AwaitWork(absl::Duration until) {
  while (!HasWork()) {
    rests_until_ = std::min(until, next_tick_);
    const absl::Duration left = rests_until_ - clock_->Now().steady;
    if (left <= absl::ZeroDuration()) break;
    resting_ = true;
    arrived_.WaitWithTimeout(&mu_, left);
    resting_ = false;
  }
  while (lent_) arrived_.Wait(&mu_);
}

std::vector<Command> Sequencer::Take(absl::Duration until) {
  std::vector<Command> commands;
  size_t bytes = 0;
  size_t operations = 0;
  const auto fits = [&](const Pending& next) {
    return commands.empty() ||
           (commands.size() < kMaxStepCommands &&
            bytes + next.bytes <= kMaxStepBytes &&
            operations + next.operations <= kMaxStepOperations);
  };
  MutexLock lock(&mu_);
  AwaitWork(until);
  while (!pending_.empty() && fits(pending_.front())) {
    bytes += pending_.front().bytes;
    operations += pending_.front().operations;
    commands.push_back(std::move(pending_.front().command));
    pending_.pop_front();
  }
  return commands;
}

absl::Status Sequencer::Run() {
  absl::Status ended;
  absl::Duration next_upkeep = clock_->Now().steady;
  while (ended.ok()) {
    std::vector<Command> commands = Take(next_upkeep);
    const Instant now = clock_->Now();
    if (now.steady >= next_upkeep) {
      next_upkeep = now.steady + options_.upkeep_interval;
      if (options_.upkeep) ended = options_.upkeep();
      if (!ended.ok()) break;
    }
    {
      MutexLock lock(&mu_);
      ended = failed_;
      if (!ended.ok() || (stopping_ && commands.empty())) break;
    }
    const size_t count = commands.size();
    absl::StatusOr<StepResult> result =
        exchange_->Step(std::move(commands), now);
    if (!result.ok()) {
      ended = result.status();
      break;
    }
    {
      MutexLock lock(&mu_);
      SawStep(count, *result);
    }
    HandOver(*std::move(result));
  }
  MutexLock lock(&mu_);
  stopping_ = true;
  run_ended_ = true;
  committed_.SignalAll();
  return ended;
}

void Sequencer::HandOver(StepResult result) {
  if (result.notices.empty() && result.deliveries.empty() &&
      result.replies.empty() && result.changed.empty()) {
    return;
  }
  std::vector<std::shared_ptr<const v1::Message>> spent;
  {
    MutexLock lock(&mu_);
    if (!CanTellAtOnce(result)) {
      // Memory: they cost most when telling falls behind.
      if (untold_.size() >= kMaxUntoldSpent) spent.swap(result.spent);
      while (untold_.size() >= kMaxUntold) committed_.Wait(&mu_);
      untold_.push_back(std::move(result));
      committed_.SignalAll();
      return;
    }
  }
  Tell(&result);
}

bool Sequencer::CanTellAtOnce(const StepResult& result) const {
  return IsLoneReply(result) && pending_.empty() && untold_.empty() &&
         !telling_;
}

void Sequencer::Finish() {
  while (true) {
    std::deque<StepResult> told;
    StepResult result;
    {
      MutexLock lock(&mu_);
      telling_ = false;
      while (untold_.empty() && told_.size() < kMaxTold && !run_ended_) {
        committed_.Wait(&mu_);
      }
      told.swap(told_);
      if (untold_.empty() && told.empty()) return;
      if (!untold_.empty()) {
        result = std::move(untold_.front());
        untold_.pop_front();
      }
      telling_ = true;
      committed_.SignalAll();
    }
    Tell(&result);
  }
}

void Sequencer::Tell(StepResult* result) {
  baton::Tell(result, options_.deliver);
  if (!options_.changed) return;
  for (const v1::Conversation& conversation : result->changed) {
    options_.changed(conversation);
  }
}

size_t Sequencer::pending() {
  MutexLock lock(&mu_);
  return pending_.size();
}

void Sequencer::Stop() {
  MutexLock lock(&mu_);
  stopping_ = true;
  arrived_.SignalAll();
}

}  // namespace baton
