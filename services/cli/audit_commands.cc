#include "services/cli/audit_commands.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/cli/audit_check.h"
#include "services/cli/checkpoint_file.h"
#include "services/cli/listing.h"
#include "services/cli/words.h"
#include "services/common/proto_time.h"
#include "storage/status.h"

namespace baton::cli {
namespace {

absl::StatusOr<AuditClient> Connected(const Session& session) {
  return AuditClient::Connect(session, "broker_address",
                              session.config.broker_address());
}

// The head stored by the last run; nothing on the first.
absl::StatusOr<std::optional<SignedHead>> StoredHead(const Session& session) {
  const std::string& file = session.config.checkpoint_file();
  ASSIGN_OR_RETURN(std::string note, ReadCheckpointFile(file));
  if (note.empty()) return std::nullopt;
  auto head = OpenHead(note, session.config.checkpoint_verifier_key());
  if (head.ok()) return std::optional<SignedHead>(*std::move(head));
  return absl::InternalError(absl::StrCat(
      "the stored checkpoint \"", file,
      "\" does not open: ", head.status().message(),
      "\nkeep it; if the exchange has a new key, move it away and verify "
      "again"));
}

// Adds to a finding where both sides of it are kept.
absl::Status WithEvidence(const absl::Status& finding, const SignedHead& head,
                          const Session& session) {
  if (!absl::IsDataLoss(finding)) return finding;
  const std::string& file = session.config.checkpoint_file();
  auto kept = KeepEvidence(file, head.note);
  const std::string where =
      kept.ok() ? absl::StrCat("\"", *kept, "\"")
                : absl::StrCat("nowhere (", kept.status().message(), ")");
  return absl::DataLossError(absl::StrCat(
      finding.message(), "\nKEEP AS EVIDENCE: the note signed now is in ",
      where, ", the one seen before, if any, in \"", file,
      "\"; tell your information governance lead, not only the exchange"));
}

// The newest head, signed by the pinned key and grown from the stored one.
absl::StatusOr<SignedHead> CheckedHead(const Session& session,
                                       AuditClient& client) {
  const std::string& key = session.config.checkpoint_verifier_key();
  ASSIGN_OR_RETURN(auto stored, StoredHead(session));
  ASSIGN_OR_RETURN(SignedHead head, FetchHead(key, client));
  if (!stored.has_value()) return head;
  absl::Status grew =
      CheckGrewFrom(stored->checkpoint, head.checkpoint, client);
  if (!grew.ok()) return WithEvidence(grew, head, session);
  return head;
}

Record HeadRecord(const SignedHead& head) {
  Record record;
  record.Add("origin", "", head.checkpoint.origin);
  record.AddNumber("tree_size", "",
                   static_cast<int64_t>(head.checkpoint.tree_size));
  record.Add("root", "", HashText(head.checkpoint.root));
  record.Add("checkpoint", "", head.note);
  return record;
}

Record EntryRecord(const v1::AuditEntry& entry) {
  Record record;
  record.AddNumber("index", "entry", entry.index());
  record.Add("time", "time", Iso(FromProto(entry.time())));
  record.Add("type", "what", Word(entry.type()), Text(entry.type()));
  record.Add("actor", "by", AgencyText(entry.actor()));
  record.Add("queues", "queues", absl::StrJoin(entry.queues(), " "));
  record.Add("kind", "kind", entry.kind() == 0 ? "" : Word(entry.kind()));
  record.Add("matter_id", "matter", entry.matter_id());
  record.Add("holder", "holder", AddressText(entry.holder()));
  record.Add("code", "code", entry.code());
  return record;
}

bool Concerns(const v1::AuditEntry& entry, const std::string& message_id) {
  const auto& ids = entry.message_ids();
  return std::find(ids.begin(), ids.end(), message_id) != ids.end();
}

absl::StatusOr<ExitCode> RunCheckpoint(const std::vector<OptionSpec>&,
                                       const Arguments&,
                                       const Session& session) {
  ASSIGN_OR_RETURN(auto client, Connected(session));
  ASSIGN_OR_RETURN(SignedHead head, CheckedHead(session, client));
  if (session.format == Format::kTable) {
    session.out() << head.note;
  } else {
    PrintRecord(HeadRecord(head), session.format, session.out());
  }
  return ExitCode::kOk;
}

void PrintVerified(const SignedHead& head, const Arguments& arguments,
                   const std::vector<Record>& leaves, const Session& session) {
  const Checkpoint& checkpoint = head.checkpoint;
  std::ostream& out = session.out();
  const bool table = session.format == Format::kTable;
  const std::string verified = absl::StrCat(
      "audit verified: ", checkpoint.tree_size, " entries, root ",
      HashText(checkpoint.root), ", signed by ", checkpoint.origin, "\n");
  (table ? out : session.err()) << verified;
  if (!arguments.Has("--message")) {
    if (!table) PrintRecord(HeadRecord(head), session.format, out);
    return;
  }
  if (table && leaves.empty()) {
    out << "no entry names message " << Printable(arguments.Get("--message"))
        << "\n";
    return;
  }
  PrintMany({.records = leaves,
             .shape = EntryRecord(v1::AuditEntry()),
             .columns = {"index", "time", "type", "actor", "queues", "kind",
                         "matter_id", "holder", "code"}},
            session);
}

absl::StatusOr<ExitCode> RunVerify(const std::vector<OptionSpec>&,
                                   const Arguments& arguments,
                                   const Session& session) {
  ASSIGN_OR_RETURN(auto client, Connected(session));
  ASSIGN_OR_RETURN(SignedHead head, CheckedHead(session, client));
  const std::string message_id = arguments.Get("--message");
  std::vector<Record> leaves;
  absl::Status entries =
      CheckEntries(head.checkpoint, client, [&](const v1::AuditEntry& entry) {
        if (Concerns(entry, message_id)) leaves.push_back(EntryRecord(entry));
      });
  if (!entries.ok()) return WithEvidence(entries, head, session);
  RETURN_IF_ERROR(
      WriteCheckpointFile(session.config.checkpoint_file(), head.note));
  PrintVerified(head, arguments, leaves, session);
  // The log holds; what was asked for is not on it.
  const bool missing = arguments.Has("--message") && leaves.empty();
  return missing ? ExitCode::kError : ExitCode::kOk;
}

}  // namespace

std::vector<Command> AuditCommands() {
  return {
      {"audit",
       "checkpoint",
       "the newest signed tree head, once its signature holds",
       {},
       RunCheckpoint},
      {"audit",
       "verify",
       "downloads the log, recomputes it, compares it with what is signed",
       {{"--message", "ID",
         "also prints the entries of this message, such as m-4k7; ends with 1 "
         "when there is none"}},
       RunVerify},
  };
}

}  // namespace baton::cli
