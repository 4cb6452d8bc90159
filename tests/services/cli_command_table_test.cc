#include <set>

#include "baton/v1/case_service.pb.h"
#include "baton/v1/council_service.pb.h"
#include "baton/v1/emergency_service.pb.h"
#include "baton/v1/police_service.pb.h"
#include "baton/v1/school_service.pb.h"
#include "gtest/gtest.h"
#include "services/cli/cli.h"
#include "services/cli/fields.h"
#include "services/cli/matter_options.h"

namespace baton::cli {
namespace {

const LocalClock kClock = {absl::UnixEpoch(), absl::UTCTimeZone()};

const Command& Find(const std::vector<Command>& commands,
                    const std::string& family, const std::string& name) {
  for (const Command& command : commands) {
    if (command.family == family && command.name == name) return command;
  }
  ADD_FAILURE() << "no command " << family << " " << name;
  return commands[0];
}

// A flag whose path no request has would show only when somebody uses it: the
// text must be understood, or refused for what it says.
template <typename Request>
void ExpectFieldsExist(const std::string& family, const std::string& name) {
  const std::vector<Command> commands = AllCommands();
  for (const OptionSpec& option : Find(commands, family, name).options) {
    if (option.field.empty()) continue;
    Request request;
    const absl::Status status =
        SetField(option.field, "x", kClock, option.direction, &request);
    EXPECT_FALSE(absl::IsInternal(status)) << option.name << ": " << status;
  }
}

TEST(CommandTableTest, EveryFlagSetsAFieldThatExists) {
  ExpectFieldsExist<v1::FlagWaitingRequest>("emergency", "flag");
  ExpectFieldsExist<v1::UpdateWaitingRequest>("emergency", "update");
  ExpectFieldsExist<v1::MoveWaitingRequest>("emergency", "moved");
  ExpectFieldsExist<v1::EndWaitingRequest>("emergency", "end");
  ExpectFieldsExist<v1::ResolveNeedsAttentionRequest>("emergency", "attention");
  ExpectFieldsExist<v1::OpenMatterRequest>("council", "open");
  ExpectFieldsExist<v1::TakeMatterRequest>("council", "take");
  ExpectFieldsExist<v1::DecideMatterRequest>("council", "decide");
  ExpectFieldsExist<v1::RecordPhoneContactRequest>("council", "phone");
  ExpectFieldsExist<v1::PresentHomelessRequest>("council", "homeless");
  ExpectFieldsExist<v1::NotifyPlacementRequest>("council", "placement");
  ExpectFieldsExist<v1::HandOverRequest>("council", "hand-over");
  ExpectFieldsExist<v1::DocumentForm>("case", "attach");
  ExpectFieldsExist<v1::DocumentForm>("matter", "attach");
  ExpectFieldsExist<v1::FetchDocumentRequest>("inbox", "fetch");
  ExpectFieldsExist<v1::ReportMissingRequest>("police", "report");
  ExpectFieldsExist<v1::UpdateMissingRequest>("police", "update");
  ExpectFieldsExist<v1::UpdateMissingRequest>("police", "regrade");
  ExpectFieldsExist<v1::UpdateMissingRequest>("police", "sighting");
  ExpectFieldsExist<v1::ReportFoundRequest>("police", "found");
  ExpectFieldsExist<v1::RecordPreventionInterviewRequest>("police",
                                                          "interview");
  ExpectFieldsExist<v1::SendNoticeRequest>("police", "notice");
  ExpectFieldsExist<v1::TakeAlertRequest>("school", "take");
  ExpectFieldsExist<v1::RaiseContactRequest>("case", "raise");
  ExpectFieldsExist<v1::ResolveRefusedRequest>("case", "refused");
  ExpectFieldsExist<v1::OpenInboxMatterRequest>("inbox", "open");
  for (const Verb& verb : Verbs()) {
    ExpectFieldsExist<v1::ActOnMatterRequest>("matter", verb.name);
  }
}

TEST(CommandTableTest, EveryMatterActionOfTheServiceHasItsVerb) {
  std::set<std::string> contents;
  for (const Verb& verb : Verbs()) contents.insert(verb.content);
  const auto* oneof = v1::ActOnMatterRequest::descriptor()->oneof_decl(0);
  for (int i = 0; i < oneof->field_count(); ++i) {
    EXPECT_EQ(contents.count(oneof->field(i)->name()), 1u)
        << oneof->field(i)->name();
  }
  EXPECT_EQ(contents.size(), static_cast<size_t>(oneof->field_count()));
}

// What can be sent says in its help where to ring, and can be tried first.
TEST(CommandTableTest, WhatIsSentSaysSo) {
  for (const Command& command : AllCommands()) {
    std::set<std::string> names;
    for (const OptionSpec& option : command.options) names.insert(option.name);
    if (names.count("--request-id") == 0) continue;
    EXPECT_TRUE(command.submits) << command.family << " " << command.name;
    EXPECT_EQ(names.count("--dry-run"), 1u) << command.name;
  }
}

TEST(CommandTableTest, EverythingHasHelp) {
  for (const Command& command : AllCommands()) {
    EXPECT_FALSE(command.help.empty()) << command.name;
    for (const OptionSpec& option : command.options) {
      EXPECT_FALSE(option.help.empty()) << command.name << " " << option.name;
    }
  }
}

}  // namespace
}  // namespace baton::cli
