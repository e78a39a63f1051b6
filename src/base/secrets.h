// Secrets live in `secrets.toml` beside the configuration (mode 0600 or refused) or in the
// environment, and are named everywhere else.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/status.h"

namespace lakehouse {

// A value that never prints. Copyable; its text leaves only through Reveal.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  const std::string& Reveal() const { return text_; }
  bool empty() const { return text_.empty(); }

 private:
  std::string text_;
};

// The secrets of one process. Immutable after Load; thread-safe.
class SecretStore {
 public:
  SecretStore() = default;

  // Reads `path`. A missing file is an empty store. Refuses a file that group or others may open or
  // that another user owns, a symbolic link, names and keys that are not ids, and values that are
  // not text; the error names the key, never the value.
  static Result<SecretStore> Load(const std::string& path);

  // Returns key `key` of secret `name`, for example ("minio", "access_key_id"). The environment
  // variable LAKEHOUSE_SECRET_<NAME>_<KEY> (upper case, `-` as `_`) wins over the file unless it is
  // empty. kNotFound names both places.
  Result<Secret> Get(std::string_view name, std::string_view key) const;

 private:
  std::map<std::string, std::map<std::string, Secret, std::less<>>, std::less<>> values_;
};

}  // namespace lakehouse
