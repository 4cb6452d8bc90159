#include <sys/stat.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/broker/access.h"
#include "services/broker/attachment.h"
#include "services/broker/broker.h"
#include "services/broker/directory.h"
#include "services/common/config_checks.h"
#include "services/common/faults.h"
#include "services/common/media_type.h"
#include "services/common/proto_time.h"
#include "storage/status.h"

namespace baton {
namespace {

void CheckLimits(const v1::BrokerLimits& limits, Faults* faults) {
  const auto in_range = [&](int64_t value, int64_t most,
                            absl::string_view field) {
    if (value < 0 || value > most) {
      faults->Add(absl::StrCat("limits.", field),
                  absl::StrCat("must be 0 (the default) to ", most));
    }
  };
  in_range(limits.max_pending_commands(), 1 << 20, "max_pending_commands");
  in_range(limits.max_payload_bytes(), 256 << 10, "max_payload_bytes");
  in_range(limits.max_recipients(), 32, "max_recipients");
  in_range(limits.max_conversation_messages(), 1 << 20,
           "max_conversation_messages");
  in_range(limits.max_conversation_matters(), 15, "max_conversation_matters");
  in_range(limits.max_streams(), 1 << 16, "max_streams");
  in_range(limits.max_streams_per_agency(), 1 << 16, "max_streams_per_agency");
  in_range(limits.max_log_records(), 1 << 16, "max_log_records");
  in_range(limits.min_free_disk_bytes(), int64_t{1} << 50,
           "min_free_disk_bytes");
  in_range(limits.max_attachment_bytes(), kMaxAttachmentBytes,
           "max_attachment_bytes");
  in_range(limits.max_uploads_per_agency(), 1 << 10, "max_uploads_per_agency");
  in_range(limits.max_upload_bytes_per_agency(), int64_t{1} << 40,
           "max_upload_bytes_per_agency");
  in_range(limits.max_conversation_attachment_bytes(), int64_t{1} << 40,
           "max_conversation_attachment_bytes");
  const absl::Duration ahead = FromProto(limits.max_deliver_ahead());
  if (limits.has_max_deliver_ahead() &&
      (ahead < absl::Hours(24) || ahead > absl::Hours(24 * 36525))) {
    faults->Add("limits.max_deliver_ahead", "must be 1 day to 100 years");
  }
  const absl::Duration retention = FromProto(limits.upload_retention());
  if (limits.has_upload_retention() &&
      (retention < absl::Minutes(1) || retention > absl::Hours(24 * 30))) {
    faults->Add("limits.upload_retention", "must be 1 min to 30 days");
  }
}

void CheckMediaTypes(const v1::BrokerConfig& config, Faults* faults) {
  for (int i = 0; i < config.attachment_media_types_size(); ++i) {
    if (IsCarriedMediaType(config.attachment_media_types(i))) continue;
    faults->Add(absl::StrCat("attachment_media_types[", i, "]"),
                "must be image/..., audio/..., video/... (not SVG), text/plain "
                "or application/pdf; no program, archive or page is carried");
  }
}

}  // namespace

absl::StatusOr<v1::BrokerConfig> ReadBrokerConfig(const std::string& file) {
  v1::BrokerConfig config;
  TextConfig text;
  RETURN_IF_ERROR(text.Read(file, &config));

  Faults faults;
  RequireText(config.listen_address(), "listen_address", &faults);
  RequireText(config.trust_domain(), "trust_domain", &faults);
  RequireText(config.data_directory(), "data_directory", &faults);
  RequireText(config.vault_key_file(), "vault_key_file", &faults);
  RequireText(config.checkpoint_key_file(), "checkpoint_key_file", &faults);
  RequireText(config.checkpoint_origin(), "checkpoint_origin", &faults);
  RequireText(config.access_file(), "access_file", &faults);
  CheckTls(config.tls(), "tls", &faults);
  CheckAdmin(config.admin(), "admin", &faults);
  CheckEnvironment(config.environment(), "environment", &faults);
  CheckTrust(config.trust_domain(), config.environment(), config.tls(), "",
             &faults);
  CheckLimits(config.limits(), &faults);
  CheckMediaTypes(config, &faults);
  (void)Directory::Create(config, &faults);
  Faults placed = faults.Mapped(
      [&text](absl::string_view path) { return text.Where(path); });

  if (!config.access_file().empty()) {
    v1::AccessPolicy policy;
    TextConfig access_text;
    if (const absl::Status read =
            access_text.Read(config.access_file(), &policy);
        !read.ok()) {
      placed.AddAll(read);
    } else {
      Faults access_faults;
      Access::Create(policy, &access_faults);
      placed.AddAll(access_faults
                        .Mapped([&access_text](absl::string_view path) {
                          return access_text.Where(path);
                        })
                        .ToStatus());
    }
  }
  RETURN_IF_ERROR(placed.ToStatus());
  return config;
}

}  // namespace baton
