// A blocking HTTP/1.1 client on libcurl. Follows no redirects, uses no proxy.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/byte_source.h"
#include "base/cancel.h"
#include "base/status.h"
#include "net/http_message.h"

namespace lakehouse::net {

struct ClientRequest {
  Method method = Method::kGet;
  std::string url;
  Headers headers;
  std::unique_ptr<ByteSource> body;  // Null for none. Sent chunked unless `body_size` is known.
  int64_t body_size = -1;
  int64_t connect_timeout_ms = 2'000;
  int64_t timeout_ms = 0;                     // 0: none.
  size_t max_response_bytes = 1'073'741'824;  // Of a body that no sink takes.
  CancelToken cancel;
};

struct ClientResponse {
  int status = 0;
  Headers headers;
  std::string body;  // Empty when a sink took it.
};

// Receives the body of a 2xx answer piece by piece; an error stops the transfer.
using BodySink = std::function<Status(std::string_view bytes)>;

// Performs one request. An HTTP error status is an answer, not an error. kUnavailable: no
// connection or it broke; kDeadlineExceeded; kCancelled; kInvalidArgument: no http(s) URL, or a
// header with control bytes; kResourceExhausted: too large an answer. An error of the request's
// body or of the sink is returned as it is. The body may be left half read. Thread-safe.
Result<ClientResponse> Fetch(ClientRequest request, const BodySink& sink = {});

}  // namespace lakehouse::net
