#include "tests/bench/traffic.h"

#include <chrono>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "baton/v1/waiting.pb.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"
#include "services/common/tls.h"
#include "storage/random.h"
#include "tests/bench/peers/common.h"

namespace baton::bench {
namespace {

constexpr int kStampDigits = 20;

v1::Message Envelope(v1::MessageKind kind) {
  v1::Message message;
  message.set_kind(kind);
  message.set_priority(v1::PRIORITY_URGENT);
  message.set_purpose(v1::PURPOSE_SAFEGUARDING);
  message.set_legal_basis(v1::LEGAL_BASIS_CHILDREN_ACT_1989_S17);
  message.set_environment(v1::ENVIRONMENT_TRAINING);
  message.set_format_version(1);
  v1::Recipient* const recipient = message.add_recipients();
  recipient->set_role(v1::RECIPIENT_ROLE_ACTION);
  v1::Agency* const council = recipient->mutable_address()->mutable_agency();
  council->set_agency_class(v1::AGENCY_CLASS_COUNCIL);
  council->set_code("E06000018");
  v1::Actor* const actor = message.mutable_actor();
  actor->set_name("Test Nurse");
  actor->set_role("charge nurse");
  actor->set_team("emergency department");
  actor->set_phone("0115 496 0000");
  return message;
}

// Adds a part of `content`, whose `text` is filled until it has `bytes` bytes.
template <typename Content>
void SetPart(size_t bytes, const Content& content, std::string* text,
             const std::string& matter_id, v1::Message* message) {
  v1::PayloadPart* const part = message->add_payload();
  part->set_matter_id(matter_id);
  part->set_type(Content::descriptor()->full_name());
  *text = ::bench::Payload(bytes + 8).substr(8);
  const size_t total = content.ByteSizeLong();
  text->resize(total < 2 * bytes ? 2 * bytes - total : 0);
  part->set_content(content.SerializeAsString());
}

}  // namespace

Traffic::Traffic(size_t payload_bytes)
    : key_prefix_(LetterHex(SystemRandom().Bytes(8))),
      flag_(Envelope(v1::MESSAGE_KIND_WAITING_FLAG)),
      update_(Envelope(v1::MESSAGE_KIND_WAITING_UPDATE)) {
  v1::WaitingFlag flag;
  flag.set_sender_reference("encounter");
  flag.set_reason(v1::WAITING_REASON_PLACEMENT_BREAKDOWN);
  std::string* text = flag.mutable_reason_detail()->mutable_value();
  SetPart(payload_bytes, flag, text, "#1", &flag_);
  v1::WaitingUpdate update;
  update.set_blocked_by(v1::BLOCKED_BY_PLACEMENT);
  text = update.mutable_note()->mutable_value();
  SetPart(payload_bytes, update, text, "", &update_);
}

void Traffic::GiveKey(v1::Message* message) {
  // In letters: ten digits in a row would look like somebody's NHS number.
  std::string* const key = message->mutable_idempotency_key();
  *key = key_prefix_;
  for (uint64_t rest = ++last_key_; rest != 0; rest /= 16) {
    key->push_back(static_cast<char>('a' + rest % 16));
  }
  *message->mutable_idempotency_time() = ToProto(absl::Now());
}

// The note ends the content: its last bytes hold the time, in decimal digits.
void Traffic::Stamp(v1::Message* update) {
  std::string* const content = update->mutable_payload(0)->mutable_content();
  const std::string digits =
      absl::StrFormat("%0*d", kStampDigits, ::bench::NowNs());
  content->replace(content->size() - kStampDigits, kStampDigits, digits);
}

uint64_t Traffic::ReadStamp(const v1::Message& update) {
  const std::string& content = update.payload(0).content();
  uint64_t stamp = 0;
  if (!absl::SimpleAtoi(content.substr(content.size() - kStampDigits),
                        &stamp)) {
    ::bench::Die("a message without its stamp");
  }
  return stamp;
}

v1::Message Traffic::Flag() {
  v1::Message message = flag_;
  GiveKey(&message);
  return message;
}

v1::Message Traffic::Update(const std::string& conversation_id) {
  v1::Message message = update_;
  MakeUpdate(conversation_id, &message);
  return message;
}

void Traffic::MakeUpdate(const std::string& conversation_id,
                         v1::Message* message) {
  GiveKey(message);
  message->set_conversation_id(conversation_id);
  message->mutable_payload(0)->set_matter_id(MatterId(conversation_id, 1));
}

std::unique_ptr<v1::BrokerService::Stub> Connect(
    const std::string& address, const std::string& certificates,
    const std::string& identity) {
  v1::TlsConfig tls;
  tls.set_ca_file(certificates + "/ca.pem");
  tls.set_certificate_file(absl::StrCat(certificates, "/", identity, ".pem"));
  tls.set_key_file(absl::StrCat(certificates, "/", identity, ".key"));
  const auto channel = Dial(address, "localhost", tls);
  if (!channel.ok()) ::bench::Die(channel.status().ToString());
  if (!(*channel)->WaitForConnected(std::chrono::system_clock::now() +
                                    std::chrono::seconds(10))) {
    ::bench::Die("cannot connect to " + address);
  }
  return v1::BrokerService::NewStub(*channel);
}

}  // namespace baton::bench
