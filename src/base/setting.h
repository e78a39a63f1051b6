// One setting: where its value lies, which values it takes, and what it means. Include it in
// sources only: toml++ is heavy.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/status.h"
#include "base/toml_text.h"

namespace lakehouse {

struct IntRule {
  int64_t min;
  int64_t max;
  bool zero_too = false;  // 0 stands for "decide by yourself" and lies outside of the range.
};
struct TextRule {
  bool empty_too;
};
struct ChoiceRule {
  std::vector<std::string> choices;
};
struct AddressRule {};  // HOST:PORT, a literal IPv6 host in brackets.
// CheckBucketName (base/ids.h).
struct BucketNameRule {
  bool empty_too = false;
};
struct SwitchRule {};  // true, false, or "auto" for "decide by yourself".
struct FlagRule {};    // true or false.

using TextRules = std::variant<TextRule, ChoiceRule, AddressRule, BucketNameRule>;

// A number with its range. `value` borrows a member of Config.
struct IntSetting {
  std::string key;
  int64_t* value;
  IntRule rule;
  std::string_view help;
};

// A text with its grammar. `value` borrows a member of Config.
struct TextSetting {
  std::string key;
  std::string* value;
  TextRules rule;
  std::string_view help;
};

// A switch that may be left open. `value` borrows a member of Config.
struct SwitchSetting {
  std::string key;
  std::optional<bool>* value;
  SwitchRule rule;
  std::string_view help;
};

// A switch that is on or off. `value` borrows a member of Config.
struct FlagSetting {
  std::string key;
  bool* value;
  FlagRule rule;
  std::string_view help;
};

// Stores the value of `node`, or says which values the setting takes and leaves it as it was.
Status StoreValue(const IntSetting& setting, const toml::node& node);
Status StoreValue(const TextSetting& setting, const toml::node& node);
Status StoreValue(const SwitchSetting& setting, const toml::node& node);
Status StoreValue(const FlagSetting& setting, const toml::node& node);

// Says which values a setting takes: "a whole number from 1 to 64".
std::string AcceptedValues(const IntRule& rule);
std::string AcceptedValues(const TextRules& rule);
std::string AcceptedValues(const SwitchRule& rule);
std::string AcceptedValues(const FlagRule& rule);

// Formats the current value as TOML.
std::string TomlValue(const IntSetting& setting);
std::string TomlValue(const TextSetting& setting);
std::string TomlValue(const SwitchSetting& setting);
std::string TomlValue(const FlagSetting& setting);

}  // namespace lakehouse
