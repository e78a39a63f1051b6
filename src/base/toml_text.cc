#include "base/toml_text.h"

namespace lakehouse {
namespace {

// toml++ recurses once for each piece of a dotted key and would overflow the stack on a long one.
constexpr size_t kMaxDots = 4'000;

Status CheckDots(std::string_view text, const std::string& origin) {
  size_t dots = 0;
  size_t line = 1;
  for (const char c : text) {
    if (c == '\n') ++line;
    if (c == '.' && ++dots > kMaxDots) {
      return InvalidArgument(origin, ':', line, ": more dots than allowed in one file: ", kMaxDots);
    }
  }
  return OkStatus();
}

}  // namespace

Result<toml::table> ParseToml(std::string_view text, const std::string& origin, TomlErrors errors) {
  TRY(CheckDots(text, origin));
  try {
    return toml::parse(text, origin);
  } catch (const toml::parse_error& error) {
    const std::string_view detail =
        errors == TomlErrors::kDetailed ? error.description() : std::string_view("not valid TOML");
    return InvalidArgument(origin, ':', error.source().begin.line, ": ", detail);
  }
}

std::string TomlPlace(const std::string& origin, const toml::node& node) {
  return StrCat(origin, ':', node.source().begin.line, ": ");
}

std::string_view TomlTypeWords(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "a whole number";
    case toml::node_type::floating_point:
      return "a floating-point number";
    case toml::node_type::boolean:
      return "true or false";
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time:
      return "a date or time";
    case toml::node_type::none:
      break;
  }
  CHECK(false);
}

}  // namespace lakehouse
