#ifndef BATON_SERVICES_CLI_MATTER_OPTIONS_H_
#define BATON_SERVICES_CLI_MATTER_OPTIONS_H_

#include <string>
#include <vector>

#include "services/cli/command.h"

// What can be said about a matter, and which flag sets which field of it. The
// paths begin with the name of the content, "taken" or "decision", which is
// the same in ActOnMatterRequest and in the council's own requests.
namespace baton::cli {

std::vector<OptionSpec> TakenOptions();
std::vector<OptionSpec> DecisionOptions();

// One thing to say by ActOnMatter.
struct Verb {
  std::string name;  // "answer-challenge"
  std::string help;
  std::string content;  // Field of the oneof: "challenge_response".
  std::vector<OptionSpec> options;
};

// Every one of them, in the order of a matter's life.
std::vector<Verb> Verbs();

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_MATTER_OPTIONS_H_
