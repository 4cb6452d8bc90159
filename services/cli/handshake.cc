#include "services/cli/handshake.h"

#include <sys/socket.h>

#include <csignal>
#include <cstring>
#include <ctime>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "openssl/bio.h"
#include "openssl/err.h"
#include "openssl/pem.h"
#include "openssl/ssl.h"
#include "storage/status.h"

namespace baton::cli {
namespace {

constexpr unsigned char kHttp2[] = "\x02h2";
constexpr unsigned kNapMilliseconds = 10;

struct Free {
  void operator()(BIO* bio) const { BIO_free_all(bio); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(BIO_ADDRINFO* found) const { BIO_ADDRINFO_free(found); }
};
// Writing to who has hung up must not end the program.
class WithoutBrokenPipes {
 public:
  WithoutBrokenPipes() : before_(std::signal(SIGPIPE, SIG_IGN)) {}
  ~WithoutBrokenPipes() { std::signal(SIGPIPE, before_); }
  WithoutBrokenPipes(const WithoutBrokenPipes&) = delete;
  WithoutBrokenPipes& operator=(const WithoutBrokenPipes&) = delete;

 private:
  void (*const before_)(int);
};
using Connection = std::unique_ptr<BIO, Free>;

// What the system complained of, else OpenSSL's last word.
std::string Complaint(absl::string_view otherwise) {
  std::string complaint(otherwise);
  while (const unsigned long error = ERR_get_error()) {
    const char* const reason = ERR_SYSTEM_ERROR(error)
                                   ? std::strerror(ERR_GET_REASON(error))
                                   : ERR_reason_error_string(error);
    if (reason != nullptr) complaint = reason;
    if (ERR_SYSTEM_ERROR(error)) break;
  }
  ERR_clear_error();
  return complaint;
}

// Repeats `step` while it waits for the other side.
template <typename Step>
absl::Status Patiently(BIO* connection, absl::Duration patience,
                       absl::string_view what, Step step) {
  const std::time_t deadline =
      std::time(nullptr) + absl::ToInt64Seconds(patience);
  while (step() <= 0) {
    if (!BIO_should_retry(connection)) {
      return absl::UnavailableError(
          absl::StrCat(what, ": ", Complaint("it hung up")));
    }
    if (BIO_wait(connection, deadline, kNapMilliseconds) != 1) {
      ERR_clear_error();
      return absl::UnavailableError(absl::StrCat(what, ": no answer in time"));
    }
  }
  return absl::OkStatus();
}

absl::Status Resolve(BIO* connection) {
  BIO_ADDRINFO* found = nullptr;
  const char* const host = BIO_get_conn_hostname(connection);
  const int known =
      BIO_lookup_ex(host, BIO_get_conn_port(connection), BIO_LOOKUP_CLIENT,
                    AF_UNSPEC, SOCK_STREAM, 0, &found);
  const std::unique_ptr<BIO_ADDRINFO, Free> owned(found);
  if (known == 1) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat("nobody knows the host ",
                                          host == nullptr ? "" : host, ": ",
                                          Complaint("no address")));
}

absl::StatusOr<Connection> Connect(const std::string& address,
                                   absl::Duration patience) {
  Connection connection(BIO_new_connect(address.c_str()));
  if (connection == nullptr) {
    return absl::NotFoundError(absl::StrCat(address, " is not host:port"));
  }
  RETURN_IF_ERROR(Resolve(connection.get()));
  BIO_set_nbio(connection.get(), 1);
  RETURN_IF_ERROR(Patiently(connection.get(), patience,
                            absl::StrCat("nobody answers at ", address),
                            [&] { return BIO_do_connect(connection.get()); }));
  return connection;
}

// Judges nobody: what the other side shows is wanted also when it is bad.
absl::StatusOr<std::unique_ptr<SSL_CTX, Free>> ContextOf(
    const v1::TlsConfig& tls) {
  std::unique_ptr<SSL_CTX, Free> context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  // Who refuses may hang up without a word.
  SSL_CTX_set_options(context.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_alpn_protos(context.get(), kHttp2, sizeof(kHttp2) - 1);
  if (SSL_CTX_use_certificate_chain_file(context.get(),
                                         tls.certificate_file().c_str()) == 1 &&
      SSL_CTX_use_PrivateKey_file(context.get(), tls.key_file().c_str(),
                                  SSL_FILETYPE_PEM) == 1) {
    return context;
  }
  return absl::UnavailableError(
      absl::StrCat("our certificate cannot be shown: ", Complaint("no key")));
}

std::string ChainOf(SSL* ssl) {
  const std::unique_ptr<BIO, Free> text(BIO_new(BIO_s_mem()));
  STACK_OF(X509)* const chain = SSL_get_peer_cert_chain(ssl);
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    PEM_write_bio_X509(text.get(), sk_X509_value(chain, i));
  }
  char* data = nullptr;
  const long size = BIO_get_mem_data(text.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

// TLS 1.3 tells a client that it was refused only where the first bytes should
// be; a gRPC server speaks first.
absl::Status Secure(Connection plain, const std::string& server_name,
                    const v1::TlsConfig& tls, absl::Duration patience,
                    std::string* certificates) {
  ASSIGN_OR_RETURN(const auto context, ContextOf(tls));
  BIO* const layer = BIO_new_ssl(context.get(), /*client=*/1);
  SSL* ssl = nullptr;
  BIO_get_ssl(layer, &ssl);
  SSL_set_tlsext_host_name(ssl, server_name.c_str());
  const Connection connection(BIO_push(layer, plain.release()));
  const absl::Status shaken =
      Patiently(connection.get(), patience, "TLS failed",
                [&] { return BIO_do_handshake(connection.get()); });
  *certificates = ChainOf(ssl);
  RETURN_IF_ERROR(shaken);
  char first = 0;
  return Patiently(connection.get(), patience, "it refuses our certificate",
                   [&] { return BIO_read(connection.get(), &first, 1); });
}

}  // namespace

Handshake ShakeHands(const std::string& address, const std::string& server_name,
                     const v1::TlsConfig& tls, absl::Duration patience) {
  const WithoutBrokenPipes quiet;
  Handshake handshake;
  ERR_clear_error();
  absl::StatusOr<Connection> connection = Connect(address, patience);
  handshake.connected = connection.status();
  if (!connection.ok()) {
    handshake.secured = absl::UnavailableError("there is no connection");
    return handshake;
  }
  handshake.secured = Secure(*std::move(connection), server_name, tls, patience,
                             &handshake.certificates);
  return handshake;
}

}  // namespace baton::cli
