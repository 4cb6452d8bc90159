#include "services/cli/directory_commands.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "baton/v1/directory_service.grpc.pb.h"
#include "services/cli/input.h"
#include "services/cli/listing.h"
#include "services/cli/organisation_file.h"
#include "services/cli/words.h"
#include "services/common/agency.h"
#include "services/common/agency_check.h"
#include "services/common/opening_hours.h"
#include "services/common/proto_time.h"
#include "services/common/text_config.h"
#include "storage/status.h"

namespace baton::cli {
namespace {

using DirectoryClient = Client<v1::DirectoryService>;
using Stub = DirectoryClient::Stub;
using Options = std::vector<OptionSpec>;

constexpr int kPageSize = 500;
constexpr size_t kMaxEntries = 100'000;  // Far above the exchange's limit.
constexpr int kProgressEvery = 100;
constexpr size_t kCertificatesPerLine = 20;

absl::StatusOr<DirectoryClient> Connected(const Session& session) {
  return DirectoryClient::Connect(session, "broker_address",
                                  session.config.broker_address());
}

// What is said beside the records: not among a program's output.
std::ostream& Words(const Session& session) {
  return session.format == Format::kTable ? session.out() : session.err();
}

// --- What is shown.

std::string DesksText(const v1::AgencyConfig& agency) {
  if (agency.off_exchange()) return "off the exchange";
  return absl::StrJoin(agency.desks(), " ",
                       [](std::string* text, const v1::DeskConfig& desk) {
                         text->append(desk.name());
                       });
}

// "Monday Tuesday 08:30-17:00".
std::string SpanText(const v1::OpeningHours& span) {
  std::string text;
  for (const int day : span.weekdays()) {
    absl::StrAppend(&text, Text(static_cast<v1::Weekday>(day)), " ");
  }
  return absl::StrCat(text, span.from(), "-", span.to());
}

// "open now", "closed, opens 2026-01-05 08:30"; empty when not known.
std::string OpenText(const v1::TeamConfig& team, const LocalClock& clock) {
  const absl::StatusOr<absl::TimeZone> london = LondonTime();
  if (!london.ok()) return "";
  const auto open = IsOpen(team.opening_hours(), clock.now, *london);
  if (!open.has_value()) return "";
  if (*open) return "open now";
  const auto next = NextOpening(team.opening_hours(), clock.now, *london);
  return next.has_value()
             ? absl::StrCat("closed, opens ", ClockText(*next, clock))
             : "closed";
}

std::string TeamText(const v1::TeamConfig& team, const LocalClock& clock) {
  std::vector<std::string> parts = {team.name()};
  if (!team.phone().empty()) parts.push_back(team.phone());
  for (const v1::OpeningHours& span : team.opening_hours()) {
    parts.push_back(SpanText(span));
  }
  if (std::string open = OpenText(team, clock); !open.empty()) {
    parts.push_back(std::move(open));
  }
  return absl::StrJoin(parts, ", ");
}

Record EntryRecord(const v1::DirectoryEntry& entry, const LocalClock& clock) {
  const v1::AgencyConfig& agency = entry.agency();
  Record record;
  record.Add("agency", "agency", AgencyText(agency.agency()));
  record.Add("name", "name", agency.name());
  record.Add("phone", "phone", agency.phone());
  record.Add("desks", "desks", DesksText(agency));
  record.AddBool("off_exchange", agency.off_exchange());
  record.Add("teams", "teams",
             absl::StrJoin(agency.teams(), "; ",
                           [&](std::string* text, const v1::TeamConfig& team) {
                             text->append(TeamText(team, clock));
                           }));
  record.AddNumber("version", "version", entry.version());
  const absl::Time changed = FromProto(entry.change_time());
  record.Add("change_time", "changed",
             entry.has_change_time() ? Iso(changed) : "",
             entry.has_change_time() ? TimeText(changed, clock) : "");
  record.Add("changed_by", "changed by", AgencyText(entry.changed_by()));
  return record;
}

// A certificate is not made by the exchange: says how, for those who need one.
void PrintCertificates(const std::vector<v1::Agency>& agencies,
                       const Session& session) {
  for (size_t i = 0; i < agencies.size(); i += kCertificatesPerLine) {
    std::string command = "deploy/make-certs DIR";
    const size_t end = std::min(agencies.size(), i + kCertificatesPerLine);
    for (size_t k = i; k < end; ++k) {
      absl::StrAppend(&command, " --add ", AgencyName(agencies[k]));
    }
    if (i == 0) Words(session) << "next, a certificate each (training):\n";
    Words(session) << "  " << command << "\n";
  }
}

// --- Calls.

absl::StatusOr<v1::DirectoryEntry> Get(const v1::Agency& agency,
                                       DirectoryClient& client) {
  v1::GetAgencyRequest request;
  *request.mutable_agency() = agency;
  ASSIGN_OR_RETURN(auto response,
                   client.Call("GetAgency", &Stub::GetAgency, request));
  return response.entry();
}

// The agency as it is now; with version 0 when it is not in the directory.
absl::StatusOr<v1::DirectoryEntry> GetOrNone(const v1::Agency& agency,
                                             DirectoryClient& client) {
  absl::StatusOr<v1::DirectoryEntry> entry = Get(agency, client);
  if (!absl::IsNotFound(entry.status())) return entry;
  v1::DirectoryEntry none;
  *none.mutable_agency()->mutable_agency() = agency;
  return none;
}

// At most `limit` entries, and whether there are more.
absl::StatusOr<std::pair<std::vector<v1::DirectoryEntry>, bool>> ListEntries(
    v1::AgencyClass agency_class, size_t limit, DirectoryClient& client) {
  std::vector<v1::DirectoryEntry> entries;
  v1::ListAgenciesRequest request;
  request.set_agency_class(agency_class);
  v1::ListAgenciesResponse page;
  do {
    request.set_page_size(
        static_cast<int>(std::min<size_t>(kPageSize, limit - entries.size())));
    ASSIGN_OR_RETURN(page,
                     client.Call("ListAgencies", &Stub::ListAgencies, request));
    entries.insert(entries.end(), page.entries().begin(), page.entries().end());
    request.set_page_token(page.next_page_token());
  } while (!page.next_page_token().empty() && entries.size() < limit);
  return std::make_pair(std::move(entries), !page.next_page_token().empty());
}

absl::StatusOr<v1::PutAgencyResponse> Put(const v1::AgencyConfig& agency,
                                          int64_t expected_version,
                                          const Session& session,
                                          DirectoryClient& client) {
  v1::PutAgencyRequest request;
  request.set_request_id(NewRequestId(*session.environment.random));
  *request.mutable_agency() = agency;
  request.set_expected_version(expected_version);
  return client.Call("PutAgency", &Stub::PutAgency, request);
}

// --- list, show, remove.

absl::StatusOr<ExitCode> RunList(const Options&, const Arguments& arguments,
                                 const Session& session) {
  ASSIGN_OR_RETURN(const int limit, LimitFrom(arguments.Get("--limit")));
  const std::string class_name = arguments.Get("--class");
  const v1::AgencyClass agency_class = ClassFromName(class_name);
  if (!class_name.empty() && agency_class == v1::AGENCY_CLASS_UNSPECIFIED) {
    return absl::InvalidArgumentError(
        absl::StrCat("--class: \"", class_name,
                     "\" is no class, such as council or school"));
  }
  ASSIGN_OR_RETURN(auto client, Connected(session));
  ASSIGN_OR_RETURN(const auto listed, ListEntries(agency_class, limit, client));
  Listing listing;
  listing.shape = EntryRecord(v1::DirectoryEntry(), session.clock());
  listing.columns = {"agency", "name", "phone", "desks"};
  for (const v1::DirectoryEntry& entry : listed.first) {
    listing.records.push_back(EntryRecord(entry, session.clock()));
  }
  listing.more = listed.second;
  // The exchange itself has just answered.
  const google::protobuf::Timestamp now = ToProto(session.clock().now);
  PrintListing(listing, Heard(&now, session.clock()), session);
  return ExitCode::kOk;
}

absl::StatusOr<ExitCode> RunShow(const Options&, const Arguments& arguments,
                                 const Session& session) {
  ASSIGN_OR_RETURN(const v1::Agency agency,
                   ParseAgency(arguments.Get("AGENCY")));
  ASSIGN_OR_RETURN(auto client, Connected(session));
  ASSIGN_OR_RETURN(const v1::DirectoryEntry entry, Get(agency, client));
  PrintRecord(EntryRecord(entry, session.clock()), session.format,
              session.out());
  return ExitCode::kOk;
}

absl::StatusOr<ExitCode> RunRemove(const Options&, const Arguments& arguments,
                                   const Session& session) {
  v1::RemoveAgencyRequest request;
  ASSIGN_OR_RETURN(*request.mutable_agency(),
                   ParseAgency(arguments.Get("AGENCY")));
  request.set_request_id(NewRequestId(*session.environment.random));
  ASSIGN_OR_RETURN(auto client, Connected(session));
  ASSIGN_OR_RETURN(auto response,
                   client.Call("RemoveAgency", &Stub::RemoveAgency, request));
  Record record;
  record.Add("removed", "removed", AgencyName(request.agency()));
  record.AddNumber("version", "version", response.version());
  PrintRecord(record, session.format, session.out());
  return ExitCode::kOk;
}

// --- add.

// The agency as the command line wants it: --file whole, or `now` with what
// the flags say.
absl::StatusOr<v1::AgencyConfig> Wanted(const Arguments& arguments,
                                        v1::AgencyConfig agency) {
  if (arguments.Has("--name")) agency.set_name(arguments.Get("--name"));
  if (arguments.Has("--phone")) agency.set_phone(arguments.Get("--phone"));
  if (arguments.Has("--desk")) {
    v1::AgencyConfig desks;
    for (const std::string& name : arguments.All("--desk")) {
      // A desk that stays keeps its limits.
      const auto same = std::find_if(
          agency.desks().begin(), agency.desks().end(),
          [&](const v1::DeskConfig& desk) { return desk.name() == name; });
      if (same != agency.desks().end()) {
        *desks.add_desks() = *same;
      } else {
        desks.add_desks()->set_name(name);
      }
    }
    agency.mutable_desks()->Swap(desks.mutable_desks());
    agency.set_off_exchange(false);
  }
  if (arguments.Has("--off-exchange")) {
    agency.set_off_exchange(true);
    agency.clear_desks();
  }
  Faults faults;
  CheckAgencyEntry(agency, "", &faults);
  CheckReachable(agency, "", &faults);
  RETURN_IF_ERROR(faults.ToStatus());
  return agency;
}

// "out-of-hours", which `now` has and `wanted` has not.
std::string DesksGone(const v1::AgencyConfig& now,
                      const v1::AgencyConfig& wanted) {
  std::vector<std::string> gone;
  for (const v1::DeskConfig& desk : now.desks()) {
    if (std::none_of(wanted.desks().begin(), wanted.desks().end(),
                     [&](const v1::DeskConfig& kept) {
                       return kept.name() == desk.name();
                     })) {
      gone.push_back(desk.name());
    }
  }
  return absl::StrJoin(gone, ", ");
}

// What an operator may not have meant: a code mistyped is a new agency, and a
// desk not named again is no more.
void PrintChange(const v1::DirectoryEntry& now, const v1::AgencyConfig& wanted,
                 const Session& session) {
  if (now.version() == 0) {
    Words(session) << "added: the directory had no "
                   << AgencyName(wanted.agency()) << "\n";
    return;
  }
  const std::string gone = DesksGone(now.agency(), wanted);
  if (gone.empty()) return;
  Words(session) << "TAKEN AWAY: " << Printable(gone)
                 << "; what is sent there goes to the first desk, marked. To "
                    "keep a desk, name it too: --desk\n";
}

absl::StatusOr<ExitCode> RunAdd(const Options&, const Arguments& arguments,
                                const Session& session) {
  v1::AgencyConfig from_file;
  if (arguments.Has("--file")) {
    RETURN_IF_ERROR(ReadMessage(arguments.Get("--file"), &from_file));
  }
  v1::Agency agency = from_file.agency();
  if (arguments.Has("AGENCY")) {
    ASSIGN_OR_RETURN(agency, ParseAgency(arguments.Get("AGENCY")));
  }
  ASSIGN_OR_RETURN(auto client, Connected(session));
  ASSIGN_OR_RETURN(const v1::DirectoryEntry now, GetOrNone(agency, client));
  v1::AgencyConfig base = arguments.Has("--file") ? from_file : now.agency();
  *base.mutable_agency() = agency;
  ASSIGN_OR_RETURN(const v1::AgencyConfig wanted,
                   Wanted(arguments, std::move(base)));
  ASSIGN_OR_RETURN(auto response, Put(wanted, now.version(), session, client));
  PrintRecord(EntryRecord(response.entry(), session.clock()), session.format,
              session.out());
  if (!response.changed()) {
    Words(session) << "it was so already; nothing was changed\n";
    return ExitCode::kOk;
  }
  PrintChange(now, wanted, session);
  if (now.version() == 0 && !wanted.off_exchange()) {
    PrintCertificates({agency}, session);
  }
  return ExitCode::kOk;
}

// --- import.

struct Step {
  v1::AgencyConfig agency;
  int64_t expected_version;  // 0: added.
};

// What the organisation on `line` becomes, `now` or from nothing; nullopt when
// it stays as it is.
std::optional<v1::AgencyConfig> Next(const Organisation& organisation,
                                     const v1::AgencyConfig* now,
                                     Faults* faults) {
  const std::string line = absl::StrCat("line ", organisation.line, ": ");
  v1::AgencyConfig next = organisation.agency;
  if (now != nullptr) {
    if (next.off_exchange() && !now->desks().empty()) {
      faults->Add(line + "desk",
                  "it has desks on the exchange: name them, or take it off "
                  "with \"directory add --off-exchange\"");
    }
    next = Merged(*now, organisation.agency);
    if (next.SerializeAsString() == now->SerializeAsString()) {
      return std::nullopt;
    }
  }
  // What the file itself is faulty in was said already.
  if (faults->empty()) CheckAgencyEntry(next, line, faults);
  CheckReachable(next, line, faults);
  return next;
}

std::vector<Step> Plan(const std::vector<Organisation>& organisations,
                       const std::vector<v1::DirectoryEntry>& entries,
                       Faults* faults) {
  std::map<std::string, const v1::DirectoryEntry*> by_name;
  for (const v1::DirectoryEntry& entry : entries) {
    by_name[AgencyName(entry.agency().agency())] = &entry;
  }
  std::vector<Step> steps;
  for (const Organisation& organisation : organisations) {
    const auto it = by_name.find(AgencyName(organisation.agency.agency()));
    const v1::DirectoryEntry* const now =
        it == by_name.end() ? nullptr : it->second;
    std::optional<v1::AgencyConfig> next =
        Next(organisation, now == nullptr ? nullptr : &now->agency(), faults);
    if (next.has_value()) {
      steps.push_back({*std::move(next), now == nullptr ? 0 : now->version()});
    }
  }
  return steps;
}

absl::Status FileFaults(const Faults& faults, const Session& session) {
  if (!faults.empty()) session.err() << "nothing was changed\n";
  return faults.ToStatus();
}

void PrintPlan(const std::vector<Step>& steps, size_t unchanged, bool done,
               const Session& session) {
  const auto record_of = [&](const Step& step) {
    Record record;
    record.Add("agency", "agency", AgencyText(step.agency.agency()));
    record.Add("change", "change",
               step.expected_version == 0 ? "add" : "change");
    record.Add("name", "name", step.agency.name());
    record.Add("desks", "desks", DesksText(step.agency));
    return record;
  };
  Listing plan;
  plan.shape = record_of({});
  plan.columns = {"agency", "change", "name", "desks"};
  for (const Step& step : steps) plan.records.push_back(record_of(step));
  if (!steps.empty() || session.format != Format::kTable) {
    PrintMany(plan, session);
  }
  Words(session) << steps.size() << (done ? " imported, " : " to import, ")
                 << unchanged << " unchanged"
                 << (done ? "" : "; nothing was changed: this is a dry run")
                 << "\n";
}

absl::Status Import(const std::vector<Step>& steps, const Session& session,
                    DirectoryClient& client) {
  for (size_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    const auto put = Put(step.agency, step.expected_version, session, client);
    if (!put.ok()) {
      session.err() << i << " of " << steps.size() << " are imported, not "
                    << AgencyName(step.agency.agency())
                    << "; repeat the import: what is there already is left as "
                       "it is\n";
      return put.status();
    }
    if ((i + 1) % kProgressEvery == 0) {
      session.err() << i + 1 << " of " << steps.size() << "\n";
    }
  }
  return absl::OkStatus();
}

std::vector<v1::Agency> AddedServices(const std::vector<Step>& steps) {
  std::vector<v1::Agency> added;
  for (const Step& step : steps) {
    if (step.expected_version == 0 && !step.agency.off_exchange()) {
      added.push_back(step.agency.agency());
    }
  }
  return added;
}

absl::StatusOr<ExitCode> RunImport(const Options&, const Arguments& arguments,
                                   const Session& session) {
  const std::string file = arguments.Get("FILE");
  auto text = ReadFile(file);
  if (!text.ok()) return absl::InvalidArgumentError(text.status().message());
  ASSIGN_OR_RETURN(auto client, Connected(session));
  ASSIGN_OR_RETURN(const auto listed, ListEntries(v1::AGENCY_CLASS_UNSPECIFIED,
                                                  kMaxEntries, client));
  Faults faults;
  const std::vector<Organisation> organisations =
      ReadOrganisations(*text, &faults);
  const std::vector<Step> steps = Plan(organisations, listed.first, &faults);
  RETURN_IF_ERROR(FileFaults(faults, session));
  const size_t unchanged = organisations.size() - steps.size();
  if (arguments.Has("--dry-run")) {
    PrintPlan(steps, unchanged, /*done=*/false, session);
    return ExitCode::kOk;
  }
  RETURN_IF_ERROR(Import(steps, session, client));
  PrintPlan(steps, unchanged, /*done=*/true, session);
  PrintCertificates(AddedServices(steps), session);
  return ExitCode::kOk;
}

}  // namespace

std::vector<Command> DirectoryCommands() {
  const OptionSpec agency = {"AGENCY", "",
                             "the agency, for example school/123456"};
  return {
      {"directory",
       "list",
       "agencies of the exchange: name, number, desks",
       {{"--class", "CLASS", "only this class, for example school"},
        {"--limit", "N", "at most this many; default 100"}},
       RunList},
      {"directory",
       "show",
       "one agency: desks, teams, opening hours",
       {agency},
       RunShow},
      {"directory",
       "add",
       "operators: adds an agency, or changes what the flags say",
       {agency,
        {"--name", "TEXT", "its name"},
        {"--phone", "NUMBER", "number of its duty team"},
        {"--desk", "NAME",
         "a desk; give all of them: one that is not named is taken away", "",
         Takes::kValues},
        {"--off-exchange", "", "it has no service here", "", Takes::kNothing},
        {"--file", "FILE",
         "a whole AgencyConfig (.json, .txtpb), with teams and hours"}},
       RunAdd},
      {"directory",
       "remove",
       "operators: removes an agency that holds nothing any more",
       {agency},
       RunRemove},
      {"directory",
       "import",
       "operators: adds and changes agencies by a table",
       {{"FILE", "", "csv with class,code,name,phone,desk"},
        {"--dry-run", "", "shows what would change", "", Takes::kNothing}},
       RunImport},
  };
}

}  // namespace baton::cli
