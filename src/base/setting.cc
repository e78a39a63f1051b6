#include "base/setting.h"

#include <algorithm>
#include <charconv>

#include "base/ids.h"
#include "base/json.h"

namespace lakehouse {
namespace {

constexpr int kMaxPort = 65'535;
constexpr std::string_view kAuto = "auto";

bool IsPort(std::string_view text) {
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port >= 0 && port <= kMaxPort;
}

bool IsAddress(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || !IsPort(text.substr(colon + 1))) return false;
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) return true;
  return !host.empty() && host.find_first_of(":[] ") == std::string_view::npos;
}

bool HasControlCharacter(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
  });
}

bool Accepts(const TextRules& rules, const std::string& text) {
  if (HasControlCharacter(text)) return false;
  if (const auto* rule = std::get_if<TextRule>(&rules)) return rule->empty_too || !text.empty();
  if (const auto* rule = std::get_if<ChoiceRule>(&rules)) {
    return std::find(rule->choices.begin(), rule->choices.end(), text) != rule->choices.end();
  }
  if (std::holds_alternative<AddressRule>(rules)) return IsAddress(text);
  const bool may_be_empty = std::get<BucketNameRule>(rules).empty_too;
  return (text.empty() && may_be_empty) || CheckBucketName(text).ok();
}

Status Refusal(const std::string& key, std::string_view accepted, std::string_view got) {
  return InvalidArgument(key, " must be ", accepted, ", got ", got);
}

}  // namespace

Status StoreValue(const IntSetting& setting, const toml::node& node) {
  const IntRule& rule = setting.rule;
  const toml::value<int64_t>* value = node.as_integer();
  if (value == nullptr) return Refusal(setting.key, AcceptedValues(rule), TomlTypeWords(node));
  const int64_t number = value->get();
  const bool in_range = number >= rule.min && number <= rule.max;
  if (!in_range && !(rule.zero_too && number == 0)) {
    return Refusal(setting.key, AcceptedValues(rule), StrCat(number));
  }
  *setting.value = number;
  return OkStatus();
}

Status StoreValue(const TextSetting& setting, const toml::node& node) {
  const toml::value<std::string>* value = node.as_string();
  if (value == nullptr) {
    return Refusal(setting.key, AcceptedValues(setting.rule), TomlTypeWords(node));
  }
  if (!Accepts(setting.rule, value->get())) {
    return Refusal(setting.key, AcceptedValues(setting.rule), QuoteForMessage(value->get()));
  }
  *setting.value = value->get();
  return OkStatus();
}

Status StoreValue(const SwitchSetting& setting, const toml::node& node) {
  if (const toml::value<bool>* value = node.as_boolean()) {
    *setting.value = value->get();
    return OkStatus();
  }
  const std::string accepted = AcceptedValues(setting.rule);
  const toml::value<std::string>* word = node.as_string();
  if (word == nullptr) return Refusal(setting.key, accepted, TomlTypeWords(node));
  if (word->get() != kAuto) return Refusal(setting.key, accepted, QuoteForMessage(word->get()));
  *setting.value = std::nullopt;
  return OkStatus();
}

Status StoreValue(const FlagSetting& setting, const toml::node& node) {
  const toml::value<bool>* value = node.as_boolean();
  if (value == nullptr) {
    return Refusal(setting.key, AcceptedValues(setting.rule), TomlTypeWords(node));
  }
  *setting.value = value->get();
  return OkStatus();
}

std::string AcceptedValues(const IntRule& rule) {
  return StrCat(rule.zero_too ? "0 or " : "", "a whole number from ", rule.min, " to ", rule.max);
}

std::string AcceptedValues(const TextRules& rules) {
  if (const auto* rule = std::get_if<TextRule>(&rules)) {
    return StrCat("text without control characters", rule->empty_too ? "" : ", not empty");
  }
  if (const auto* rule = std::get_if<ChoiceRule>(&rules)) {
    std::string out = rule->choices.size() == 1 ? "" : "one of ";
    for (size_t i = 0; i < rule->choices.size(); ++i) {
      StrAppend(out, i == 0 ? "" : ", ", '"', rule->choices[i], '"');
    }
    return out;
  }
  if (std::holds_alternative<AddressRule>(rules)) return "HOST:PORT";
  return StrCat(std::get<BucketNameRule>(rules).empty_too ? "empty or " : "",
                "a bucket name: 1 to 63 of a-z, 0-9, _ and -, optionally after one such prefix "
                "and a colon");
}

std::string AcceptedValues(const SwitchRule&) { return "true, false or \"auto\""; }

std::string AcceptedValues(const FlagRule&) { return "true or false"; }

std::string TomlValue(const IntSetting& setting) { return StrCat(*setting.value); }

// TOML's basic strings escape what JSON's do, and DEL, which no rule lets through.
std::string TomlValue(const TextSetting& setting) {
  std::string out;
  AppendJsonString(out, *setting.value);
  return out;
}

std::string TomlValue(const SwitchSetting& setting) {
  if (setting.value->has_value()) return StrCat(**setting.value);
  return StrCat('"', kAuto, '"');
}

std::string TomlValue(const FlagSetting& setting) { return *setting.value ? "true" : "false"; }

}  // namespace lakehouse
