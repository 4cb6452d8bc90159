#include "baton/v1/council_service.pb.h"
#include "baton/v1/emergency_service.pb.h"
#include "gtest/gtest.h"
#include "services/cli/cli.h"
#include "services/cli/fields.h"

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
