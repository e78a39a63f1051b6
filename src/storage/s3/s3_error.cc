#include "storage/s3/s3_error.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/strings.h"
#include "storage/s3/s3_time.h"
#include "storage/s3/s3_xml.h"

namespace lakehouse::storage {
namespace {

constexpr size_t kMaxMessageBytes = 300;

template <size_t N>
bool IsOneOf(std::string_view code, const std::array<std::string_view, N>& codes) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

// Keeps what a server says on one line and short.
std::string Sanitized(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kMaxMessageBytes)) {
    const auto byte = static_cast<unsigned char>(c);
    out.push_back(byte < 0x20 || byte >= 0x7f ? '?' : c);
  }
  return out;
}

// " (PutObject answered 403 AccessDenied: no; s3://lake at http://…)"
std::string Said(const S3Error& error, std::string_view operation, const S3Location& location) {
  std::string out = StrCat(" (", operation, " answered ", error.http_status);
  if (!error.code.empty()) StrAppend(out, " ", Sanitized(error.code));
  if (!error.message.empty()) StrAppend(out, ": ", Sanitized(error.message));
  StrAppend(out, "; ", location.ToString(), ")");
  return out;
}

bool IsWrongRegion(const S3Error& error) {
  static constexpr std::array<std::string_view, 4> kCodes = {
      "PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed",
      "IllegalLocationConstraintException"};
  return IsOneOf(error.code, kCodes) || (error.http_status >= 300 && error.http_status < 400);
}

Status WrongRegion(const S3Error& error, const S3Location& location, const std::string& said) {
  if (!error.region.empty() && error.region != location.region) {
    return Unavailable("the bucket is in another region; set region = \"", Sanitized(error.region),
                       "\", not \"", location.region, "\"", said);
  }
  return Unavailable("the bucket is not served at this endpoint; correct endpoint and region \"",
                     location.region, "\"", said);
}

// The status that goes with an error in the body of a 200.
int StatusOfLateError(std::string_view code) {
  if (code == "PreconditionFailed") return 412;
  if (code == "ConditionalRequestConflict") return 409;
  if (code == "AccessDenied") return 403;
  if (code == "NoSuchUpload" || code == "NoSuchKey" || code == "NoSuchBucket") return 404;
  return 500;
}

// Errors of who signed. The empty code is that of a HEAD.
Status Forbidden(const S3Error& error, Timestamp now, const std::string& said) {
  if (error.code == "SignatureDoesNotMatch") {
    return PermissionDenied(
        "the signature is wrong: the secret_access_key is not the one of this access_key_id", said);
  }
  if (IsUnknownAccessKey(error)) {
    return PermissionDenied("the server does not know the access_key_id", said);
  }
  if (error.code == "RequestTimeTooSkewed") {
    return PermissionDenied("the clocks differ too much, set this machine's or the server's: here ",
                            FormatTimestamp(now), ", there ", FormatTimestamp(error.server_time),
                            said);
  }
  if (IsExpiredCredentials(error)) {
    return PermissionDenied("the session token is not valid or no longer; renew it", said);
  }
  return PermissionDenied("the bucket's credentials may not do this", said);
}

}  // namespace

S3Error ErrorOfAnswer(const net::ClientResponse& answer) {
  const std::optional<S3Error> parsed = ParseS3Error(answer.body);
  S3Error error = parsed.value_or(S3Error());
  error.cut = !parsed && TrimWhitespace(answer.body).starts_with("<?xml");
  error.http_status = answer.status < 300 ? StatusOfLateError(error.code) : answer.status;
  const auto header = [&](std::string_view name) {
    return std::string(answer.headers.Get(name).value_or(""));
  };
  // An answer to HEAD has no body; MinIO says it in headers instead.
  if (error.code.empty()) error.code = header("x-minio-error-code");
  if (error.message.empty()) error.message = header("x-minio-error-desc");
  if (error.region.empty()) error.region = header("x-amz-bucket-region");
  error.server_time = ParseHttpDate(header("date")).value_or(Timestamp());
  return error;
}

bool IsRetryable(const S3Error& error) {
  static constexpr std::array<std::string_view, 8> kCodes = {
      "RequestTimeout", "IncompleteBody",    "BadDigest",
      "InternalError",  "OperationAborted",  "ConditionalRequestConflict",
      "SlowDown",       "ServiceUnavailable"};
  static constexpr std::array<int, 6> kStatuses = {408, 429, 500, 502, 503, 504};
  return error.cut || IsOneOf(error.code, kCodes) || error.code == "XAmzContentSHA256Mismatch" ||
         std::find(kStatuses.begin(), kStatuses.end(), error.http_status) != kStatuses.end();
}

bool MayBeApplied(const S3Error& error) {
  return error.http_status >= 500 && error.http_status != 501 && error.http_status != 507;
}

bool IsUnknownAccessKey(const S3Error& error) {
  // versitygw has a code of its own for it, with status 404.
  return error.code == "InvalidAccessKeyId" || error.code == "XAdminUserNotFound";
}

bool IsExpiredCredentials(const S3Error& error) {
  static constexpr std::array<std::string_view, 3> kCodes = {"ExpiredToken", "InvalidToken",
                                                             "TokenRefreshRequired"};
  return IsOneOf(error.code, kCodes);
}

bool IsImpossibleKey(const S3Error& error) {
  static constexpr std::array<std::string_view, 7> kCodes = {
      "KeyTooLongError",
      "InvalidURI",
      "ObjectParentIsFile",
      "ExistingObjectIsDirectory",
      "XMinioInvalidObjectName",
      "XMinioParentIsObject",
      "XMinioObjectExistsAsDirectory",
  };
  return IsOneOf(error.code, kCodes);
}

Status StatusOfError(const S3Error& error, std::string_view operation, const S3Location& location,
                     Timestamp now) {
  const std::string said = Said(error, operation, location);
  if (IsImpossibleKey(error)) {
    return InvalidArgument("this bucket's server cannot hold the key", said);
  }
  if (error.code == "NoSuchBucket") {
    return Unavailable("the bucket does not exist; create it, or correct bucket and endpoint",
                       said);
  }
  if (IsWrongRegion(error)) return WrongRegion(error, location, said);
  if (IsUnknownAccessKey(error) || IsExpiredCredentials(error) ||
      error.code == "RequestTimeTooSkewed") {
    return Forbidden(error, now, said);
  }
  if (error.code == "NoSuchUpload") return Unavailable("the multipart upload is gone", said);
  if (IsRetryable(error)) return Unavailable("the server is busy or failing", said);
  switch (error.http_status) {
    case 401:
    case 403:
      return Forbidden(error, now, said);
    case 404:
      if (error.code == "NoSuchKey") return NotFound("no object is stored under the key", said);
      return Unavailable("what answers here is no S3 server; correct endpoint", said);
    case 409:
    case 412:
      return Conflict("the object is not as the condition says", said);
    case 416:
      return InvalidArgument("the range begins past the object's end", said);
    case 501:
      return InvalidArgument("the server does not support this request", said);
    case 507:
      return ResourceExhausted("the server has no space left", said);
    default:
      break;
  }
  if (error.http_status >= 500) return Unavailable("the server is failing", said);
  return InvalidArgument("the server refuses the request", said);
}

}  // namespace lakehouse::storage
