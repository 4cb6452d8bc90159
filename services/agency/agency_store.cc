#include "services/agency/agency_store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"
#include "storage/crypto.h"
#include "storage/seal.h"
#include "storage/status.h"

namespace baton {
namespace {

constexpr size_t kPseudonymBytes = 16;
constexpr size_t kDigestBytes = 16;

}  // namespace

AgencyStore::AgencyStore(Store* store, StoreWriter writer, std::string disk_key,
                         RandomSource* random)
    : store_(store),
      writer_(std::move(writer)),
      seal_key_(Hkdf(disk_key, "seal")),
      name_key_(Hkdf(disk_key, "name")),
      random_(random) {}

absl::StatusOr<std::unique_ptr<AgencyStore>> AgencyStore::Open(
    Store* store, std::string disk_key, RandomSource* random) {
  ASSIGN_OR_RETURN(StoreWriter writer, StoreWriter::Open(store));
  return std::unique_ptr<AgencyStore>(
      new AgencyStore(store, std::move(writer), std::move(disk_key), random));
}

absl::StatusOr<std::optional<std::string>> AgencyStore::Get(
    absl::string_view key) const {
  if (const Batch::Write* write = batch_.Find(key)) return write->value;
  return store_->Get(key);
}

absl::Status AgencyStore::Commit(absl::Time now) {
  if (batch_.empty()) return absl::OkStatus();
  v1::HeadRecord head = writer_.head();
  head.set_commit(head.commit() + 1);
  *head.mutable_commit_time() = ToProto(now);
  return writer_.Commit(std::exchange(batch_, Batch()), std::move(head));
}

std::string AgencyStore::Seal(absl::string_view name,
                              const google::protobuf::Message& record) {
  return SealRecord(seal_key_, name, record.SerializeAsString(), random_);
}

absl::Status AgencyStore::Open(absl::string_view name, absl::string_view sealed,
                               google::protobuf::Message* record) const {
  ASSIGN_OR_RETURN(const std::string plain,
                   OpenRecord(seal_key_, name, sealed));
  if (!record->ParseFromString(plain)) {
    return absl::DataLossError("a sealed record is damaged");
  }
  return absl::OkStatus();
}

std::string AgencyStore::Pseudonym(absl::string_view text) const {
  return LetterHex(
      AsBytes(HmacSha256(name_key_, text)).substr(0, kPseudonymBytes));
}

std::string AgencyStore::Digest(
    const google::protobuf::Message& request) const {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    request.SerializeToCodedStream(&coded);
  }
  return std::string(
      AsBytes(HmacSha256(name_key_, bytes)).substr(0, kDigestBytes));
}

}  // namespace baton
