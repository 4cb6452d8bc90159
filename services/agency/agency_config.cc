#include "services/agency/agency_config.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "services/common/agency.h"
#include "services/common/media_type.h"
#include "services/common/proto_time.h"

namespace baton {
namespace {

constexpr int kMaxDesks = 16;
constexpr int64_t kMaxDocumentBytes = 20 << 20;  // What the exchange takes.
constexpr int64_t kMaxHeldBytes = int64_t{1} << 40;

void CheckDocuments(const v1::DocumentConfig& documents, Faults* faults) {
  const std::string path = "service.documents";
  if (documents.max_bytes() < 0 || documents.max_bytes() > kMaxDocumentBytes) {
    faults->Add(path + ".max_bytes", "must be 0 to 20 MiB");
  }
  const int64_t most =
      documents.max_bytes() > 0 ? documents.max_bytes() : kMaxDocumentBytes;
  if (documents.max_held_bytes() != 0 &&
      (documents.max_held_bytes() < most ||
       documents.max_held_bytes() > kMaxHeldBytes)) {
    faults->Add(path + ".max_held_bytes", "must be max_bytes to 1 TiB");
  }
  for (int i = 0; i < documents.media_types_size(); ++i) {
    if (IsCarriedMediaType(documents.media_types(i))) continue;
    faults->Add(absl::StrCat(path, ".media_types[", i, "]"),
                "must be image/, audio/ or video/ something, text/plain or "
                "application/pdf; never SVG");
  }
}

}  // namespace

void CheckPhones(
    const google::protobuf::RepeatedPtrField<v1::PhoneConfig>& phones,
    Faults* faults) {
  for (int i = 0; i < phones.size(); ++i) {
    if (!IsAgencyCode(phones[i].code()) || phones[i].phone().empty()) {
      faults->Add(absl::StrCat("phones[", i, "]"), "needs a code and a phone");
    }
  }
}

void CheckDesks(const google::protobuf::RepeatedPtrField<std::string>& desks,
                Faults* faults) {
  if (desks.size() > kMaxDesks) {
    faults->Add("desks", absl::StrCat("at most ", kMaxDesks));
  }
  std::set<std::string> seen;
  for (int i = 0; i < desks.size(); ++i) {
    const std::string field = absl::StrCat("desks[", i, "]");
    if (!IsDeskName(desks[i])) {
      faults->Add(field, "must be 1 to 32 of a-z, 0-9 and '-'");
    } else if (!seen.insert(desks[i]).second) {
      faults->Add(field, "is named twice");
    }
  }
}

void CheckPositive(bool present, const google::protobuf::Duration& duration,
                   absl::string_view field, Faults* faults) {
  if (present && FromProto(duration) <= absl::ZeroDuration()) {
    faults->Add(field, "must be longer than nothing");
  }
}

void CheckService(const v1::AgencyServiceConfig& service,
                  v1::AgencyClass agency_class, Faults* faults) {
  CheckAgencyService(service, "service", faults);
  if (service.agency().agency_class() != agency_class) {
    faults->Add("service.agency.agency_class",
                absl::StrCat("must be ", v1::AgencyClass_Name(agency_class)));
  }
  CheckPositive(service.has_sent_retention(), service.sent_retention(),
                "service.sent_retention", faults);
  CheckPositive(service.exchange().has_max_retry_delay(),
                service.exchange().max_retry_delay(),
                "service.exchange.max_retry_delay", faults);
  CheckPositive(service.exchange().has_call_deadline(),
                service.exchange().call_deadline(),
                "service.exchange.call_deadline", faults);
  CheckDocuments(service.documents(), faults);
}

std::vector<std::string> QueuesOf(
    const v1::Agency& agency,
    const google::protobuf::RepeatedPtrField<std::string>& desks) {
  std::vector<std::string> queues;
  for (const std::string& desk : desks) {
    v1::Address address;
    *address.mutable_agency() = agency;
    address.set_desk(desk);
    queues.push_back(QueueName(address));
  }
  return queues;
}

}  // namespace baton
