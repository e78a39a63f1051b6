#include "base/toml_text.h"

namespace lakehouse {

Result<toml::table> ParseToml(std::string_view text, const std::string& origin, TomlErrors errors) {
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
