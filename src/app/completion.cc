#include "app/completion.h"

namespace lakehouse::app {

namespace {

// Bash and zsh share one function: zsh runs it through bashcompinit.
std::string BashScript(const std::vector<CommandWords>& commands) {
  std::string script =
      "_lakehouse() {\n"
      "  local current=\"${COMP_WORDS[COMP_CWORD]}\" path=\"\" word\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    case \"$word\" in -*) ;; *) path=\"${path:+$path }$word\" ;; esac\n"
      "  done\n"
      "  local words=\"\"\n"
      "  case \"$path\" in\n";
  for (const CommandWords& command : commands) {
    StrAppend(script, "    '", command.path, "'", command.path.empty() ? "" : "*", ") words='",
              JoinStrings(command.words, " "), "' ;;\n");
  }
  StrAppend(script,
            "  esac\n"
            "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
            "  [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$current\"))\n"
            "}\n"
            "complete -F _lakehouse lakehouse\n");
  return script;
}

std::string FishScript(const std::vector<CommandWords>& commands) {
  std::string script;
  for (const CommandWords& command : commands) {
    const std::string condition = command.path.empty()
                                      ? "__fish_use_subcommand"
                                      : StrCat("__fish_seen_subcommand_from ", command.path);
    for (const std::string& word : command.words) {
      StrAppend(script, "complete -c lakehouse -n '", condition, "' ",
                word.starts_with("--") ? StrCat("-l ", word.substr(2)) : StrCat("-a ", word), "\n");
    }
  }
  return script;
}

}  // namespace

Result<std::string> CompletionScript(std::string_view shell,
                                     const std::vector<CommandWords>& commands) {
  // The longest path first: `case` takes the first pattern that fits.
  const std::vector<CommandWords> longest_first(commands.rbegin(), commands.rend());
  if (shell == "bash") return BashScript(longest_first);
  if (shell == "zsh") {
    return StrCat("autoload -U +X bashcompinit && bashcompinit\n", BashScript(longest_first));
  }
  if (shell == "fish") return FishScript(commands);
  return InvalidArgument("completion knows bash, zsh and fish, not: ", shell);
}

}  // namespace lakehouse::app
