#include "services/common/certificate.h"

#include <ctime>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "openssl/err.h"
#include "openssl/pem.h"
#include "openssl/x509_vfy.h"
#include "openssl/x509v3.h"
#include "storage/status.h"

namespace baton {
namespace {

constexpr char kScheme[] = "spiffe://";

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
  void operator()(X509_STORE* store) const { X509_STORE_free(store); }
  void operator()(X509_STORE_CTX* context) const {
    X509_STORE_CTX_free(context);
  }
  void operator()(STACK_OF(X509) * chain) const {
    sk_X509_pop_free(chain, X509_free);
  }
};
using Chain = std::unique_ptr<STACK_OF(X509), Free>;

// All certificates of `pem`, in order.
Chain ReadChain(absl::string_view pem) {
  const std::unique_ptr<BIO, Free> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Chain chain(sk_X509_new_null());
  while (X509* const certificate =
             PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    sk_X509_push(chain.get(), certificate);
  }
  ERR_clear_error();  // The end of the text is one.
  return chain;
}

absl::StatusOr<Chain> ReadSome(absl::string_view pem) {
  Chain chain = ReadChain(pem);
  if (sk_X509_num(chain.get()) > 0) return chain;
  return absl::InvalidArgumentError("holds no certificate in PEM");
}

absl::Time ToTime(const ASN1_TIME* time) {
  std::tm parts = {};
  ASN1_TIME_to_tm(time, &parts);
  return absl::FromTM(parts, absl::UTCTimeZone());
}

void AddUris(X509* certificate, std::vector<std::string>* uris) {
  const std::unique_ptr<GENERAL_NAMES, Free> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  if (names == nullptr) return;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const ASN1_IA5STRING* const text = name->d.uniformResourceIdentifier;
    const std::string uri(
        reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
        static_cast<size_t>(ASN1_STRING_length(text)));
    if (absl::StartsWith(uri, kScheme)) uris->push_back(uri);
  }
}

}  // namespace

std::vector<std::string> SpiffeUris(absl::string_view pem) {
  const Chain chain = ReadChain(pem);
  std::vector<std::string> uris;
  for (int i = 0; i < sk_X509_num(chain.get()); ++i) {
    AddUris(sk_X509_value(chain.get(), i), &uris);
  }
  return uris;
}

absl::StatusOr<Certificate> ReadCertificate(absl::string_view pem) {
  ASSIGN_OR_RETURN(const Chain chain, ReadSome(pem));
  X509* const first = sk_X509_value(chain.get(), 0);
  Certificate certificate;
  AddUris(first, &certificate.spiffe_uris);
  certificate.not_before = ToTime(X509_get0_notBefore(first));
  certificate.not_after = ToTime(X509_get0_notAfter(first));
  return certificate;
}

absl::Status CheckAuthority(absl::string_view pem,
                            absl::string_view authorities) {
  ASSIGN_OR_RETURN(const Chain chain, ReadSome(pem));
  ASSIGN_OR_RETURN(const Chain trusted, ReadSome(authorities));
  const std::unique_ptr<X509_STORE, Free> store(X509_STORE_new());
  for (int i = 0; i < sk_X509_num(trusted.get()); ++i) {
    X509_STORE_add_cert(store.get(), sk_X509_value(trusted.get(), i));
  }
  const std::unique_ptr<X509_STORE_CTX, Free> context(X509_STORE_CTX_new());
  X509_STORE_CTX_init(context.get(), store.get(), sk_X509_value(chain.get(), 0),
                      chain.get());
  X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_NO_CHECK_TIME);
  if (X509_verify_cert(context.get()) == 1) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "no authority that we trust vouches for it: ",
      X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()))));
}

absl::Status CheckServerName(absl::string_view pem, const std::string& name) {
  ASSIGN_OR_RETURN(const Chain chain, ReadSome(pem));
  X509* const first = sk_X509_value(chain.get(), 0);
  if (X509_check_host(first, name.data(), name.size(), 0, nullptr) == 1 ||
      X509_check_ip_asc(first, name.c_str(), 0) == 1) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat("it does not name the host ", name));
}

absl::string_view TrustDomainOf(absl::string_view uri) {
  if (!absl::ConsumePrefix(&uri, kScheme)) return "";
  return uri.substr(0, uri.find('/'));
}

}  // namespace baton
