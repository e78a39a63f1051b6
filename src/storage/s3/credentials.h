// Who a bucket's requests are signed as.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/secrets.h"
#include "base/status.h"

namespace lakehouse::storage {

struct S3Credentials {
  std::string access_key_id;  // "": requests are not signed.
  Secret secret_access_key;
  Secret session_token;  // Empty for long-lived keys.
};

// Gives the credentials of one bucket, fresh ones where they expire. Thread-safe.
class CredentialsProvider {
 public:
  virtual ~CredentialsProvider() = default;
  // kUnavailable or kDeadlineExceeded: the service that issues them cannot be reached or answers
  // nonsense; kPermissionDenied: it refuses; kNotFound: there are none; kInvalidArgument: the
  // environment names them wrongly. The message names what was tried, never a value.
  virtual Result<S3Credentials> Get() = 0;
  // Drops what is remembered, after a server called it expired.
  virtual void Invalidate() = 0;
};

struct CredentialsOptions {
  std::string region;      // For the token service.
  std::string bucket_url;  // Of this bucket, for messages.
  const Clock* clock = &Clock::System();
};

// Opens what the setting `credentials` of a bucket names:
//   <id>               the secret of that name: access_key_id, secret_access_key and, optionally,
//                      session_token
//   aws:environment    AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
//   aws:web-identity   AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN at the token service (STS
//                      AssumeRoleWithWebIdentity; AWS_ENDPOINT_URL_STS replaces its address,
//                      AWS_CA_BUNDLE the certificates it is checked with)
//   aws:instance       the instance metadata service, version 2 (AWS_EC2_METADATA_SERVICE_ENDPOINT
//                      replaces its address; AWS_EC2_METADATA_DISABLED refuses)
//   aws:chain          the first two where the environment names them, else the instance; when the
//                      one that is named fails, no other is asked
//   anonymous          none: requests are not signed
// kInvalidArgument for any other word, "" too: nothing is ever signed with keys that nobody named.
// kNotFound names the secret that lacks a key. `secrets` may be destroyed afterwards.
Result<std::unique_ptr<CredentialsProvider>> OpenCredentials(std::string_view credentials,
                                                             const SecretStore& secrets,
                                                             const CredentialsOptions& options);

}  // namespace lakehouse::storage
