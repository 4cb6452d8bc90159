#include "services/cli/completion.h"

#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace baton::cli {
namespace {

// The words typed so far, options left out, choose a case; the word before
// the one being typed, when it is an option with a few values, another.
constexpr char kScript[] = R"(_baton() {
  local current="${COMP_WORDS[COMP_CWORD]}"
  local previous="${COMP_WORDS[COMP_CWORD-1]}"
  local at="" word offered=""
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$at $word" in
$LEVELS      ) at="${at:+$at }$word" ;;
    esac
  done
  case "$at:$previous" in
$VALUES  esac
  if [[ -z "$offered" ]]; then
    case "$at" in
$OFFERS    esac
  fi
  COMPREPLY=($(compgen -W "$offered" -- "$current"))
}
complete -o default -F _baton baton
)";

// A level of the tree and its path, "police report"; empty for the root.
struct Level {
  std::string path;
  const CommandNode* node;
};

void Flatten(const std::string& path, const CommandNode& node,
             std::vector<Level>* levels) {
  levels->push_back({path, &node});
  for (const CommandNode& sub : node.commands) {
    Flatten(absl::StrCat(path, path.empty() ? "" : " ", sub.name), sub, levels);
  }
}

// Commands, options, and the words of a positional that has some.
std::string Offered(const CommandNode& node) {
  std::vector<std::string> words;
  for (const CommandNode& sub : node.commands) words.push_back(sub.name);
  for (const OptionNode& option : node.options) {
    const auto& more = option.positional ? option.values : option.names;
    words.insert(words.end(), more.begin(), more.end());
  }
  return absl::StrJoin(words, " ");
}

std::string OffersOf(const std::vector<Level>& levels) {
  std::string text;
  for (const Level& level : levels) {
    absl::StrAppend(&text, "      \"", level.path, "\") offered=\"",
                    Offered(*level.node), "\" ;;\n");
  }
  return text;
}

std::string ValuesOf(const std::vector<Level>& levels) {
  std::string text;
  for (const Level& level : levels) {
    for (const OptionNode& option : level.node->options) {
      if (option.values.empty() || option.positional) continue;
      for (const std::string& name : option.names) {
        absl::StrAppend(&text, "    \"", level.path, ":", name,
                        "\") offered=\"", absl::StrJoin(option.values, " "),
                        "\" ;;\n");
      }
    }
  }
  return text;
}

std::string LevelsOf(const std::vector<Level>& levels) {
  std::vector<std::string> patterns;
  for (const Level& level : levels) {
    if (level.path.empty()) continue;
    const bool top = !absl::StrContains(level.path, " ");
    patterns.push_back(absl::StrCat("\"", top ? " " : "", level.path, "\""));
  }
  return absl::StrCat("      ", absl::StrJoin(patterns, "|\\\n      "));
}

}  // namespace

std::string BashCompletion(const CommandNode& root) {
  std::vector<Level> levels;
  Flatten("", root, &levels);
  return absl::StrReplaceAll(kScript, {{"$LEVELS      ", LevelsOf(levels)},
                                       {"$VALUES", ValuesOf(levels)},
                                       {"$OFFERS", OffersOf(levels)}});
}

std::string ZshCompletion(const CommandNode& root) {
  return absl::StrCat("autoload -U +X bashcompinit && bashcompinit\n",
                      BashCompletion(root));
}

}  // namespace baton::cli
