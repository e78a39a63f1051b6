#include "storage/s3/credentials.h"

#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/strings.h"
#include "storage/s3/credentials_cache.h"
#include "storage/s3/credentials_source.h"

namespace lakehouse::storage {
namespace {

constexpr std::string_view kEnvironment = "aws:environment";
constexpr std::string_view kWebIdentity = "aws:web-identity";
constexpr std::string_view kInstance = "aws:instance";
constexpr std::string_view kChain = "aws:chain";
constexpr std::string_view kAnonymous = "anonymous";

// Keys that never change; empty ones for requests that are not signed.
class FixedCredentials : public CredentialsProvider {
 public:
  explicit FixedCredentials(S3Credentials credentials) : credentials_(std::move(credentials)) {}
  Result<S3Credentials> Get() override { return credentials_; }
  // There is nothing to fetch anew.
  void Invalidate() override {}

 private:
  const S3Credentials credentials_;
};

Result<Secret> ReadKey(const SecretStore& secrets, std::string_view name, std::string_view key,
                       std::string_view bucket_url) {
  const Result<Secret> secret = secrets.Get(name, key);
  if (!secret.ok()) return secret.status().Annotate(StrCat("credentials for ", bucket_url));
  const std::string place = StrCat(name, ".", key);
  TRY(CheckSigningKey(secret->Reveal(), place));
  if (secret->empty()) return InvalidArgument("the secret is empty: ", place);
  return *secret;
}

Result<std::unique_ptr<CredentialsProvider>> OpenSecret(std::string_view name,
                                                        const SecretStore& secrets,
                                                        std::string_view bucket_url) {
  S3Credentials credentials;
  ASSIGN_OR_RETURN(const Secret id, ReadKey(secrets, name, "access_key_id", bucket_url));
  credentials.access_key_id = id.Reveal();
  ASSIGN_OR_RETURN(credentials.secret_access_key,
                   ReadKey(secrets, name, "secret_access_key", bucket_url));
  Result<Secret> token = ReadKey(secrets, name, "session_token", bucket_url);
  if (token.ok()) {
    credentials.session_token = *std::move(token);
  } else if (token.status().code() != StatusCode::kNotFound) {
    return token.status();
  }
  return std::make_unique<FixedCredentials>(std::move(credentials));
}

std::unique_ptr<CredentialsSource> NewFullChain(const std::string& region) {
  std::vector<std::unique_ptr<CredentialsSource>> sources;
  sources.push_back(NewEnvironmentSource());
  sources.push_back(NewWebIdentitySource(region));
  sources.push_back(NewInstanceSource());
  return NewChainSource(std::move(sources));
}

}  // namespace

Result<std::unique_ptr<CredentialsProvider>> OpenCredentials(std::string_view credentials,
                                                             const SecretStore& secrets,
                                                             const CredentialsOptions& options) {
  if (credentials == kAnonymous) return std::make_unique<FixedCredentials>(S3Credentials());
  std::unique_ptr<CredentialsSource> source;
  if (credentials == kEnvironment) source = NewEnvironmentSource();
  if (credentials == kWebIdentity) source = NewWebIdentitySource(options.region);
  if (credentials == kInstance) source = NewInstanceSource();
  if (credentials == kChain) source = NewFullChain(options.region);
  if (source != nullptr) {
    return std::make_unique<CredentialsCache>(std::move(source), options.bucket_url,
                                              *options.clock);
  }
  if (!CheckId("secret", credentials).ok()) {
    // What stands there is not quoted: it may be a key that was put in the wrong place.
    return InvalidArgument("credentials must be the name of a secret, ", kEnvironment, ", ",
                           kWebIdentity, ", ", kInstance, ", ", kChain, " or ", kAnonymous,
                           "; mend it for ", options.bucket_url);
  }
  return OpenSecret(credentials, secrets, options.bucket_url);
}

}  // namespace lakehouse::storage
