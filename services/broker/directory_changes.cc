#include "services/broker/directory_changes.h"

#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "services/common/agency.h"
#include "services/common/faults.h"
#include "services/common/proto_time.h"
#include "storage/crypto.h"
#include "storage/keys.h"
#include "storage/status.h"

namespace baton {
namespace {

constexpr size_t kPage = 256;
constexpr size_t kContentHashBytes = 16;
constexpr size_t kLeafHashBytes = 8;
constexpr absl::Duration kFullRetryAfter = absl::Hours(1);

std::string HashOf(const std::string& bytes, size_t size) {
  return std::string(AsBytes(Sha256(bytes)).substr(0, size));
}

// What a request asks for; the version it expects is no part of it.
std::string ContentHash(const ChangeAgencyCommand& command) {
  return HashOf(absl::StrCat(command.remove ? "remove " : "put ",
                             command.agency.SerializeAsString()),
                kContentHashBytes);
}

// Set when `record` has seen the command: whether it said the same then.
std::optional<bool> FindRepeat(const v1::DirectoryRecord& record,
                               const ChangeAgencyCommand& command) {
  for (const v1::DirectoryRequestRecord& request : record.requests()) {
    if (request.request_id() == command.request_id) {
      return request.content_sha256() == ContentHash(command);
    }
  }
  return std::nullopt;
}

void Remember(const ChangeAgencyCommand& command, v1::DirectoryRecord* record) {
  auto* const requests = record->mutable_requests();
  if (requests->size() >= DirectoryChanges::kMaxRequestsKept) {
    requests->DeleteSubrange(
        0, requests->size() - DirectoryChanges::kMaxRequestsKept + 1);
  }
  v1::DirectoryRequestRecord* const request = requests->Add();
  request->set_request_id(command.request_id);
  request->set_content_sha256(ContentHash(command));
}

bool SameConfig(const v1::AgencyConfig& a, const v1::AgencyConfig& b) {
  return a.SerializeAsString() == b.SerializeAsString();
}

// The leaf's code: see AuditEntry.code.
std::string LeafCode(const v1::DirectoryRecord& record) {
  const v1::DirectoryEntry& entry = record.entry();
  const std::string name = AgencyName(entry.agency().agency());
  if (record.removed()) {
    return absl::StrCat("REMOVE_AGENCY/", name, "/v", entry.version());
  }
  return absl::StrCat("PUT_AGENCY/", name, "/v", entry.version(), "/",
                      absl::BytesToHexString(HashOf(
                          entry.agency().SerializeAsString(), kLeafHashBytes)));
}

}  // namespace

absl::Status DirectoryChanges::Load() {
  KeyRange range = DirectoryKeys();
  while (true) {
    ASSIGN_OR_RETURN(const std::vector<KeyValue> page,
                     ledger_->committed().Scan(range, kPage));
    for (const KeyValue& pair : page) {
      v1::DirectoryRecord record;
      if (!record.ParseFromString(pair.value)) {
        return absl::DataLossError("a record of the directory is damaged");
      }
      if (record.removed()) {
        book_->Change()->Remove(record.entry().agency().agency());
      } else {
        book_->Change()->Put(record.entry());
      }
    }
    if (page.size() < kPage) break;
    range.begin = page.back().key + '\0';
  }
  const std::string desk = QueueName(book_->Next().unknown_recipient_desk());
  if (book_->Next().FindQueue(desk) == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(
        "unknown_recipient_desk: ", desk,
        " was removed online; name another desk in the configuration"));
  }
  book_->Publish();
  return absl::OkStatus();
}

absl::StatusOr<v1::DirectoryRecord> DirectoryChanges::Read(
    const std::string& name) const {
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                   ledger_->Get(DirectoryKey(name)));
  v1::DirectoryRecord record;
  if (bytes.has_value() && !record.ParseFromString(*bytes)) {
    return absl::DataLossError("a record of the directory is damaged");
  }
  return record;
}

v1::DirectoryEntry DirectoryChanges::Current(const v1::DirectoryRecord& record,
                                             const v1::Agency& agency) const {
  const v1::DirectoryEntry* const entry = book_->Next().Find(agency);
  return entry == nullptr ? record.entry() : *entry;
}

absl::StatusOr<AgencyChange> DirectoryChanges::Change(
    const ChangeAgencyCommand& command) {
  const v1::Agency& agency = command.agency.agency();
  ASSIGN_OR_RETURN(v1::DirectoryRecord record, Read(AgencyName(agency)));
  v1::DirectoryEntry current = Current(record, agency);
  if (const std::optional<bool> same = FindRepeat(record, command)) {
    if (*same) return AgencyChange{std::move(current), false};
    return WithReason(
        absl::AlreadyExistsError("the request_id was used for another change "
                                 "of this agency; use a new one"),
        "REQUEST_ID_REUSED");
  }
  const bool present = book_->Next().Find(agency) != nullptr;
  if (command.remove && !present) {
    return absl::NotFoundError(
        absl::StrCat(AgencyName(agency), " is not in the directory"));
  }
  RETURN_IF_ERROR(CheckVersion(command, current));
  if (!command.remove && present &&
      SameConfig(current.agency(), command.agency)) {
    return AgencyChange{std::move(current), false};
  }
  RETURN_IF_ERROR(CheckSize(command));
  RETURN_IF_ERROR(CheckQueuesLost(command));

  v1::DirectoryEntry* const next = record.mutable_entry();
  *next->mutable_agency() = command.agency;
  next->set_version(current.version() + 1);
  *next->mutable_change_time() = ToProto(ledger_->commit_time());
  *next->mutable_changed_by() = command.caller.agency;
  record.set_removed(command.remove);
  AgencyChange change{*next, true};
  Apply(command, std::move(record));
  return change;
}

absl::Status DirectoryChanges::CheckVersion(
    const ChangeAgencyCommand& command,
    const v1::DirectoryEntry& current) const {
  if (command.expected_version == 0 ||
      command.expected_version == current.version()) {
    return absl::OkStatus();
  }
  return WithReason(
      absl::AbortedError(absl::StrCat(
          AgencyName(command.agency.agency()), " is at version ",
          current.version(), ", not ", command.expected_version,
          ": look at it again, then repeat with a new request_id")),
      "VERSION_MOVED");
}

absl::Status DirectoryChanges::CheckSize(
    const ChangeAgencyCommand& command) const {
  if (command.remove ||
      book_->Next().Find(command.agency.agency()) != nullptr ||
      book_->Next().size() < Directory::kMaxAgencies) {
    return absl::OkStatus();
  }
  return LimitReached("max_agencies",
                      absl::StrCat("the directory holds at most ",
                                   Directory::kMaxAgencies, " agencies"),
                      kFullRetryAfter);
}

// Nothing may be left behind in a queue that nobody can read any more, and no
// matter with a desk that is gone.
absl::Status DirectoryChanges::CheckQueuesLost(
    const ChangeAgencyCommand& command) const {
  google::rpc::PreconditionFailure failure;
  const auto refuse = [&](const std::string& queue, const std::string& why) {
    auto* const violation = failure.add_violations();
    violation->set_type("DESK_IN_USE");
    violation->set_subject(queue);
    violation->set_description(why);
  };
  for (const std::string& name : book_->Next().QueuesLost(command.agency)) {
    const uint64_t messages = queues_->at(name)->message_count();
    if (messages > 0) {
      refuse(name, absl::StrCat("holds ", messages,
                                " unsettled messages: let its service take "
                                "them, or purge them, first"));
    }
    if (name == QueueName(book_->Next().unknown_recipient_desk())) {
      refuse(name,
             "takes messages to unknown recipients: name another "
             "unknown_recipient_desk in the configuration first");
    }
    if (!CustodyUnmoved(name, command.custody_commit)) {
      return absl::AbortedError(
          absl::StrCat("custody of matters at ", name,
                       " moved while it was looked at; repeat"));
    }
  }
  if (failure.violations().empty()) return absl::OkStatus();
  absl::Status refusal = absl::FailedPreconditionError(
      absl::StrCat("a desk that would go is in use; first: ",
                   failure.violations(0).subject(), " ",
                   failure.violations(0).description()));
  refusal.SetPayload("type.googleapis.com/google.rpc.PreconditionFailure",
                     absl::Cord(failure.SerializeAsString()));
  return refusal;
}

bool DirectoryChanges::CustodyUnmoved(const std::string& queue,
                                      std::optional<uint64_t> commit) const {
  if (!commit.has_value()) return false;  // The desk came after the look.
  for (const Conversation* conversation : ledger_->Changed()) {
    for (const v1::MatterRecord& matter : conversation->record.matters()) {
      if (QueueName(matter.matter().holder()) == queue) return false;
    }
  }
  const auto moved = custody_commits_.find(queue);
  return moved == custody_commits_.end() || moved->second <= *commit;
}

void DirectoryChanges::Apply(const ChangeAgencyCommand& command,
                             v1::DirectoryRecord record) {
  Remember(command, &record);
  v1::AuditEntry leaf;
  leaf.set_type(v1::AUDIT_TYPE_POLICY_CHANGED);
  *leaf.mutable_actor() = command.caller.agency;
  leaf.set_actor_key_id(command.caller.key_id);
  leaf.set_code(LeafCode(record));
  const std::string name = AgencyName(command.agency.agency());
  for (const v1::DeskConfig& desk : command.agency.desks()) {
    leaf.add_queues(absl::StrCat(name, "/", desk.name()));
  }
  ledger_->Append(std::move(leaf));
  ledger_->batch()->Put(DirectoryKey(name), record.SerializeAsString());
  if (record.removed()) {
    book_->Change()->Remove(command.agency.agency());
  } else {
    book_->Change()->Put(std::move(*record.mutable_entry()));
  }
}

void DirectoryChanges::SawCustody(const v1::Conversation& conversation) {
  for (const v1::Matter& matter : conversation.matters()) {
    custody_commits_[QueueName(matter.holder())] =
        static_cast<uint64_t>(conversation.commit());
  }
}

}  // namespace baton
