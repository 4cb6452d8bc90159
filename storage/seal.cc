#include "storage/seal.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "storage/crypto.h"

// context := version message_id part view sender
//   version   4 bytes, big-endian
//   the rest  each: length (4 bytes, big-endian), bytes

namespace baton {
namespace {

constexpr size_t kNonceBytes = 12;

void AppendNumber(uint32_t value, std::string& out) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(value >> shift));
  }
}

std::string Encode(const PartContext& context) {
  std::string out;
  AppendNumber(context.version, out);
  for (const absl::string_view field :
       {context.message_id, context.part, context.view, context.sender}) {
    AppendNumber(field.size(), out);
    out.append(field.data(), field.size());
  }
  return out;
}

// Fixed: each part's key seals once.
constexpr char kZeros[kNonceBytes] = {};
constexpr absl::string_view kPartNonce(kZeros, kNonceBytes);

}  // namespace

std::string SealPart(absl::string_view matter_key, const PartContext& context,
                     absl::string_view plain) {
  const std::string bound = Encode(context);
  return GcmSeal(Hkdf(matter_key, bound), kPartNonce, bound, plain);
}

absl::StatusOr<std::string> OpenPart(absl::string_view matter_key,
                                     const PartContext& context,
                                     absl::string_view sealed) {
  const std::string bound = Encode(context);
  return GcmOpen(Hkdf(matter_key, bound), kPartNonce, bound, sealed);
}

std::string SealRecord(absl::string_view key, absl::string_view name,
                       absl::string_view plain, RandomSource* random) {
  const std::string nonce = random->Bytes(kNonceBytes);
  return absl::StrCat(nonce, GcmSeal(key, nonce, name, plain));
}

absl::StatusOr<std::string> OpenRecord(absl::string_view key,
                                       absl::string_view name,
                                       absl::string_view sealed) {
  if (sealed.size() < kNonceBytes) {
    return absl::DataLossError("a sealed record is cut short");
  }
  return GcmOpen(key, sealed.substr(0, kNonceBytes), name,
                 sealed.substr(kNonceBytes));
}

}  // namespace baton
