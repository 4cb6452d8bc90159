#include "services/cli/client_config.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/cli/suggest.h"
#include "services/common/faults.h"
#include "services/common/proto_time.h"
#include "services/common/text_config.h"
#include "storage/status.h"

namespace baton::cli {
namespace {

using google::protobuf::FieldDescriptor;

bool IsAddress(const std::string& text) {
  return text.empty() || text.rfind(':') != std::string::npos;
}

bool IsContextName(const std::string& name) {
  return !name.empty() && name.size() <= kMaxContextName &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
         });
}

// A file that was read, and where in it each field stands.
struct ConfigFile {
  v1::ClientConfig config;
  TextConfig text;
};

absl::Status Read(const std::string& file, ConfigFile* read) {
  absl::Status status = read->text.Read(file, &read->config);
  if (status.ok() || absl::IsInvalidArgument(status)) return status;
  return absl::InvalidArgumentError(
      absl::StrCat("no configuration: ", status.message(),
                   "\nname one with --config or $BATON_CONFIG; deploy/examples/"
                   "client.txtpb is one to start from"));
}

absl::Status CheckContexts(const ConfigFile& file) {
  Faults faults;
  std::set<std::string> names;
  for (int i = 0; i < file.config.contexts_size(); ++i) {
    const std::string& name = file.config.contexts(i).name();
    const std::string where =
        file.text.Where(absl::StrCat("contexts[", i, "].name"));
    if (!IsContextName(name)) {
      faults.Add(where, "is not 1 to 64 of a-z, 0-9 and '-'");
    } else if (!names.insert(name).second) {
      faults.Add(where, "is there twice");
    }
  }
  if (file.config.contexts_size() > kMaxContexts) {
    faults.Add(file.text.Where("contexts"),
               absl::StrCat("are more than ", kMaxContexts));
  }
  return faults.ToStatus();
}

absl::Status CheckWhole(const v1::ClientConfig& config,
                        const TextConfig& text) {
  Faults faults;
  auto check = [&](bool holds, absl::string_view field,
                   absl::string_view fault) {
    if (!holds) faults.Add(text.Where(field), fault);
  };
  const v1::TlsConfig& tls = config.tls();
  const char* required = "is required; name a PEM file";
  check(!tls.ca_file().empty(), "tls.ca_file", required);
  check(!tls.certificate_file().empty(), "tls.certificate_file", required);
  check(!tls.key_file().empty(), "tls.key_file", required);
  const char* shape = "is not host:port";
  check(IsAddress(config.broker_address()), "broker_address", shape);
  check(IsAddress(config.emergency_address()), "emergency_address", shape);
  check(IsAddress(config.council_address()), "council_address", shape);
  check(IsAddress(config.police_address()), "police_address", shape);
  check(IsAddress(config.school_address()), "school_address", shape);
  check(!config.has_call_deadline() ||
            FromProto(config.call_deadline()) > absl::ZeroDuration(),
        "call_deadline", "is not longer than 0 s");
  return faults.ToStatus();
}

absl::StatusOr<v1::ClientContext> Chosen(const v1::ClientConfig& config) {
  std::vector<std::string> names;
  for (const v1::ClientContext& context : config.contexts()) {
    if (context.name() == config.default_context()) return context;
    names.push_back(context.name());
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "no context \"", config.default_context(), "\"",
      DidYouMean(config.default_context(), names), "\ncontexts here: ",
      names.empty() ? "none" : absl::StrJoin(names, ", ")));
}

bool NamesAService(const v1::ClientContext& context) {
  return !context.emergency_address().empty() ||
         !context.council_address().empty() ||
         !context.police_address().empty() || !context.school_address().empty();
}

// Fields of one name mean the same in both messages. With another exchange
// goes what was known of the first one's log.
void Overlay(const v1::ClientContext& context, v1::ClientConfig* config) {
  if (!context.broker_address().empty()) {
    config->clear_checkpoint_verifier_key();
    config->clear_checkpoint_file();
  }
  if (NamesAService(context)) {
    config->clear_emergency_address();
    config->clear_council_address();
    config->clear_police_address();
    config->clear_school_address();
  }
  std::vector<const FieldDescriptor*> fields;
  const auto* from = context.GetReflection();
  const auto* to = config->GetReflection();
  from->ListFields(context, &fields);
  for (const FieldDescriptor* field : fields) {
    const FieldDescriptor* same =
        config->GetDescriptor()->FindFieldByName(field->name());
    if (same == nullptr) continue;  // The name.
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      to->MutableMessage(config, same)
          ->CopyFrom(from->GetMessage(context, field));
    } else {
      to->SetString(config, same, from->GetString(context, field));
    }
  }
}

std::string CheckpointName(const v1::ClientContext& context) {
  return context.broker_address().empty()
             ? "checkpoint"
             : absl::StrCat("checkpoint-", context.name());
}

void ChooseCheckpointFile(const v1::ClientContext& context,
                          const std::string& file, v1::ClientConfig* config) {
  if (!config->checkpoint_file().empty()) return;
  const auto directory = std::filesystem::absolute(file).parent_path();
  config->set_checkpoint_file((directory / CheckpointName(context)).string());
}

}  // namespace

absl::StatusOr<v1::ClientConfig> ReadClientConfig(const std::string& file) {
  ConfigFile read;
  RETURN_IF_ERROR(Read(file, &read));
  RETURN_IF_ERROR(CheckContexts(read));
  return read.config;
}

absl::StatusOr<v1::ClientConfig> LoadClientConfig(const std::string& file,
                                                  const std::string& context) {
  ConfigFile read;
  RETURN_IF_ERROR(Read(file, &read));
  RETURN_IF_ERROR(CheckContexts(read));
  v1::ClientConfig config = read.config;
  if (!context.empty()) config.set_default_context(context);
  v1::ClientContext chosen;
  if (!config.default_context().empty()) {
    ASSIGN_OR_RETURN(chosen, Chosen(config));
  }
  Overlay(chosen, &config);
  RETURN_IF_ERROR(CheckWhole(config, read.text));
  ChooseCheckpointFile(chosen, file, &config);
  return config;
}

}  // namespace baton::cli
