#include "tests/system/simulation/lab_senders.h"

#include "absl/strings/str_cat.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"
#include "services/broker/publish_check.h"
#include "services/common/agency.h"
#include "services/common/faults.h"
#include "services/common/proto_time.h"
#include "tests/support/limit_of.h"

namespace baton::sim {
namespace {

constexpr int kKeys = 4;
constexpr int kFlood = 48;

absl::Status StatusOf(const v1::PublishRefusal& refusal) {
  absl::Status status(static_cast<absl::StatusCode>(refusal.code()),
                      refusal.message());
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(refusal.status()));
  for (const auto& detail : details.details()) {
    status.SetPayload(detail.type_url(), absl::Cord(detail.value()));
  }
  return status;
}

}  // namespace

void LabSenders::Start() {
  SendSometimes();
  FloodSometimes();
}

void LabSenders::SendSometimes() {
  if (lab_->calm) return;
  World& world = lab_->world;
  world.After(world.Between(absl::Seconds(1), absl::Seconds(40)),
              [this] { SendSometimes(); });
  std::vector<Letter*> letters;
  for (uint64_t i = 1 + world.Random(3); i > 0; --i) {
    letters.push_back(Write());
  }
  if (world.Chance(50)) return SendStream(letters);
  for (Letter* const letter : letters) Send(letter);
}

void LabSenders::FloodSometimes() {
  if (lab_->calm) return;
  World& world = lab_->world;
  world.After(world.Between(absl::Minutes(5), absl::Minutes(40)),
              [this] { FloodSometimes(); });
  std::vector<Letter*> letters;
  for (int i = 0; i < kFlood; ++i) letters.push_back(Write(PoliceCaller()));
  SendStream(letters);
}

v1::Message LabSenders::Checked(v1::Message message) {
  PublishLimits limits;
  limits.environment = v1::ENVIRONMENT_TRAINING;
  Faults faults;
  CheckMessage(limits, FromProto(message.idempotency_time()), &message,
               &faults);
  EXPECT_TRUE(faults.empty()) << faults.ToStatus();
  return message;
}

Letter* LabSenders::Write(const Identity& sender) {
  Letter& letter =
      lab_->letters.Add({.marker = {}, .sender = sender, .message = {}});
  v1::Message& message = letter.message;
  message.set_kind(v1::MESSAGE_KIND_CONTACT);
  message.set_idempotency_key(letter.marker);
  message.set_purpose(v1::PURPOSE_SAFEGUARDING);
  message.set_legal_basis(v1::LEGAL_BASIS_CHILDREN_ACT_2004_S11);
  message.set_environment(v1::ENVIRONMENT_TRAINING);
  message.set_format_version(1);
  message.set_priority(static_cast<v1::Priority>(1 + lab_->world.Random(4)));
  if (lab_->world.Chance(60)) {
    message.set_ordering_key(
        absl::StrCat("key-", lab_->world.Random(kKeys - 1)));
  }
  v1::PayloadPart* const part = message.add_payload();
  part->set_type(kTextType);
  part->set_content(letter.marker);
  Address(&letter);
  Time(&letter);
  return &letter;
}

void LabSenders::Address(Letter* letter) {
  std::vector<std::string> queues = {lab_->world.Chance(70) ? kIntake : kDuty};
  if (lab_->world.Chance(20)) queues = {kIntake, kDuty};
  for (const std::string& queue : queues) {
    v1::Recipient* const recipient = letter->message.add_recipients();
    *recipient->mutable_address() = ParseQueueName(queue).value();
    recipient->set_role(letter->message.recipients_size() == 1
                            ? v1::RECIPIENT_ROLE_ACTION
                            : v1::RECIPIENT_ROLE_COPY);
    letter->copies[queue];
  }
}

void LabSenders::Time(Letter* letter) {
  World& world = lab_->world;
  v1::Message& message = letter->message;
  absl::Time first_used = world.time();
  // Soon older than a key may be.
  if (world.Chance(4)) {
    first_used += world.Between(absl::ZeroDuration(), absl::Minutes(40)) -
                  Letters::kIdempotencyWindow;
  }
  *message.mutable_idempotency_time() = ToProto(first_used);
  if (world.Chance(15)) {
    *message.mutable_deliver_time() = ToProto(
        world.time() + world.Between(absl::Minutes(1), absl::Minutes(20)));
  }
  if (world.Chance(10)) {
    const absl::Time due = message.has_deliver_time()
                               ? FromProto(message.deliver_time())
                               : world.time();
    *message.mutable_expire_time() =
        ToProto(due + world.Between(absl::Minutes(2), absl::Hours(1)));
  }
}

void LabSenders::Insist(Letter* letter) {
  lab_->world.After(lab_->world.Between(absl::Seconds(20), absl::Minutes(2)),
                    [this, letter] { Send(letter); });
}

// Until it is answered, and now and then once more.
void LabSenders::Send(Letter* letter) {
  if (letter->hopeless) return;
  if (letter->answered) {
    if (lab_->world.Chance(3)) SendChanged(*letter);
    // Those that are soon too old are asked about until they are.
    const bool ages = FromProto(letter->message.idempotency_time()) <
                      lab_->world.time() - absl::Hours(24);
    if (!lab_->world.Chance(ages ? 90 : 5)) return;
  }
  Insist(letter);
  if (!lab_->broker.up()) return;
  v1::PublishRequest request;
  *request.add_messages() = letter->message;
  lab_->broker.Publish(
      letter->sender, std::move(request),
      [this, letter](absl::StatusOr<v1::PublishResponse> response) {
        if (!response.ok()) return Refused(letter, response.status());
        Published(letter, response->receipts(0), "publish");
      });
}

void LabSenders::SendStream(const std::vector<Letter*>& letters) {
  for (Letter* const letter : letters) Insist(letter);
  if (!lab_->broker.up()) return;
  PublishEachCommand command{.sender = letters[0]->sender,
                             .request = {},
                             .refusals = {},
                             .done = nullptr};
  for (const Letter* const letter : letters) {
    *command.request.add_messages() = Checked(letter->message);
    command.refusals.push_back(absl::OkStatus());
  }
  command.done = [this, letters](
                     absl::StatusOr<v1::StreamingPublishResponse> response) {
    ASSERT_TRUE(response.ok()) << response.status();
    ASSERT_EQ(response->results_size(), static_cast<int>(letters.size()));
    for (size_t i = 0; i < letters.size(); ++i) {
      const v1::PublishResult& result = response->results(static_cast<int>(i));
      if (result.has_receipt()) {
        Published(letters[i], result.receipt(), "stream");
      } else {
        Refused(letters[i], StatusOf(result.refusal()));
      }
    }
  };
  lab_->broker.Do(std::move(command));
}

// Other content under a key that was used.
void LabSenders::SendChanged(const Letter& letter) {
  if (!lab_->broker.up()) return;
  v1::PublishRequest request;
  *request.add_messages() = letter.message;
  request.mutable_messages(0)->mutable_payload(0)->set_content("changed");
  lab_->broker.Publish(
      letter.sender, std::move(request),
      [this, &letter](const absl::StatusOr<v1::PublishResponse>& response) {
        const std::string reason = ReasonOf(response.status());
        EXPECT_TRUE(reason == "IDEMPOTENCY_KEY_REUSED" ||
                    reason == "IDEMPOTENCY_KEY_TOO_OLD")
            << letter.marker << ": " << response.status();
        lab_->Did(reason);
      });
}

void LabSenders::Published(Letter* letter, const v1::PublishReceipt& receipt,
                           const std::string& how) {
  lab_->Did(letter->answered ? "repeat" : how);
  if (letter->copies.size() > 1) lab_->Did("two queues");
  lab_->letters.Published(letter, receipt);
}

void LabSenders::Refused(Letter* letter, const absl::Status& why) {
  lab_->world.Note(
      AgencyName(letter->sender.agency),
      absl::StrCat(letter->marker, " is refused: ", why.message()));
  lab_->letters.Refused(letter, why);
  if (!absl::IsResourceExhausted(why)) {
    lab_->Did(letter->answered ? "repeat: too late" : "publish: too late");
    return;
  }
  const std::string limit = LimitOf(why);
  EXPECT_NE(limit, "") << why;
  lab_->Did(absl::StrCat("limit: ", limit));
}

}  // namespace baton::sim
