// Shell completion scripts, made from the command line's own description.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace lakehouse::app {

// One command with the words that may follow it.
struct CommandWords {
  std::string path;                // "datasets list", "" for the program itself.
  std::vector<std::string> words;  // Subcommands and long options.
};

// Returns the script for "bash", "zsh" or "fish".
Result<std::string> CompletionScript(std::string_view shell,
                                     const std::vector<CommandWords>& commands);

}  // namespace lakehouse::app
