// AWS Signature Version 4 in the Authorization header ("Authenticating Requests" in the Amazon S3
// API reference). Pure: the same input gives the same signature.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "net/http_message.h"
#include "storage/s3/credentials.h"

namespace lakehouse::storage {

// What stands in for the hash of a body that is not signed. Only TLS may carry such a request.
inline constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";

struct SigningScope {
  std::string_view region;
  std::string_view service = "s3";
  Timestamp time;
};

struct SigningInput {
  std::string_view method;
  std::string_view path;          // Encoded as it is sent.
  std::string_view query;         // Of EncodeQuery: encoded and sorted.
  std::string_view payload_hash;  // Lower-case hex of its SHA-256, or kUnsignedPayload.
};

// Adds x-amz-date, x-amz-security-token (where there is one) and authorization to `headers`, every
// one of which is signed. Anonymous credentials (no key id) add nothing.
// REQUIRES: `headers` hold "host", and no header twice.
void SignRequest(const SigningInput& input, const SigningScope& scope,
                 const S3Credentials& credentials, net::Headers& headers);

}  // namespace lakehouse::storage
