#include "gateway/problem.h"

#include <string>

#include "base/check.h"
#include "base/json.h"
#include "base/log.h"
#include "gateway/gateway.h"

namespace lakehouse::gateway {
namespace {

net::Response Render(int http_status, StatusCode code, std::string_view detail,
                     std::string_view request_id) {
  const Json body = {{"type", "about:blank"},        {"title", net::ReasonPhrase(http_status)},
                     {"status", http_status},        {"detail", detail},
                     {"code", StatusCodeName(code)}, {"request_id", request_id}};
  net::Response response;
  response.status = http_status;
  response.headers.Set("Content-Type", "application/problem+json");
  if (http_status == 429 || http_status == 503) response.headers.Set("Retry-After", "1");
  response.body = DumpJson(body);
  return response;
}

// The code of an error that only HTTP knows.
StatusCode CodeOf(int http_status) {
  switch (http_status) {
    case 403:
      return StatusCode::kPermissionDenied;
    case 404:
      return StatusCode::kNotFound;
    case 408:
      return StatusCode::kDeadlineExceeded;
    case 413:
    case 431:
      return StatusCode::kResourceExhausted;
    case 500:
      return StatusCode::kInternal;
    case 503:
      return StatusCode::kUnavailable;
    default:
      return StatusCode::kInvalidArgument;
  }
}

constexpr std::string_view kInternalDetail =
    "an internal error; its cause stands in the server's log under this request_id";

}  // namespace

int HttpStatusOf(StatusCode code) {
  switch (code) {
    case StatusCode::kOk:
      break;
    case StatusCode::kInvalidArgument:
      return 400;
    case StatusCode::kUnauthenticated:
      return 401;
    case StatusCode::kOutOfScope:
    case StatusCode::kPermissionDenied:
      return 403;
    case StatusCode::kNotFound:
      return 404;
    case StatusCode::kConflict:
      return 409;
    case StatusCode::kCancelled:
      return 499;
    case StatusCode::kInternal:
      return 500;
    case StatusCode::kUnavailable:
    case StatusCode::kCommitStateUnknown:
      return 503;
    case StatusCode::kDeadlineExceeded:
      return 504;
    case StatusCode::kResourceExhausted:
      return 507;
  }
  CHECK(false);
}

net::Response ProblemFromStatus(const Status& status, std::string_view request_id) {
  const int http_status = HttpStatusOf(status.code());
  if (status.code() != StatusCode::kInternal) {
    return Render(http_status, status.code(), status.message(), request_id);
  }
  LogError("internal error", {{"request_id", request_id}, {"error", status.message()}});
  return Render(http_status, status.code(), kInternalDetail, request_id);
}

net::Response TooLarge(std::string_view detail, std::string_view request_id) {
  return Render(413, StatusCode::kResourceExhausted, detail, request_id);
}

net::Response ProblemResponse(int http_status, std::string_view detail,
                              std::string_view request_id) {
  const StatusCode code = CodeOf(http_status);
  return Render(http_status, code, code == StatusCode::kInternal ? kInternalDetail : detail,
                request_id);
}

}  // namespace lakehouse::gateway
