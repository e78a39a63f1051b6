// TOML text as toml++ reads it, with its exceptions turned into Status. Include it in sources only:
// toml++ is heavy.
#pragma once

#include <string>
#include <string_view>

#include <toml++/toml.h>

#include "base/status.h"

namespace lakehouse {

// Says whether a syntax error may repeat what stands in the text.
enum class TomlErrors { kDetailed, kPositionOnly };

// Parses TOML 1.0. Errors begin with "<origin>:<line>: ".
Result<toml::table> ParseToml(std::string_view text, const std::string& origin, TomlErrors errors);

// Returns "<origin>:<line>: " for messages about `node`.
std::string TomlPlace(const std::string& origin, const toml::node& node);

// Names the type of a value for messages: "a string".
std::string_view TomlTypeWords(const toml::node& node);

}  // namespace lakehouse
