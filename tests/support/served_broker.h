#ifndef BATON_TESTS_SUPPORT_SERVED_BROKER_H_
#define BATON_TESTS_SUPPORT_SERVED_BROKER_H_

#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "services/broker/broker.h"
#include "services/common/tls.h"
#include "tests/support/broker_text.h"
#include "tests/support/source_file.h"
#include "tests/support/temp_dir.h"

namespace baton {

// A broker, whole but for main(), over mutual TLS with certificates of its own.
// Not thread-safe, but for DialAs.
class ServedBroker {
 public:
  // `agencies` and `access` in text format: the rest of a BrokerConfig, and an
  // AccessPolicy.
  void Start(const std::string& agencies, const std::string& access,
             std::shared_ptr<rocksdb::FileSystem> file_system =
                 rocksdb::FileSystem::Default()) {
    const std::string make = absl::StrCat(SourceFile("deploy/make-certs"), " ",
                                          certs_.path(), " >/dev/null");
    ASSERT_EQ(std::system(make.c_str()), 0) << make;
    Write("access.txtpb", access);
    const auto config = ReadBrokerConfig(
        Write("broker.txtpb", absl::StrCat(kBrokerText, agencies)));
    ASSERT_TRUE(config.ok()) << config.status();
    auto broker =
        Broker::Start(*config, &clock_, &random_, std::move(file_system));
    ASSERT_TRUE(broker.ok()) << broker.status();
    broker_ = *std::move(broker);
  }

  // As the agency whose certificate has this name, such as "emergency-RX1RA".
  std::shared_ptr<grpc::Channel> DialAs(const std::string& name) {
    v1::TlsConfig tls;
    tls.set_ca_file(certs_ / "ca.pem");
    tls.set_certificate_file(certs_ / (name + ".pem"));
    tls.set_key_file(certs_ / (name + ".key"));
    auto channel =
        Dial(absl::StrCat("127.0.0.1:", broker_->port()), "localhost", tls);
    EXPECT_TRUE(channel.ok()) << channel.status();
    return *channel;
  }

  Broker* broker() { return broker_.get(); }
  const Clock& clock() const { return clock_; }

 private:
  std::string Write(const std::string& name, const std::string& text) {
    const std::string file = dir_ / name;
    std::ofstream(file) << absl::StrReplaceAll(text,
                                               {{"CERTS", certs_.path()}});
    return file;
  }

  TempDir certs_;
  TempDir dir_;
  SystemClock clock_;
  SystemRandom random_;
  std::unique_ptr<Broker> broker_;
};

}  // namespace baton

#endif  // BATON_TESTS_SUPPORT_SERVED_BROKER_H_
