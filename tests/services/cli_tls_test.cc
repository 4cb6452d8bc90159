#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "baton/v1/emergency_service.grpc.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/cli/handshake.h"
#include "services/common/certificate.h"
#include "services/common/tls.h"
#include "tests/support/breaking_line.h"
#include "tests/support/source_file.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_certificates.h"

namespace baton {
namespace {

using ::testing::HasSubstr;

// A service behind mutual TLS, and certificates made by deploy/make-certs.
class TlsTest : public testing::Test {
 protected:
  // The files of `name`, trusting the authority of the test.
  v1::TlsConfig Files(const std::string& name) const {
    return certs_.FilesOf(name);
  }

  void Serve(const v1::TlsConfig& config) {
    auto credentials = MutualTlsServer(config);
    ASSERT_TRUE(credentials.ok()) << credentials.status();
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", *credentials, &port_);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(port_, 0);
  }

  // UNIMPLEMENTED: the service answered. UNAVAILABLE: no connection was made.
  grpc::StatusCode CallAs(const v1::TlsConfig& config,
                          const std::string& server_name) {
    auto channel =
        Dial("127.0.0.1:" + std::to_string(port_), server_name, config);
    EXPECT_TRUE(channel.ok()) << channel.status();
    return CallBy(*channel);
  }

  static grpc::StatusCode CallBy(
      const std::shared_ptr<grpc::Channel>& channel) {
    auto stub = v1::EmergencyService::NewStub(channel);
    grpc::ClientContext context;
    v1::GetWaitingResponse response;
    return stub->GetWaiting(&context, v1::GetWaitingRequest(), &response)
        .error_code();
  }

  static void Copy(const std::string& from, const std::string& to) {
    std::filesystem::copy_file(
        from, to, std::filesystem::copy_options::overwrite_existing);
  }

  const TestCertificates certs_;
  v1::EmergencyService::Service service_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

TEST_F(TlsTest, AgenciesOfOneAuthorityTalk) {
  Serve(Files("exchange-baton"));
  EXPECT_EQ(CallAs(Files("emergency-RX1RA"), "localhost"),
            grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(CallAs(Files("emergency-RX1RA"), ""),
            grpc::StatusCode::UNIMPLEMENTED)
      << "127.0.0.1 is in the certificate";
}

// The first connection ends in the middle of its handshake.
TEST_F(TlsTest, OneFailureToConnectIsNotTheEnd) {
  Serve(Files("exchange-baton"));
  BreakingLine line(port_);
  line.HoldAfter(1);
  auto dialled = std::async(std::launch::async, [&] {
    return DialTwice(absl::StrCat("127.0.0.1:", line.port()), "",
                     Files("emergency-RX1RA"));
  });
  while (line.bytes_since() == 0) {
    ASSERT_EQ(dialled.wait_for(std::chrono::milliseconds(1)),
              std::future_status::timeout);
  }
  line.Break();
  EXPECT_EQ(CallBy(*dialled.get()), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(line.breaks(), 1);
}

TEST_F(TlsTest, NobodyThereIsSaidAtTheSecondAttempt) {
  Serve(Files("exchange-baton"));
  server_.reset();
  const auto dialled = DialTwice(absl::StrCat("127.0.0.1:", port_), "",
                                 Files("emergency-RX1RA"));
  EXPECT_EQ(CallBy(*dialled), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(TlsTest, AServerOfAnotherNameIsRefused) {
  Serve(Files("exchange-baton"));
  EXPECT_EQ(CallAs(Files("emergency-RX1RA"), "elsewhere.example"),
            grpc::StatusCode::UNAVAILABLE);
}

TEST_F(TlsTest, AClientOfAnotherAuthorityIsRefused) {
  Serve(Files("exchange-baton"));
  EXPECT_EQ(CallAs(Files("bad/foreign"), "localhost"),
            grpc::StatusCode::UNAVAILABLE);
}

TEST_F(TlsTest, AnExpiredClientIsRefused) {
  Serve(Files("exchange-baton"));
  EXPECT_EQ(CallAs(Files("bad/expired"), "localhost"),
            grpc::StatusCode::UNAVAILABLE);
}

TEST_F(TlsTest, AClientWithoutACertificateIsRefused) {
  Serve(Files("exchange-baton"));
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_verify_server_certs(false);
  options.set_check_call_host(false);
  options.set_certificate_verifier(
      std::make_shared<grpc::experimental::NoOpCertificateVerifier>());
  auto channel =
      grpc::CreateChannel("127.0.0.1:" + std::to_string(port_),
                          grpc::experimental::TlsCredentials(options));
  auto stub = v1::EmergencyService::NewStub(channel);
  grpc::ClientContext context;
  v1::GetWaitingResponse response;
  EXPECT_EQ(stub->GetWaiting(&context, v1::GetWaitingRequest(), &response)
                .error_code(),
            grpc::StatusCode::UNAVAILABLE);
}

// The server comes to trust a second authority while it runs.
TEST_F(TlsTest, ReplacedFilesAreTakenUpWithoutARestart) {
  const TempDir dir;
  v1::TlsConfig config = Files("exchange-baton");
  Copy(config.ca_file(), dir / "ca.pem");
  config.set_ca_file(dir / "ca.pem");
  config.mutable_refresh_interval()->set_seconds(1);
  Serve(config);
  EXPECT_EQ(CallAs(Files("bad/foreign"), "localhost"),
            grpc::StatusCode::UNAVAILABLE);

  std::ofstream(dir / "both.pem")
      << std::ifstream(certs_ / "ca.pem").rdbuf()
      << std::ifstream(certs_ / "bad/ca.pem").rdbuf();
  std::filesystem::rename(dir / "both.pem", dir / "ca.pem");
  auto channel = Dial("127.0.0.1:" + std::to_string(port_), "localhost",
                      Files("bad/foreign"));
  ASSERT_TRUE(channel.ok()) << channel.status();
  EXPECT_TRUE((*channel)->WaitForConnected(std::chrono::system_clock::now() +
                                           std::chrono::seconds(30)));
  EXPECT_EQ(CallAs(Files("bad/foreign"), "localhost"),
            grpc::StatusCode::UNIMPLEMENTED);
}

// --- What `baton doctor` sees of a connection.

class HandshakeTest : public TlsTest {
 protected:
  cli::Handshake ShakeAs(const std::string& name) {
    return cli::ShakeHands(absl::StrCat("127.0.0.1:", port_), "localhost",
                           Files(name), absl::Seconds(10));
  }
};

TEST_F(HandshakeTest, AMemberIsLetIn) {
  Serve(Files("exchange-baton"));
  const cli::Handshake handshake = ShakeAs("emergency-RX1RA");
  EXPECT_TRUE(handshake.connected.ok()) << handshake.connected;
  EXPECT_TRUE(handshake.secured.ok()) << handshake.secured;
  EXPECT_THAT(
      ReadCertificate(handshake.certificates)->spiffe_uris,
      testing::ElementsAre("spiffe://baton.test/agency/exchange/baton"));
}

TEST_F(HandshakeTest, ABadServerIsSeenAllTheSame) {
  Serve(Files("bad/expired"));
  const cli::Handshake handshake = ShakeAs("emergency-RX1RA");
  EXPECT_TRUE(handshake.secured.ok()) << handshake.secured;
  EXPECT_LT(ReadCertificate(handshake.certificates)->not_after, absl::Now());
}

TEST_F(HandshakeTest, ARefusalIsSaid) {
  Serve(Files("exchange-baton"));
  const cli::Handshake expired = ShakeAs("bad/expired");
  EXPECT_TRUE(expired.connected.ok()) << expired.connected;
  EXPECT_TRUE(absl::IsUnavailable(expired.secured)) << expired.secured;
  EXPECT_THAT(std::string(expired.secured.message()),
              HasSubstr("it refuses our certificate"));
  EXPECT_FALSE(expired.certificates.empty());
  EXPECT_FALSE(ShakeAs("bad/foreign").secured.ok());
}

TEST_F(HandshakeTest, NobodyThereAndNoSuchNameAreTwoThings) {
  Serve(Files("exchange-baton"));
  server_->Shutdown();
  const cli::Handshake nobody = ShakeAs("emergency-RX1RA");
  EXPECT_TRUE(absl::IsUnavailable(nobody.connected)) << nobody.connected;
  EXPECT_THAT(std::string(nobody.connected.message()),
              HasSubstr("onnection refused"));
  EXPECT_FALSE(nobody.secured.ok());
  const cli::Handshake unknown =
      cli::ShakeHands("no-such-host.invalid:1", "no-such-host.invalid",
                      Files("emergency-RX1RA"), absl::Seconds(10));
  EXPECT_TRUE(absl::IsNotFound(unknown.connected)) << unknown.connected;
}

// Somebody listens and says nothing.
TEST_F(HandshakeTest, PatienceEnds) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size),
            0);
  const cli::Handshake silent =
      cli::ShakeHands(absl::StrCat("127.0.0.1:", ntohs(address.sin_port)),
                      "localhost", Files("emergency-RX1RA"), absl::Seconds(1));
  close(listener);
  EXPECT_TRUE(silent.connected.ok()) << silent.connected;
  EXPECT_THAT(std::string(silent.secured.message()), HasSubstr("in time"));
}

// A fault is found before anything is dialled or served, and names the file.
class TlsFilesTest : public TlsTest {
 protected:
  void ExpectFault(const v1::TlsConfig& config, const std::string& text) {
    for (const absl::Status& status :
         {MutualTlsServer(config).status(), MutualTlsClient(config).status()}) {
      EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
      EXPECT_THAT(std::string(status.message()), HasSubstr(text));
    }
  }
};

TEST_F(TlsFilesTest, AMissingFileIsNamed) {
  v1::TlsConfig config = Files("emergency-RX1RA");
  config.set_ca_file("/nowhere/ca.pem");
  ExpectFault(config, "tls.ca_file \"/nowhere/ca.pem\": cannot be read");
  config.clear_ca_file();
  ExpectFault(config, "tls.ca_file \"\": is required");
}

TEST_F(TlsFilesTest, AFileThatIsNotPemIsNamed) {
  v1::TlsConfig config = Files("emergency-RX1RA");
  config.set_certificate_file(SourceFile("README.md"));
  ExpectFault(config, "is not a certificate in PEM");
  config = Files("emergency-RX1RA");
  config.set_key_file(config.certificate_file());
  ExpectFault(config, "is not a private key in PEM");
}

TEST_F(TlsFilesTest, AKeyOfAnotherCertificateIsNamed) {
  v1::TlsConfig config = Files("emergency-RX1RA");
  config.set_key_file(Files("police-E23000019").key_file());
  ExpectFault(config, "is not the key of certificate_file");
}

TEST_F(TlsFilesTest, ARefreshBelowASecondIsRefused) {
  v1::TlsConfig config = Files("emergency-RX1RA");
  config.mutable_refresh_interval()->set_nanos(1000);
  ExpectFault(config, "shorter than 1 s");
}

TEST_F(TlsFilesTest, AnAddressNeedsAPort) {
  EXPECT_TRUE(absl::IsInvalidArgument(
      Dial("localhost", "", Files("emergency-RX1RA")).status()));
}

}  // namespace
}  // namespace baton
