#include "services/broker/directory_service.h"

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/rpc/error_details.pb.h"
#include "services/broker/held_matters.h"
#include "services/broker/request_checks.h"
#include "services/common/agency.h"
#include "services/common/agency_check.h"
#include "services/common/faults.h"
#include "services/common/rpc_status.h"
#include "storage/status.h"

namespace baton {
namespace {

bool IsOperator(const Identity& caller) {
  return caller.agency.agency_class() == v1::AGENCY_CLASS_OPERATOR;
}

absl::Status CheckOperator(const Identity& caller) {
  if (IsOperator(caller)) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat("only an operator may change the directory, not ",
                   AgencyName(caller.agency)));
}

// What a participant sees: whom there is and how to reach it, not how much it
// may hold or send.
v1::DirectoryEntry EntryFor(const Identity& caller,
                            const v1::DirectoryEntry& entry) {
  v1::DirectoryEntry shown = entry;
  if (IsOperator(caller)) return shown;
  shown.mutable_agency()->clear_sender_quota();
  for (v1::DeskConfig& desk : *shown.mutable_agency()->mutable_desks()) {
    v1::DeskConfig open;
    open.set_name(desk.name());
    open.set_team(desk.team());
    desk = std::move(open);
  }
  return shown;
}

void CheckVersion(int64_t expected_version, Faults* faults) {
  if (expected_version < 0) {
    faults->Add("expected_version", "must not be negative");
  }
}

void CheckName(const v1::Agency& agency, Faults* faults) {
  if (ClassName(agency.agency_class()).empty() ||
      !IsAgencyCode(agency.code())) {
    faults->Add("agency", "needs a class and a code of 1 to 16 of A-Z and 0-9");
  }
}

absl::Status StillHeld(const v1::Agency& agency, const HeldMatters& held) {
  if (held.count == 0) return absl::OkStatus();
  const bool all = held.count == static_cast<int64_t>(held.matter_ids.size());
  const std::string matters =
      absl::StrCat(absl::StrJoin(held.matter_ids, ", "), all ? "" : ", ...");
  google::rpc::PreconditionFailure failure;
  auto* const violation = failure.add_violations();
  violation->set_type("MATTERS_HELD");
  violation->set_subject(AgencyName(agency));
  violation->set_description(absl::StrCat(
      "decide these or transfer them to another agency first: ", matters));
  absl::Status refusal = absl::FailedPreconditionError(
      absl::StrCat(AgencyName(agency), " holds ", held.count,
                   " undecided matters at desks that would go: ", matters));
  refusal.SetPayload("type.googleapis.com/google.rpc.PreconditionFailure",
                     absl::Cord(failure.SerializeAsString()));
  return refusal;
}

}  // namespace

grpc::ServerUnaryReactor* DirectoryServiceImpl::ListAgencies(
    grpc::CallbackServerContext* context,
    const v1::ListAgenciesRequest* request,
    v1::ListAgenciesResponse* response) {
  return parts_.doorway->Read(
      context, "ListAgencies",
      [this, request, response](const Identity& caller) -> absl::Status {
        if (!request->page_token().empty() &&
            !ParseAgency(request->page_token()).ok()) {
          return absl::InvalidArgumentError(
              "page_token is none of this exchange's; start without one");
        }
        const int size =
            request->page_size() == 0
                ? kDefaultPageSize
                : std::clamp(request->page_size(), 1, kMaxPageSize);
        const std::shared_ptr<const Directory> now = parts_.directory->Now();
        const auto entries =
            now->List(request->agency_class(), request->page_token(), size + 1);
        for (const v1::DirectoryEntry* entry : entries) {
          if (response->entries_size() == size) {
            response->set_next_page_token(
                AgencyName(response->entries(size - 1).agency().agency()));
            break;
          }
          *response->add_entries() = EntryFor(caller, *entry);
        }
        response->set_environment(parts_.environment);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* DirectoryServiceImpl::GetAgency(
    grpc::CallbackServerContext* context, const v1::GetAgencyRequest* request,
    v1::GetAgencyResponse* response) {
  return parts_.doorway->Read(
      context, "GetAgency",
      [this, request, response](const Identity& caller) -> absl::Status {
        Faults faults;
        CheckName(request->agency(), &faults);
        RETURN_IF_ERROR(faults.ToStatus());
        const std::shared_ptr<const Directory> now = parts_.directory->Now();
        const v1::DirectoryEntry* const entry = now->Find(request->agency());
        if (entry == nullptr) {
          return absl::NotFoundError(absl::StrCat(AgencyName(request->agency()),
                                                  " is not in the directory"));
        }
        *response->mutable_entry() = EntryFor(caller, *entry);
        response->set_environment(parts_.environment);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* DirectoryServiceImpl::PutAgency(
    grpc::CallbackServerContext* context, const v1::PutAgencyRequest* request,
    v1::PutAgencyResponse* response) {
  Faults faults;
  CheckRequestId(request->request_id(), &faults);
  CheckVersion(request->expected_version(), &faults);
  Directory::Check(request->agency(), "agency.", &faults);
  CheckReachable(request->agency(), "agency.", &faults);
  return Change(context, "PutAgency", faults,
                {.caller = {},
                 .request_id = request->request_id(),
                 .agency = request->agency(),
                 .remove = false,
                 .expected_version = request->expected_version(),
                 .custody_commit = std::nullopt,
                 .done = nullptr},
                [response](const AgencyChange& change) {
                  *response->mutable_entry() = change.entry;
                  response->set_changed(change.changed);
                });
}

grpc::ServerUnaryReactor* DirectoryServiceImpl::RemoveAgency(
    grpc::CallbackServerContext* context,
    const v1::RemoveAgencyRequest* request,
    v1::RemoveAgencyResponse* response) {
  Faults faults;
  CheckRequestId(request->request_id(), &faults);
  CheckVersion(request->expected_version(), &faults);
  CheckName(request->agency(), &faults);
  v1::AgencyConfig agency;
  *agency.mutable_agency() = request->agency();
  return Change(context, "RemoveAgency", faults,
                {.caller = {},
                 .request_id = request->request_id(),
                 .agency = std::move(agency),
                 .remove = true,
                 .expected_version = request->expected_version(),
                 .custody_commit = std::nullopt,
                 .done = nullptr},
                [response](const AgencyChange& change) {
                  response->set_version(change.entry.version());
                });
}

grpc::ServerUnaryReactor* DirectoryServiceImpl::Change(
    grpc::CallbackServerContext* context, absl::string_view call,
    const Faults& faults, ChangeAgencyCommand command, Fill fill) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const absl::StatusOr<Identity> caller = parts_.doorway->Identify(*context);
  absl::Status refusal = caller.ok() ? CheckOperator(*caller) : caller.status();
  if (refusal.ok()) refusal = faults.ToStatus();
  if (!refusal.ok()) {
    parts_.doorway->Refuse(caller, refusal, call, reactor);
    return reactor;
  }
  const bool narrows =
      !parts_.directory->Now()->QueuesLost(command.agency).empty();
  command.caller = *caller;
  command.done = [this, reactor, fill = std::move(fill), narrows,
                  agency = command.agency.agency(), removed = command.remove](
                     absl::StatusOr<AgencyChange> change) {
    if (change.ok()) {
      if (narrows) EndStreams(agency, removed);
      fill(*change);
    }
    reactor->Finish(ToGrpc(change.status()));
  };
  if (narrows) {
    Look(std::move(command), call, reactor);
  } else {
    Submit(std::move(command), reactor);
  }
  return reactor;
}

void DirectoryServiceImpl::Look(ChangeAgencyCommand command,
                                absl::string_view call,
                                grpc::ServerUnaryReactor* reactor) {
  const bool accepted = parts_.readers->Submit(
      [this, command, call = std::string(call), reactor]() mutable {
        const std::vector<std::string> lost =
            parts_.directory->Now()->QueuesLost(command.agency);
        const absl::StatusOr<HeldMatters> held = FindHeldMatters(
            *parts_.store->Snapshot(), {lost.begin(), lost.end()});
        const absl::Status refusal =
            held.ok() ? StillHeld(command.agency.agency(), *held)
                      : held.status();
        if (!refusal.ok()) {
          parts_.doorway->Refuse(command.caller, refusal, call, reactor);
          return;
        }
        command.custody_commit = held->commit;
        Submit(std::move(command), reactor);
      });
  if (!accepted) {
    reactor->Finish(ToGrpc(
        LimitReached("reads", "too many reads wait", absl::Milliseconds(200))));
  }
}

void DirectoryServiceImpl::Submit(ChangeAgencyCommand command,
                                  grpc::ServerUnaryReactor* reactor) {
  const absl::Status submitted = parts_.sequencer->Submit(std::move(command));
  if (!submitted.ok()) reactor->Finish(ToGrpc(submitted));
}

void DirectoryServiceImpl::EndStreams(const v1::Agency& agency, bool removed) {
  parts_.streams->EndAgency(
      agency, removed ? absl::FailedPreconditionError(absl::StrCat(
                            AgencyName(agency),
                            " was removed from the exchange's directory"))
                      : absl::UnavailableError(
                            absl::StrCat("the desks of ", AgencyName(agency),
                                         " have changed; connect again")));
}

}  // namespace baton
