#include "services/common/certificate.h"

#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "openssl/err.h"
#include "openssl/pem.h"
#include "openssl/x509v3.h"

namespace baton {
namespace {

constexpr char kScheme[] = "spiffe://";

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};

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
  const std::unique_ptr<BIO, Free> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  std::vector<std::string> uris;
  while (true) {
    const std::unique_ptr<X509, Free> certificate(
        PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (certificate == nullptr) break;
    AddUris(certificate.get(), &uris);
  }
  ERR_clear_error();  // The end of the text is one.
  return uris;
}

absl::string_view TrustDomainOf(absl::string_view uri) {
  if (!absl::ConsumePrefix(&uri, kScheme)) return "";
  return uri.substr(0, uri.find('/'));
}

}  // namespace baton
