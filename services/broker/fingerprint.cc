#include "services/broker/fingerprint.h"

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "services/common/agency.h"
#include "storage/crypto.h"
#include "storage/keys.h"

namespace baton {
namespace {

std::string Deterministic(const v1::Message& message) {
  std::string bytes;
  bytes.reserve(message.ByteSizeLong());
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializeWithCachedSizes(&coded);
  coded.Trim();
  return bytes;
}

}  // namespace

Fingerprint FingerprintOf(absl::string_view content_key,
                          const v1::Agency& sender,
                          const v1::Message& message) {
  const Hash key = Sha256({AgencyName(sender), absl::string_view("\0", 1),
                           message.idempotency_key()});
  const Hash content = HmacSha256(content_key, Deterministic(message));
  return {
      .key = IdempotencyKey(AsBytes(key).substr(0, Fingerprint::kHmacBytes)),
      .content_hmac =
          std::string(AsBytes(content).substr(0, Fingerprint::kHmacBytes))};
}

}  // namespace baton
