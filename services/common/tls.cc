#include "services/common/tls.h"

#include <fstream>
#include <sstream>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_certificate_verifier.h"
#include "grpcpp/security/tls_credentials_options.h"
#include "openssl/pem.h"
#include "openssl/x509.h"
#include "storage/status.h"

namespace baton {
namespace {

using ::grpc::experimental::FileWatcherCertificateProvider;

constexpr int64_t kDefaultRefreshSeconds = 5;
constexpr int kMaxReceiveBytes = 4 << 20;
constexpr int kMinReconnectMs = 1000;
constexpr int kMaxReconnectMs = 5000;
constexpr int kKeepaliveMs = 20000;
constexpr absl::Duration kConnectPatience = absl::Seconds(2);

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};

absl::Status BadFile(absl::string_view field, absl::string_view file,
                     absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("tls.", field, " \"", file, "\": ", what));
}

absl::StatusOr<std::unique_ptr<BIO, Free>> ReadPem(absl::string_view field,
                                                   const std::string& file) {
  if (file.empty()) return BadFile(field, file, "is required; name a PEM file");
  std::ifstream in(file, std::ios::binary);
  std::ostringstream content;
  if (!in || !(content << in.rdbuf())) {
    return BadFile(field, file,
                   "cannot be read; check that it exists and who may read it");
  }
  const std::string pem = content.str();
  std::unique_ptr<BIO, Free> bio(BIO_new(BIO_s_mem()));
  BIO_write(bio.get(), pem.data(), static_cast<int>(pem.size()));
  return bio;
}

absl::StatusOr<std::unique_ptr<X509, Free>> ReadCertificate(
    absl::string_view field, const std::string& file) {
  ASSIGN_OR_RETURN(auto bio, ReadPem(field, file));
  std::unique_ptr<X509, Free> certificate(
      PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (certificate == nullptr) {
    return BadFile(field, file, "is not a certificate in PEM");
  }
  return certificate;
}

absl::StatusOr<std::unique_ptr<EVP_PKEY, Free>> ReadKey(
    const std::string& file) {
  ASSIGN_OR_RETURN(auto bio, ReadPem("key_file", file));
  // A service must never stop at a prompt: an encrypted key is refused.
  auto no_passphrase = [](char*, int, int, void*) { return -1; };
  std::unique_ptr<EVP_PKEY, Free> key(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  if (key == nullptr) {
    return BadFile("key_file", file,
                   "is not a private key in PEM without a passphrase");
  }
  return key;
}

absl::StatusOr<std::shared_ptr<FileWatcherCertificateProvider>> Watch(
    const v1::TlsConfig& config) {
  int64_t seconds = kDefaultRefreshSeconds;
  if (config.has_refresh_interval()) {
    seconds = config.refresh_interval().seconds();
    if (seconds < 1) {
      return absl::InvalidArgumentError(
          "tls.refresh_interval is shorter than 1 s");
    }
  }
  // gRPC would wait in silence for files that never become usable.
  RETURN_IF_ERROR(CheckTlsFiles(config));
  return std::make_shared<FileWatcherCertificateProvider>(
      config.key_file(), config.certificate_file(), config.ca_file(),
      static_cast<unsigned>(seconds));
}

grpc::ChannelArguments ChannelArgumentsFor(const std::string& server_name) {
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride(server_name);
  arguments.SetMaxReceiveMessageSize(kMaxReceiveBytes);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kMinReconnectMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kMinReconnectMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  // Who calls knows what may be sent again, and gRPC's own retries take a sixth
  // of a client's CPU, whether or not anything is.
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  return arguments;
}

// Whether the first attempt fails; one that lasts longer than kConnectPatience
// is left to go on.
bool FailsToConnect(grpc::Channel& channel) {
  const auto deadline = absl::ToChronoTime(absl::Now() + kConnectPatience);
  grpc_connectivity_state state = channel.GetState(/*try_to_connect=*/true);
  while (state == GRPC_CHANNEL_IDLE || state == GRPC_CHANNEL_CONNECTING) {
    if (!channel.WaitForStateChange(state, deadline)) return false;
    state = channel.GetState(/*try_to_connect=*/true);
  }
  return state != GRPC_CHANNEL_READY;
}

}  // namespace

absl::Status CheckTlsFiles(const v1::TlsConfig& config) {
  RETURN_IF_ERROR(ReadCertificate("ca_file", config.ca_file()).status());
  ASSIGN_OR_RETURN(
      auto certificate,
      ReadCertificate("certificate_file", config.certificate_file()));
  ASSIGN_OR_RETURN(auto key, ReadKey(config.key_file()));
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return BadFile("key_file", config.key_file(),
                   absl::StrCat("is not the key of certificate_file \"",
                                config.certificate_file(), "\""));
  }
  return absl::OkStatus();
}

std::string HostOf(absl::string_view address) {
  const size_t colon = address.rfind(':');
  absl::string_view host = address.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  return std::string(host);
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MutualTlsServer(
    const v1::TlsConfig& config) {
  ASSIGN_OR_RETURN(auto provider, Watch(config));
  grpc::experimental::TlsServerCredentialsOptions options(provider);
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(
      GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  return grpc::experimental::TlsServerCredentials(options);
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MutualTlsClient(
    const v1::TlsConfig& config) {
  ASSIGN_OR_RETURN(auto provider, Watch(config));
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(provider);
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_verify_server_certs(true);
  options.set_certificate_verifier(
      std::make_shared<grpc::experimental::HostNameCertificateVerifier>());
  return grpc::experimental::TlsCredentials(options);
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> Dial(
    absl::string_view address, absl::string_view server_name,
    const v1::TlsConfig& config) {
  if (address.rfind(':') == absl::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("address \"", address, "\" is not host:port"));
  }
  ASSIGN_OR_RETURN(auto credentials, MutualTlsClient(config));
  const std::string name =
      server_name.empty() ? HostOf(address) : std::string(server_name);
  return grpc::CreateCustomChannel(std::string(address), credentials,
                                   ChannelArgumentsFor(name));
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> DialTwice(
    absl::string_view address, absl::string_view server_name,
    const v1::TlsConfig& config) {
  ASSIGN_OR_RETURN(auto channel, Dial(address, server_name, config));
  if (!FailsToConnect(*channel)) return channel;
  return Dial(address, server_name, config);
}

}  // namespace baton
