// What Prometheus reads of the exchange and of an agency's service: decisions,
// without a server.

#include "services/broker/broker_metrics.h"

#include "gmock/gmock.h"
#include "services/agency/agency_metrics.h"
#include "services/common/proto_time.h"

namespace baton {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

class SettableClock final : public Clock {
 public:
  Instant Now() const override { return now; }
  Instant now{kNow, absl::Hours(1)};
};

// Each commit takes as long as it is told to.
class SlowStore final : public Store {
 public:
  explicit SlowStore(SettableClock* clock) : clock_(clock) {}

  absl::StatusOr<std::optional<std::string>> Get(
      absl::string_view) const override {
    return std::nullopt;
  }
  absl::StatusOr<std::vector<KeyValue>> Scan(const KeyRange&, size_t,
                                             ScanOrder) const override {
    return std::vector<KeyValue>();
  }
  CommitResult Commit(const Batch&, absl::string_view) override {
    clock_->now.steady += takes;
    return {CommitOutcome::kCommitted, absl::OkStatus()};
  }
  std::unique_ptr<Reader> Snapshot() const override { return nullptr; }
  Limits limits() const override { return {1, 1}; }

  absl::Duration takes;

 private:
  SettableClock* const clock_;
};

v1::Queue IntakeQueue() {
  v1::Queue queue;
  queue.set_queue("council/E06000018/intake");
  queue.set_mode(v1::QUEUE_MODE_PAUSED);
  queue.set_ready_messages(5);
  queue.set_leased_messages(2);
  queue.set_delayed_messages(1);
  queue.set_unsettled_bytes(4096);
  queue.set_dead_letters(3);
  queue.set_max_messages(100);
  queue.set_max_bytes(1 << 20);
  *queue.mutable_oldest_due_time() = ToProto(kNow - absl::Seconds(90));
  *queue.mutable_oldest_urgent_due_time() = ToProto(kNow - absl::Seconds(30));
  queue.add_consumers()->set_consumer("mash-1");
  return queue;
}

TEST(QueueFamiliesTest, ShowEveryQueueAsItStands) {
  v1::Queue idle;
  idle.set_queue("emergency/RX1RA/replies");
  idle.set_mode(v1::QUEUE_MODE_DRAINING);
  const std::string text =
      ToPrometheusText(QueueFamilies({IntakeQueue(), idle}, kNow));
  const std::string intake = "{queue=\"council/E06000018/intake\"} ";
  const std::string replies = "{queue=\"emergency/RX1RA/replies\"} ";
  for (const char* line :
       {"baton_queue_messages{queue=\"council/E06000018/intake\","
        "state=\"ready\"} 5",
        "baton_queue_messages{queue=\"council/E06000018/intake\","
        "state=\"leased\"} 2",
        "baton_queue_messages{queue=\"council/E06000018/intake\","
        "state=\"delayed\"} 1"}) {
    EXPECT_THAT(text, HasSubstr(line + std::string("\n")));
  }
  for (const std::string& line :
       {"baton_queue_oldest_urgent_seconds" + intake + "30",
        "baton_queue_oldest_urgent_seconds" + replies + "0",
        "baton_queue_oldest_seconds" + intake + "90",
        "baton_queue_oldest_seconds" + replies + "0",
        "baton_queue_bytes" + intake + "4096",
        "baton_queue_max_messages" + intake + "100",
        "baton_queue_max_bytes" + intake + "1048576",
        "baton_queue_dead_letters" + intake + "3",
        "baton_queue_consumers" + intake + "1",
        "baton_queue_paused" + intake + "1",
        "baton_queue_paused" + replies + "0",
        "baton_queue_draining" + intake + "0",
        "baton_queue_draining" + replies + "1"}) {
    EXPECT_THAT(text, HasSubstr(line + "\n"));
  }
}

TEST(QueueFamiliesTest, AClockThatWentBackShowsNoNegativeAge) {
  const std::string text =
      ToPrometheusText(QueueFamilies({IntakeQueue()}, kNow - absl::Hours(1)));
  EXPECT_THAT(text, HasSubstr("baton_queue_oldest_urgent_seconds{queue="
                              "\"council/E06000018/intake\"} 0\n"));
}

TEST(MeasuredStoreTest, CountsCommitsByHowLongTheyTook) {
  SettableClock clock;
  SlowStore slow(&clock);
  MeasuredStore store(&slow, &clock);
  for (const int milliseconds : {3, 4, 300}) {
    slow.takes = absl::Milliseconds(milliseconds);
    EXPECT_EQ(store.Commit(Batch(), "").outcome, CommitOutcome::kCommitted);
  }
  const std::string text = ToPrometheusText({store.Collect()});
  EXPECT_THAT(
      text, AllOf(HasSubstr("baton_commit_duration_seconds_count 3\n"),
                  HasSubstr("baton_commit_duration_seconds_bucket{le=\"0.005"),
                  HasSubstr("} 2\n"), HasSubstr("{le=\"+Inf\"} 3\n")));
}

class BrokerFamiliesTest : public testing::Test {
 protected:
  std::string Scrape() { return ToPrometheusText(BrokerFamilies(numbers_)); }

  SettableClock clock_;
  SlowStore slow_{&clock_};
  MeasuredStore store_{&slow_, &clock_};
  LedgerCounters ledger_;
  DiskRoom disk_;
  Sequencer sequencer_{nullptr, &clock_, {}};
  Doorway doorway_{nullptr, &sequencer_, nullptr};
  StreamRegistry streams_{"streams", 1, 1};
  StreamRegistry pulls_{"waiting_pulls", 1, 1};
  std::vector<QueueProbe::Done> asked_;
  bool stuck_ = false;
  QueueProbe queues_{[this](QueueProbe::Done done) {
                       asked_.push_back(done);
                       if (!stuck_) done({IntakeQueue()});
                       return true;
                     },
                     absl::Milliseconds(1)};
  BrokerNumbers numbers_{&clock_,     &ledger_,  &store_, &disk_,  &doorway_,
                         &sequencer_, &streams_, &pulls_, &queues_};
};

TEST_F(BrokerFamiliesTest, ShowWhatHappenedAndWhatWaits) {
  ledger_.entries[v1::AUDIT_TYPE_PUBLISHED] = 12;
  ledger_.entries[v1::AUDIT_TYPE_DEAD_LETTERED] = 1;
  ledger_.tree_size = 400;
  disk_.free_bytes = 5000;
  disk_.low = true;
  doorway_.Refuse(absl::PermissionDeniedError("no"),
                  absl::PermissionDeniedError("no"), "Publish",
                  [](const grpc::Status&) {});
  sequencer_.RefusePublish(absl::ResourceExhaustedError("the disk is low"),
                           /*danger_too=*/true);
  ASSERT_FALSE(sequencer_.Submit(PublishCommand()).ok());
  const std::string text = Scrape();
  for (const char* line :
       {"baton_audit_entries_total{type=\"published\"} 12",
        "baton_audit_entries_total{type=\"dead_lettered\"} 1",
        "baton_audit_entries_total{type=\"denied\"} 0",
        "baton_audit_tree_size 400",
        "baton_refusals_total{code=\"PERMISSION_DENIED\"} 1",
        "baton_refusals_total{code=\"NOT_FOUND\"} 0",
        "baton_commands_waiting 1",  // The leaf of the refusal.
        "baton_commands_refused_total 1", "baton_open_streams 0",
        "baton_disk_free_bytes 5000", "baton_disk_low 1",
        "baton_exchange_answers 1",
        "baton_queue_oldest_urgent_seconds{queue="
        "\"council/E06000018/intake\"} 30"}) {
    EXPECT_THAT(text, HasSubstr(line + std::string("\n")));
  }
}

TEST_F(BrokerFamiliesTest, AStuckExchangeIsShownWithoutItsQueues) {
  stuck_ = true;
  for (int i = 0; i < 3; ++i) {
    const std::string text = Scrape();
    EXPECT_THAT(text, HasSubstr("baton_exchange_answers 0\n"));
    EXPECT_THAT(text, HasSubstr("baton_audit_tree_size "));
    EXPECT_THAT(text, Not(HasSubstr("baton_queue_")));
  }
  EXPECT_EQ(asked_.size(), 1u);
  stuck_ = false;
  asked_[0]({});
  EXPECT_THAT(Scrape(), HasSubstr("baton_exchange_answers 1\n"));
}

TEST(AgencyFamiliesTest, ShowWhatIsHeldAndWhetherTheExchangeIsThere) {
  AgencyNumbers numbers;
  EXPECT_THAT(ToPrometheusText(AgencyFamilies(numbers, kNow)),
              AllOf(HasSubstr("baton_outbox_oldest_held_seconds 0\n"),
                    HasSubstr("baton_exchange_reachable 0\n"),
                    HasSubstr("baton_service_answers 1\n")));
  numbers.backlog.held = 4;
  numbers.backlog.refused = 2;
  numbers.backlog.oldest_held_time = kNow - absl::Minutes(2);
  numbers.heard_time = kNow - absl::Seconds(14);
  EXPECT_THAT(ToPrometheusText(AgencyFamilies(numbers, kNow)),
              AllOf(HasSubstr("baton_outbox_held_messages 4\n"),
                    HasSubstr("baton_outbox_refused_messages 2\n"),
                    HasSubstr("baton_outbox_oldest_held_seconds 120\n"),
                    HasSubstr("baton_exchange_reachable 1\n")));
  EXPECT_THAT(
      ToPrometheusText(AgencyFamilies(numbers, kNow + absl::Seconds(2))),
      HasSubstr("baton_exchange_reachable 0\n"));
  EXPECT_THAT(ToPrometheusText(AgencyFamilies(std::nullopt, kNow)),
              AllOf(HasSubstr("baton_service_answers 0\n"),
                    Not(HasSubstr("baton_outbox"))));
}

}  // namespace
}  // namespace baton
