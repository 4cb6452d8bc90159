#ifndef BATON_TESTS_SUPPORT_SERVED_BROKER_H_
#define BATON_TESTS_SUPPORT_SERVED_BROKER_H_

#include <atomic>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "baton/v1/message.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "services/broker/broker.h"
#include "services/common/agency.h"
#include "services/common/proto_time.h"
#include "services/common/tls.h"
#include "tests/support/broker_text.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_certificates.h"

namespace baton {

// A broker, whole but for main(), over mutual TLS with certificates of its own.
// Not thread-safe, but for DialAs.
class ServedBroker {
 public:
  // `agencies` and `access` in text format: the rest of a BrokerConfig, and an
  // AccessPolicy. After Stop() again, on the same disk.
  void Start(const std::string& agencies, const std::string& access,
             std::shared_ptr<rocksdb::FileSystem> file_system =
                 rocksdb::FileSystem::Default()) {
    Write("access.txtpb", access);
    const auto config = ReadConfig(agencies);
    ASSERT_TRUE(config.ok()) << config.status();
    auto broker =
        Broker::Start(*config, &clock_, &random_, std::move(file_system));
    ASSERT_TRUE(broker.ok()) << broker.status();
    broker_ = *std::move(broker);
  }
  // Reads the configuration Start reads; its faults when it has any.
  absl::StatusOr<v1::BrokerConfig> ReadConfig(const std::string& agencies) {
    return ReadBrokerConfig(
        Write("broker.txtpb", absl::StrCat(kBrokerText, agencies)));
  }
  void Stop() { broker_.reset(); }
  int port() const { return broker_->port(); }

  // As the agency whose certificate has this name, such as "emergency-RX1RA".
  std::shared_ptr<grpc::Channel> DialAs(const std::string& name) const {
    auto channel = Dial(absl::StrCat("127.0.0.1:", port()), "localhost",
                        certificates_.FilesOf(name));
    EXPECT_TRUE(channel.ok()) << channel.status();
    return *channel;
  }

  // A message to `queue` that only wants its payload. Each call makes a new
  // idempotency key. Thread-safe.
  v1::Message Envelope(v1::MessageKind kind, const std::string& queue) {
    v1::Message message;
    message.set_kind(kind);
    v1::Recipient* const recipient = message.add_recipients();
    *recipient->mutable_address() = ParseQueueName(queue).value();
    recipient->set_role(v1::RECIPIENT_ROLE_ACTION);
    message.set_idempotency_key(absl::StrCat("key-", ++last_key_));
    *message.mutable_idempotency_time() = ToProto(clock_.Now().wall);
    message.set_purpose(v1::PURPOSE_SAFEGUARDING);
    message.set_legal_basis(v1::LEGAL_BASIS_CHILDREN_ACT_2004_S11);
    message.set_environment(v1::ENVIRONMENT_TRAINING);
    message.set_format_version(1);
    return message;
  }
  // Opens one matter, about which it says nothing.
  v1::Message Flag(const std::string& queue) {
    v1::Message message = Envelope(v1::MESSAGE_KIND_WAITING_FLAG, queue);
    v1::PayloadPart* const part = message.add_payload();
    part->set_matter_id("#1");
    part->set_type("baton.v1.WaitingFlag");
    return message;
  }

  const TestCertificates& certificates() const { return certificates_; }
  std::string vault_directory() const { return dir_ / "broker/vault"; }

  Broker* broker() { return broker_.get(); }
  const Clock& clock() const { return clock_; }

 private:
  std::string Write(const std::string& name, const std::string& text) {
    const std::string file = dir_ / name;
    std::ofstream(file) << absl::StrReplaceAll(
        text, {{"CERTS", certificates_.path()}});
    return file;
  }

  const TestCertificates certificates_;
  const TempDir dir_;
  SystemClock clock_;
  SystemRandom random_;
  std::atomic<int> last_key_{0};
  std::unique_ptr<Broker> broker_;
};

}  // namespace baton

#endif  // BATON_TESTS_SUPPORT_SERVED_BROKER_H_
