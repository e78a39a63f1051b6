#include "storage/s3/credentials_source.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/strings.h"
#include "storage/s3/s3_time.h"

namespace lakehouse::storage {
namespace {

constexpr char kAccessKeyVariable[] = "AWS_ACCESS_KEY_ID";
constexpr char kSecretKeyVariable[] = "AWS_SECRET_ACCESS_KEY";
constexpr char kTokenVariable[] = "AWS_SESSION_TOKEN";

class EnvironmentSource : public CredentialsSource {
 public:
  // One key without the other is a mistake to report, not a reason to ask somebody else.
  bool configured() const override {
    return !EnvironmentValue(kAccessKeyVariable).empty() ||
           !EnvironmentValue(kSecretKeyVariable).empty();
  }

  Result<IssuedCredentials> Issue() override {
    S3Credentials credentials;
    credentials.access_key_id = EnvironmentValue(kAccessKeyVariable);
    credentials.secret_access_key = Secret(EnvironmentValue(kSecretKeyVariable));
    credentials.session_token = Secret(EnvironmentValue(kTokenVariable));
    if (credentials.access_key_id.empty()) {
      return NotFound("the environment variable is not set: ", kAccessKeyVariable);
    }
    if (credentials.secret_access_key.empty()) {
      return NotFound("the environment variable is not set: ", kSecretKeyVariable);
    }
    TRY(CheckSigningKey(credentials.access_key_id, kAccessKeyVariable));
    TRY(CheckSigningKey(credentials.secret_access_key.Reveal(), kSecretKeyVariable));
    TRY(CheckSigningKey(credentials.session_token.Reveal(), kTokenVariable));
    return IssuedCredentials{std::move(credentials), std::nullopt};
  }
};

class ChainSource : public CredentialsSource {
 public:
  explicit ChainSource(std::vector<std::unique_ptr<CredentialsSource>> sources)
      : sources_(std::move(sources)) {}

  bool configured() const override {
    return std::any_of(sources_.begin(), sources_.end(),
                       [](const auto& source) { return source->configured(); });
  }

  Result<IssuedCredentials> Issue() override {
    std::string passed;  // Why no earlier source was asked.
    for (const std::unique_ptr<CredentialsSource>& source : sources_) {
      Result<IssuedCredentials> issued = source->Issue();
      if (issued.ok()) return issued;
      if (source->configured()) {
        return Status(issued.status().code(), StrCat(issued.status().message(), passed));
      }
      StrAppend(passed, "; ", issued.status().message());
    }
    return NotFound("no part of aws:chain has any", passed);
  }

 private:
  const std::vector<std::unique_ptr<CredentialsSource>> sources_;
};

}  // namespace

std::unique_ptr<CredentialsSource> NewEnvironmentSource() {
  return std::make_unique<EnvironmentSource>();
}

std::unique_ptr<CredentialsSource> NewChainSource(
    std::vector<std::unique_ptr<CredentialsSource>> sources) {
  return std::make_unique<ChainSource>(std::move(sources));
}

std::string EnvironmentValue(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : std::string(TrimWhitespace(value));
}

Result<std::string> ServiceAddress(const char* name, std::string_view standard) {
  std::string address = EnvironmentValue(name);
  if (address.empty()) return std::string(standard);
  while (address.ends_with('/')) address.pop_back();
  const size_t scheme_end = address.find("://");
  const std::string_view scheme = std::string_view(address).substr(0, scheme_end);
  const bool http = scheme_end != std::string::npos && (scheme == "http" || scheme == "https");
  if (!http || address.find_first_of("@?# \\") != std::string::npos) {
    return InvalidArgument("an address http(s)://host[:port] without a user was expected in ",
                           name);
  }
  return address;
}

Status CheckSigningKey(std::string_view key, std::string_view place) {
  const bool visible =
      std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (visible) return OkStatus();
  return InvalidArgument(
      "a key holds white space, control or non-ASCII characters; write it anew: ", place);
}

Result<IssuedCredentials> CheckIssued(IssuedText text, std::string_view service) {
  const std::pair<const char*, const std::string*> fields[] = {
      {"access key id", &text.access_key_id},
      {"secret access key", &text.secret_access_key},
      {"session token", &text.session_token},
      {"expiration", &text.expiration}};
  for (const auto& [name, value] : fields) {
    if (value->empty() || !CheckSigningKey(*value, name).ok()) {
      return Unavailable("expected credentials, but their ", name, " is missing or malformed from ",
                         service);
    }
  }
  const std::optional<Timestamp> expires = ParseIsoTime(text.expiration);
  if (!expires.has_value()) {
    // The text is not quoted: a confused service may have put anything there.
    return Unavailable("expected credentials, but their expiration is no time in UTC from ",
                       service);
  }
  return IssuedCredentials{
      {std::move(text.access_key_id), Secret(std::move(text.secret_access_key)),
       Secret(std::move(text.session_token))},
      expires};
}

}  // namespace lakehouse::storage
