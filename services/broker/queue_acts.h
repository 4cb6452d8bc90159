#ifndef BATON_SERVICES_BROKER_QUEUE_ACTS_H_
#define BATON_SERVICES_BROKER_QUEUE_ACTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "baton/v1/queue_service.pb.h"
#include "baton/v1/record.pb.h"

// What people and their tools do with queues, as the commit thread is asked it
// (QueueCommand) and QueueDesk decides it. Who may do what with a queue that is
// named was checked before; names of queues that are gone are NOT_FOUND.
namespace baton {

// How queues stand, as Queue::Describe; those that are gone are left out.
struct DescribeQueues {
  using Answer = std::vector<v1::Queue>;
  static constexpr char kCall[] = "GetQueue";
  std::vector<std::string> queues;
};

// Unsettled copies after message `after`, in publish order, at most `limit`.
struct FindUnsettled {
  struct Copy {
    uint64_t sequence;
    v1::DeliveryRecord record;
  };
  using Answer = std::vector<Copy>;
  static constexpr char kCall[] = "BrowseMessages";
  std::string queue;
  uint64_t after;
  size_t limit;
};

// The first `limit` messages after `after` that came to the queue and are
// unsettled, or settled lately: how the rest was settled is in pages by then.
struct FindArrived {
  using Answer = std::vector<uint64_t>;
  static constexpr char kCall[] = "ReplayMessages";
  std::string queue;
  uint64_t after;
  size_t limit;
};

// The leaf of a replay, which is to be on disk before anything is shown.
struct NoteReplay {
  using Answer = int64_t;  // Its index.
  static constexpr char kCall[] = "ReplayMessages";
  std::string queue;
  std::vector<uint64_t> sequences;
};

struct SetMode {
  using Answer = v1::Queue;
  static constexpr char kCall[] = "SetQueueMode";
  v1::SetQueueModeRequest request;
};

// Takes back all copies of a message, or none.
struct CancelCopies {
  using Answer = absl::Time;  // When.
  static constexpr char kCall[] = "CancelMessage";
  uint64_t sequence;
  std::vector<std::string> queues;
};

struct StartRedrive {
  using Answer = v1::Job;
  static constexpr char kCall[] = "RedriveMessages";
  v1::RedriveMessagesRequest request;
};

struct CountPurge {
  using Answer = v1::PreparePurgeResponse;
  static constexpr char kCall[] = "PreparePurge";
  std::string queue;
};

struct StartPurge {
  using Answer = v1::Job;
  static constexpr char kCall[] = "PurgeQueue";
  v1::PurgeQueueRequest request;
};

// The job `job_id` (whose queue the caller may manage); without one, all of
// `queue`.
struct FindJobs {
  using Answer = std::vector<v1::Job>;
  static constexpr char kCall[] = "GetJob";
  std::optional<std::string> job_id;
  std::string queue;
};

struct StopJob {
  using Answer = v1::Job;
  static constexpr char kCall[] = "CancelJob";
  std::string job_id;
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_QUEUE_ACTS_H_
