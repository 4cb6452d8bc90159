#ifndef BATON_SERVICES_BROKER_FINGERPRINT_H_
#define BATON_SERVICES_BROKER_FINGERPRINT_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "baton/v1/agency.pb.h"
#include "baton/v1/message.pb.h"

namespace baton {

// By what a repeat is known.
struct Fingerprint {
  static constexpr size_t kHmacBytes = 16;

  std::string key;           // IdempotencyKey of sender and idempotency_key.
  std::string content_hmac;  // Of everything the sender said.
};

// Of a `message` as CheckPublish leaves it. Pure and thread-safe; takes long
// enough to be made on the caller's thread, not on the commit thread.
Fingerprint FingerprintOf(absl::string_view content_key,
                          const v1::Agency& sender, const v1::Message& message);

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_FINGERPRINT_H_
