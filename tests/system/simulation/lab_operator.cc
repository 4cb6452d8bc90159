#include "tests/system/simulation/lab_operator.h"

#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "services/broker/settled_copies.h"
#include "services/common/faults.h"
#include "services/common/ids.h"

namespace baton::sim {
namespace {

constexpr char kReason[] = "the simulation says so";
constexpr size_t kAll = 100'000;

}  // namespace

void LabOperator::ActSometimes() {
  if (lab_->calm) return;
  World& world = lab_->world;
  world.After(world.Between(absl::Seconds(10), absl::Minutes(3)),
              [this] { ActSometimes(); });
  const std::string queue = world.Chance(70) ? kIntake : kDuty;
  switch (world.Random(15)) {
    case 0:
      return SetMode(queue, v1::QUEUE_MODE_PAUSED);
    case 1:
      return SetMode(queue, v1::QUEUE_MODE_DRAINING);
    case 2:
    case 3:
      return CancelOne();
    case 4:
      return Purge(queue, world.Chance(15)   ? queue
                          : queue == kIntake ? kDuty
                                             : kIntake);
    case 5:
      return Browse(queue);
    case 6:
      return Replay(queue);
    case 7:
      return LookAtJobs(queue);
    case 8:
    case 9:
    case 10:
      return RedriveSome(queue);
    default:
      return SetMode(queue, v1::QUEUE_MODE_SERVING);
  }
}

void LabOperator::Tidy() {
  for (const char* queue : {kIntake, kDuty}) {
    SetMode(queue, v1::QUEUE_MODE_SERVING);
    LookAtJobs(queue);
    Redrive(queue, {});
  }
}

void LabOperator::SetMode(const std::string& queue, v1::QueueMode mode) {
  baton::SetMode act;
  act.request.set_queue(queue);
  act.request.set_mode(mode);
  act.request.set_reason(kReason);
  lab_->letters.AskedMode(queue);
  lab_->Ask(std::move(act),
            [this, queue](const absl::StatusOr<v1::Queue>& shown) {
              ASSERT_TRUE(shown.ok()) << shown.status();
              lab_->Did(v1::QueueMode_Name(shown->mode()));
              lab_->letters.ToldMode(queue, shown->mode());
            });
}

void LabOperator::CancelOne() {
  for (auto& [marker, letter] : lab_->letters.all()) {
    if (!letter.answered || !letter.message.has_deliver_time() ||
        letter.cancel_asked || !lab_->broker.up()) {
      continue;
    }
    letter.cancel_asked = true;
    CancelCopies act{.sequence = letter.sequence, .queues = {}};
    for (const auto& [queue, copy] : letter.copies) act.queues.push_back(queue);
    return lab_->Ask(
        std::move(act),
        [this, &letter = letter](const absl::StatusOr<absl::Time>& cancelled) {
          lab_->Did(cancelled.ok() ? "cancel" : "cancel: late");
          letter.cancelled = cancelled.ok();
        });
  }
}

// --- Jobs.

// Never everything: so it is seen when what nobody meant comes back.
v1::MessageFilter LabOperator::SomeFilter() {
  v1::MessageFilter filter;
  if (lab_->world.Chance(50)) {
    filter.set_ordering_key("key-1");
    return filter;
  }
  if (lab_->world.Chance(50)) {
    *filter.add_senders() = PoliceAgency();
    return filter;
  }
  for (const auto& [marker, letter] : lab_->letters.all()) {
    if (filter.message_ids_size() == 64) break;
    if (letter.answered && lab_->world.Chance(20)) {
      filter.add_message_ids(MessageId(letter.sequence));
    }
  }
  if (filter.message_ids().empty()) filter.set_ordering_key("key-2");
  return filter;
}

void LabOperator::RedriveSome(const std::string& queue) {
  v1::RedriveMessagesRequest request;
  request.set_dry_run(lab_->world.Chance(30));
  request.set_max_per_second(static_cast<int>(lab_->world.Random(2)));
  *request.mutable_filter() = SomeFilter();
  Redrive(queue, std::move(request));
}

void LabOperator::Redrive(const std::string& queue,
                          v1::RedriveMessagesRequest request) {
  request.set_queue(queue);
  request.set_request_id(absl::StrCat("redrive-", ++last_request_));
  if (!request.dry_run()) lab_->letters.AskedRedrive(queue, request.filter());
  StartRedrive act{.request = std::move(request)};
  const bool dry_run = act.request.dry_run();
  lab_->Ask(std::move(act), [this, dry_run, asked = lab_->world.now()](
                                const absl::StatusOr<v1::Job>& job) {
    if (!job.ok()) {
      EXPECT_TRUE(absl::IsFailedPrecondition(job.status())) << job.status();
      return lab_->Did("redrive: busy");
    }
    lab_->Did(dry_run ? "redrive: dry run" : "redrive");
    jobs_[job->job_id()] = {.asked = asked, .last_seen = *job};
    if (lab_->calm || !lab_->world.Chance(40)) return;
    lab_->world.After(
        lab_->world.Between(absl::ZeroDuration(), absl::Seconds(5)),
        [this, job_id = job->job_id()] { Stop(job_id); });
  });
}

void LabOperator::Stop(const std::string& job_id) {
  lab_->Ask(StopJob{.job_id = job_id},
            [this](const absl::StatusOr<v1::Job>& job) {
              ASSERT_TRUE(job.ok()) << job.status();
              EXPECT_NE(job->state(), v1::JOB_STATE_RUNNING);
              lab_->Did(v1::JobState_Name(job->state()));
              SawJob(*job);
            });
}

void LabOperator::LookAtJobs(const std::string& queue) {
  lab_->Ask(FindJobs{.job_id = std::nullopt, .queue = queue},
            [this](const absl::StatusOr<std::vector<v1::Job>>& found) {
              ASSERT_TRUE(found.ok()) << found.status();
              for (const v1::Job& job : *found) SawJob(job);
              lab_->Did("jobs");
            });
}

// A job keeps its pace, and what has ended stays as it ended.
void LabOperator::SawJob(const v1::Job& job) {
  const auto known = jobs_.find(job.job_id());
  if (known == jobs_.end()) return;
  v1::Job& last = known->second.last_seen;
  EXPECT_GE(job.changed_messages(), last.changed_messages()) << job.job_id();
  if (last.state() != v1::JOB_STATE_RUNNING) {
    EXPECT_EQ(job.SerializeAsString(), last.SerializeAsString());
  }
  const double seconds =
      absl::ToDoubleSeconds(lab_->world.now() - known->second.asked);
  if (job.max_per_second() > 0) {
    EXPECT_LE(static_cast<double>(job.changed_messages()),
              1 + job.max_per_second() * (seconds + 1))
        << job.job_id() << " is faster than it may be";
  }
  last = job;
}

// The word that confirms is the one for `counted`.
void LabOperator::Purge(const std::string& queue, const std::string& counted) {
  const bool confirmed = queue == counted;
  lab_->Ask(
      CountPurge{.queue = counted},
      [this, queue,
       confirmed](const absl::StatusOr<v1::PreparePurgeResponse>& count) {
        ASSERT_TRUE(count.ok()) << count.status();
        StartPurge act;
        act.request.set_queue(queue);
        act.request.set_confirmation(count->confirmation());
        act.request.set_reason(kReason);
        act.request.set_request_id(absl::StrCat("purge-", ++last_request_));
        if (confirmed) lab_->letters.AskedPurge(queue);
        lab_->Ask(std::move(act),
                  [this, confirmed](const absl::StatusOr<v1::Job>& job) {
                    if (confirmed)
                      return lab_->Did(job.ok() ? "purge" : "purge: busy");
                    EXPECT_EQ(ReasonOf(job.status()), "NOT_CONFIRMED")
                        << job.status();
                    lab_->Did("purge: not confirmed");
                  });
      });
}

// --- Looking.

void LabOperator::Browse(const std::string& queue) {
  lab_->Ask(FindUnsettled{.queue = queue, .after = 0, .limit = kAll},
            [this, queue](const absl::StatusOr<FindUnsettled::Answer>& found) {
              ASSERT_TRUE(found.ok()) << found.status();
              std::map<uint64_t, v1::DeliveryRecord> unsettled;
              for (const FindUnsettled::Copy& copy : *found) {
                unsettled[copy.sequence] = copy.record;
              }
              lab_->letters.Browsed(queue, unsettled);
              lab_->Did("browse");
            });
}

// As ReplayMessages does: what memory knew, and then the pages.
void LabOperator::Replay(const std::string& queue) {
  lab_->Ask(
      FindArrived{.queue = queue, .after = 0, .limit = kAll},
      [this, queue](const absl::StatusOr<std::vector<uint64_t>>& lately) {
        ASSERT_TRUE(lately.ok()) << lately.status();
        std::set<uint64_t> sequences(lately->begin(), lately->end());
        const absl::StatusOr<std::vector<uint64_t>> long_ago =
            ReadSettledAfter(lab_->broker.store(), queue, 0, kAll);
        ASSERT_TRUE(long_ago.ok()) << long_ago.status();
        sequences.insert(long_ago->begin(), long_ago->end());
        lab_->letters.Replayed(queue, sequences);
        NoteReplay note{.queue = queue,
                        .sequences = {sequences.begin(), sequences.end()}};
        lab_->Ask(std::move(note), [this](const absl::StatusOr<int64_t>& leaf) {
          EXPECT_TRUE(leaf.ok()) << leaf.status();
          lab_->Did("replay");
        });
      });
}

}  // namespace baton::sim
