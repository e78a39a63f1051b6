// For tests: an environment that names no credentials but those a test sets, and secrets to look
// for in messages.
#pragma once

#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/strings.h"
#include "storage/s3/credentials.h"

namespace lakehouse::storage::testing {

inline constexpr std::string_view kCanarySecret = "CanarySecretKeyNeverToBeSeen";
inline constexpr std::string_view kCanaryToken = "CanarySessionTokenNeverToBeSeen";
inline constexpr std::string_view kCanaryIdentity = "CanaryIdentityTokenNeverToBeSeen";

// Sets environment variables and puts back what they were. Starts without any that credentials
// come from.
class CleanEnvironment {
 public:
  CleanEnvironment() {
    for (const char* name : {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
                             "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME",
                             "AWS_ENDPOINT_URL_STS", "AWS_CA_BUNDLE",
                             "AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_EC2_METADATA_DISABLED"}) {
      Remember(name);
      unsetenv(name);
    }
  }
  ~CleanEnvironment() {
    for (const auto& [name, value] : before_) {
      if (value.has_value()) {
        setenv(name.c_str(), value->c_str(), 1);
      } else {
        unsetenv(name.c_str());
      }
    }
  }
  CleanEnvironment(const CleanEnvironment&) = delete;
  CleanEnvironment& operator=(const CleanEnvironment&) = delete;

  void Set(const char* name, std::string_view value) {
    Remember(name);
    setenv(name, std::string(value).c_str(), 1);
  }

 private:
  void Remember(const char* name) {
    const char* value = std::getenv(name);
    before_.try_emplace(name, value == nullptr ? std::nullopt : std::optional<std::string>(value));
  }

  std::map<std::string, std::optional<std::string>> before_;
};

// Fails when a message holds any of the canaries.
inline void ExpectNoCanary(std::string_view message) {
  for (const std::string_view canary : {kCanarySecret, kCanaryToken, kCanaryIdentity}) {
    EXPECT_EQ(message.find(canary), std::string_view::npos) << message;
  }
}

// An address of this machine where nobody listens.
inline std::string UnreachableAddress() { return "http://127.0.0.1:1"; }

// Opens what `words` names for the bucket s3://lake. REQUIRES: valid words.
inline std::unique_ptr<CredentialsProvider> OpenOrDie(std::string_view words, const Clock& clock,
                                                      std::string region = "eu-central-1") {
  CredentialsOptions options;
  options.region = std::move(region);
  options.bucket_url = "s3://lake";
  options.clock = &clock;
  Result<std::unique_ptr<CredentialsProvider>> provider =
      OpenCredentials(words, SecretStore(), options);
  CHECK(provider.ok());
  return *std::move(provider);
}

}  // namespace lakehouse::storage::testing
