#include "services/broker/held_matters.h"

#include <optional>

#include "baton/v1/record.pb.h"
#include "services/common/agency.h"
#include "storage/keys.h"
#include "storage/status.h"

namespace baton {
namespace {

constexpr size_t kPage = 256;

void Count(const v1::ConversationRecord& record,
           const std::set<std::string>& queues, HeldMatters* held) {
  for (const v1::MatterRecord& stored : record.matters()) {
    const v1::Matter& matter = stored.matter();
    if (matter.state() == v1::MATTER_STATE_DECIDED ||
        queues.count(QueueName(matter.holder())) == 0) {
      continue;
    }
    ++held->count;
    if (held->matter_ids.size() < HeldMatters::kMaxNamed) {
      held->matter_ids.push_back(matter.matter_id());
    }
  }
}

}  // namespace

absl::StatusOr<HeldMatters> FindHeldMatters(
    const Reader& snapshot, const std::set<std::string>& queues) {
  HeldMatters held;
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                   snapshot.Get(kHeadKey));
  v1::HeadRecord head;
  if (bytes.has_value() && !head.ParseFromString(*bytes)) {
    return absl::DataLossError("the head record is damaged");
  }
  held.commit = head.commit();
  KeyRange range = Conversations(0);
  while (true) {
    ASSIGN_OR_RETURN(const std::vector<KeyValue> page,
                     snapshot.Scan(range, kPage));
    for (const KeyValue& pair : page) {
      v1::ConversationRecord record;
      if (!record.ParseFromString(pair.value)) {
        return absl::DataLossError("a conversation record is damaged");
      }
      Count(record, queues, &held);
    }
    if (page.size() < kPage) return held;
    ASSIGN_OR_RETURN(const uint64_t last, SequenceOf(page.back().key));
    range = Conversations(last + 1);
  }
}

}  // namespace baton
