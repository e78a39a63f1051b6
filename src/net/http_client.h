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
  int64_t timeout_ms = 0;                     // Of the whole exchange; 0: none.
  size_t max_response_bytes = 1'073'741'824;  // Of a body that no sink takes.
  CancelToken cancel;
  // Called once, when the final answer's head is complete and before its body, also for an error
  // status; an error stops the transfer and is returned as it is.
  std::function<Status(int status, const Headers& headers)> on_head;
};

struct ClientResponse {
  int status = 0;
  Headers headers;
  std::string body;  // Empty when a sink took it.
};

class CurlPool;

// How far an exchange came. Up to kTls the server cannot have acted on the request.
enum class TransferPhase { kResolve, kConnect, kTls, kSend, kAnswer, kDone };

// Receives the body of a 2xx answer piece by piece; an error stops the transfer.
using BodySink = std::function<Status(std::string_view bytes)>;

struct HttpClientOptions {
  std::string ca_file;                 // PEM; "": the system's certificates.
  int64_t connect_timeout_ms = 2'000;  // Name, TCP and TLS together.
  int64_t answer_timeout_ms = 0;  // From the request's end to the answer's first byte; 0: none.
  int64_t stall_timeout_ms = 0;   // Too slow for this long ends the transfer; 0: never.
  int64_t stall_bytes_per_second = 1'024;  // What is too slow; 0: not a byte.
  size_t max_idle_connections = 16;        // Kept open for the next request.
  // Never connects to 169.254.0.0/16, fe80::/10 or the metadata address fd00:ec2::254, whatever the
  // name resolves to.
  bool refuse_link_local = false;
  bool loopback_only = false;  // Connects to this machine only, whatever the name resolves to.
};

// Keeps connections alive between requests. Thread-safe: every concurrent Fetch has a connection of
// its own.
class HttpClient {
 public:
  explicit HttpClient(HttpClientOptions options = {});
  ~HttpClient();

  // Performs one request. An HTTP error status is an answer, not an error. kUnavailable: no
  // connection or it broke, or the answer ended before its Content-Length; kDeadlineExceeded;
  // kCancelled; kInvalidArgument: no http(s) URL, a header with control bytes, a ca_file that
  // cannot be read, or a body of another size than `body_size` (the server then never had all of
  // it); kPermissionDenied: the server's certificate is not trusted, or the address is refused;
  // kResourceExhausted: too large an answer. An error of the request's body or of the sink is
  // returned as it is. The body may be left half read. `reached`, when not null, says how far the
  // exchange came, also on success. A request is sent at most once.
  Result<ClientResponse> Fetch(ClientRequest request, const BodySink& sink = {},
                               TransferPhase* reached = nullptr);

 private:
  const HttpClientOptions options_;
  const std::unique_ptr<CurlPool> pool_;
};

}  // namespace lakehouse::net
