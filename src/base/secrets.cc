#include "base/secrets.h"

#include <algorithm>
#include <cstdlib>

#include "base/ids.h"
#include "base/settings_file.h"
#include "base/toml_text.h"

namespace lakehouse {
namespace {

constexpr std::string_view kNameKind = "secret";
constexpr std::string_view kKeyKind = "secret key";

std::string EnvironmentVariable(std::string_view name, std::string_view key) {
  std::string variable = StrCat("LAKEHOUSE_SECRET_", name, '_', key);
  std::transform(variable.begin(), variable.end(), variable.begin(), [](char c) {
    if (c == '-') return '_';
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return variable;
}

}  // namespace

Result<SecretStore> SecretStore::Load(const std::string& path) {
  const Result<std::string> text = ReadSettingsFile(path, FileProtection::kOwnerOnly);
  if (text.status().code() == StatusCode::kNotFound) return SecretStore();
  if (!text.ok()) return text.status().Annotate("secrets");
  ASSIGN_OR_RETURN(const toml::table root, ParseToml(*text, path, TomlErrors::kPositionOnly));
  SecretStore store;
  for (const auto& [name, node] : root) {
    if (const Status status = CheckId(kNameKind, name.str()); !status.ok()) {
      return InvalidArgument(TomlPlace(path, node), status.message());
    }
    const toml::table* entries = node.as_table();
    if (entries == nullptr) {
      return InvalidArgument(TomlPlace(path, node), "secret must be a table: write [", name.str(),
                             "] and its keys below");
    }
    auto& values = store.values_[std::string(name.str())];
    for (const auto& [key, value] : *entries) {
      if (const Status status = CheckId(kKeyKind, key.str()); !status.ok()) {
        return InvalidArgument(TomlPlace(path, value), status.message());
      }
      const toml::value<std::string>* secret = value.as_string();
      if (secret == nullptr) {
        return InvalidArgument(TomlPlace(path, value), "secret must be text in quotes, not ",
                               TomlTypeWords(value), ": ", name.str(), '.', key.str());
      }
      values.emplace(key.str(), Secret(secret->get()));
    }
  }
  return store;
}

Result<Secret> SecretStore::Get(std::string_view name, std::string_view key) const {
  TRY(CheckId(kNameKind, name));
  TRY(CheckId(kKeyKind, key));
  const std::string variable = EnvironmentVariable(name, key);
  if (const char* value = std::getenv(variable.c_str()); value != nullptr && *value != '\0') {
    return Secret(value);
  }
  if (const auto entries = values_.find(name); entries != values_.end()) {
    if (const auto found = entries->second.find(key); found != entries->second.end()) {
      return found->second;
    }
  }
  return NotFound("no secret ", name, '.', key, ": write it into secrets.toml or set ", variable);
}

}  // namespace lakehouse
