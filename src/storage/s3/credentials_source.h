// The services that issue credentials, one class each. Contract words: credentials.h.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "net/http_client.h"
#include "storage/s3/credentials.h"

namespace lakehouse::storage {

struct IssuedCredentials {
  S3Credentials credentials;
  std::optional<Timestamp> expires;  // nullopt: never.
};

// Issues credentials anew at every call; remembers none. Thread-safe.
class CredentialsSource {
 public:
  virtual ~CredentialsSource() = default;
  // False: the environment names nothing of this source, and Issue answers kNotFound.
  virtual bool configured() const = 0;
  // Errors are those of CredentialsProvider::Get, and kInvalidArgument for what the environment
  // says wrongly.
  virtual Result<IssuedCredentials> Issue() = 0;
};

std::unique_ptr<CredentialsSource> NewEnvironmentSource();
// `region` decides which token service of AWS is asked.
std::unique_ptr<CredentialsSource> NewWebIdentitySource(std::string region);
std::unique_ptr<CredentialsSource> NewInstanceSource();
// Asks the first of `sources` that is configured, and no other: when that one fails, requests are
// never signed as somebody else.
std::unique_ptr<CredentialsSource> NewChainSource(
    std::vector<std::unique_ptr<CredentialsSource>> sources);

// Returns the variable without white space at its ends; "" when it is not set.
std::string EnvironmentValue(const char* name);

// Reads the address of a service that the environment variable `name` replaces; `standard` where it
// is not set. The result is "http(s)://host[:port][/path]" without a "/" at its end.
// kInvalidArgument names the variable, not its value.
Result<std::string> ServiceAddress(const char* name, std::string_view standard);

// What a service answered, before anything was checked.
struct IssuedText {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;  // Always there: only temporary credentials are issued.
  std::string expiration;     // ISO 8601 in UTC, with or without a fraction of a second.
};

// kUnavailable when something is missing or malformed; names the field and `service`.
Result<IssuedCredentials> CheckIssued(IssuedText text, std::string_view service);

// Refuses keys that cannot be signed with, such as one with a line end: kInvalidArgument names
// `place`, never the value.
Status CheckSigningKey(std::string_view key, std::string_view place);

}  // namespace lakehouse::storage
