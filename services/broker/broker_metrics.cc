#include "services/broker/broker_metrics.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"
#include "services/common/proto_time.h"

namespace baton {
namespace {

MetricFamily EntriesOf(const LedgerCounters& ledger) {
  MetricFamily family =
      NewCounter("baton_audit_entries_total",
                 "What happened since the start, by type of audit entry.");
  for (size_t type = 1; type < ledger.entries.size(); ++type) {
    if (!v1::AuditType_IsValid(static_cast<int>(type))) continue;
    const std::string& name =
        v1::AuditType_Name(static_cast<v1::AuditType>(type));
    AddValue(static_cast<double>(ledger.entries[type]),
             {{"type",
               absl::AsciiStrToLower(absl::StripPrefix(name, "AUDIT_TYPE_"))}},
             &family);
  }
  return family;
}

MetricFamily RefusedCommands(const Sequencer& sequencer) {
  MetricFamily family = NewCounter(
      "baton_commands_refused_total",
      "Commands that found no room: a limit, a low disk, or stopping.");
  AddValue(static_cast<double>(sequencer.refused()), {}, &family);
  return family;
}

MetricFamily RefusalsOf(const Doorway& doorway) {
  MetricFamily family = NewCounter(
      "baton_refusals_total", "Calls that were refused with an audit entry.");
  for (size_t code = 1; code < doorway.refusals().size(); ++code) {
    const auto status = static_cast<absl::StatusCode>(code);
    AddValue(static_cast<double>(doorway.refusals()[code]),
             {{"code", absl::StatusCodeToString(status)}}, &family);
  }
  return family;
}

double AgeOf(bool has_time, const google::protobuf::Timestamp& time,
             absl::Time now) {
  if (!has_time) return 0;
  return std::max(0.0, absl::ToDoubleSeconds(now - FromProto(time)));
}

// A gauge with one value per queue.
template <typename Value>
MetricFamily PerQueue(const std::vector<v1::Queue>& queues,
                      absl::string_view name, absl::string_view help,
                      Value value_of) {
  MetricFamily family = NewGauge(name, help);
  for (const v1::Queue& queue : queues) {
    AddValue(static_cast<double>(value_of(queue)), {{"queue", queue.queue()}},
             &family);
  }
  return family;
}

MetricFamily MessagesOf(const std::vector<v1::Queue>& queues) {
  MetricFamily family =
      NewGauge("baton_queue_messages", "Unsettled messages, by state.");
  for (const v1::Queue& queue : queues) {
    const std::pair<const char*, int64_t> states[] = {
        {"ready", queue.ready_messages()},
        {"leased", queue.leased_messages()},
        {"delayed", queue.delayed_messages()}};
    for (const auto& [state, count] : states) {
      AddValue(static_cast<double>(count),
               {{"queue", queue.queue()}, {"state", state}}, &family);
    }
  }
  return family;
}

}  // namespace

MetricFamilies QueueFamilies(const std::vector<v1::Queue>& queues,
                             absl::Time now) {
  MetricFamilies families;
  const auto add = [&](absl::string_view name, absl::string_view help,
                       auto value_of) {
    families.push_back(PerQueue(queues, name, help, value_of));
  };
  families.push_back(MessagesOf(queues));
  add("baton_queue_oldest_urgent_seconds",
      "How long the oldest urgent message has not been acknowledged; 0: there "
      "is none.",
      [now](const v1::Queue& queue) {
        return AgeOf(queue.has_oldest_urgent_due_time(),
                     queue.oldest_urgent_due_time(), now);
      });
  add("baton_queue_oldest_seconds",
      "How long the oldest message has been due, of those that may go out now "
      "or are with a consumer; 0: there is none.",
      [now](const v1::Queue& queue) {
        return AgeOf(queue.has_oldest_due_time(), queue.oldest_due_time(), now);
      });
  add("baton_queue_bytes", "Bytes of unsettled messages.",
      [](const v1::Queue& queue) { return queue.unsettled_bytes(); });
  add("baton_queue_max_messages", "Unsettled messages it may hold.",
      [](const v1::Queue& queue) { return queue.max_messages(); });
  add("baton_queue_max_bytes", "Unsettled bytes it may hold.",
      [](const v1::Queue& queue) { return queue.max_bytes(); });
  add("baton_queue_dead_letters", "Dead letters that were not brought back.",
      [](const v1::Queue& queue) { return queue.dead_letters(); });
  add("baton_queue_consumers", "Who takes from it.",
      [](const v1::Queue& queue) { return queue.consumers_size(); });
  add("baton_queue_paused", "1: hands out nothing.",
      [](const v1::Queue& queue) {
        return queue.mode() == v1::QUEUE_MODE_PAUSED;
      });
  add("baton_queue_draining", "1: takes nothing new but immediate danger.",
      [](const v1::Queue& queue) {
        return queue.mode() == v1::QUEUE_MODE_DRAINING;
      });
  return families;
}

MetricFamilies BrokerFamilies(const BrokerNumbers& numbers) {
  MetricFamilies families;
  families.push_back(EntriesOf(*numbers.ledger));
  families.push_back(Gauge("baton_audit_tree_size", "Entries of the audit log.",
                           static_cast<double>(numbers.ledger->tree_size)));
  families.push_back(RefusalsOf(*numbers.doorway));
  families.push_back(numbers.store->Collect());
  families.push_back(Gauge("baton_commands_waiting",
                           "Commands that wait for the next commit.",
                           static_cast<double>(numbers.sequencer->pending())));
  families.push_back(RefusedCommands(*numbers.sequencer));
  families.push_back(Gauge("baton_open_streams", "Streams that are open.",
                           static_cast<double>(numbers.streams->size())));
  families.push_back(Gauge("baton_waiting_pulls",
                           "Calls of Pull that wait for a message.",
                           static_cast<double>(numbers.pulls->size())));
  families.push_back(Gauge("baton_disk_free_bytes",
                           "Room on the disk of the data directory.",
                           static_cast<double>(numbers.disk->free_bytes)));
  families.push_back(Gauge("baton_disk_low",
                           "1: new messages are refused for lack of room.",
                           numbers.disk->low ? 1 : 0));
  const std::optional<std::vector<v1::Queue>> queues = numbers.queues->Look();
  families.push_back(
      Gauge("baton_exchange_answers",
            "0: the commit thread did not say how the queues stand.",
            queues.has_value() ? 1 : 0));
  if (queues.has_value()) {
    Append(QueueFamilies(*queues, numbers.clock->Now().wall), &families);
  }
  return families;
}

}  // namespace baton
