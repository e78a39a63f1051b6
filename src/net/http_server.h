// An HTTP/1.1 server (RFC 9112) on Asio coroutines: a few IO threads move bytes, a bounded pool of
// workers runs handlers, so a long request never blocks a short one.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/metrics.h"
#include "base/status.h"
#include "net/http_message.h"

namespace lakehouse::net {

struct HttpServerOptions {
  std::string host = "127.0.0.1";
  uint16_t port = 0;  // 0: any free port.
  int io_threads = 1;
  int worker_threads = 8;
  int max_connections = 1024;
  int max_queued_requests = 256;       // Beyond: 503 with Retry-After.
  uint64_t max_header_bytes = 32'768;  // Of the request line and all fields, of which 100.
  uint64_t max_body_bytes = 0;         // Any body; a route may be stricter.
  int64_t header_timeout_ms = 10'000;
  // Refuses a body of which less than 4 KiB arrive in this time (waiting for the handler does not
  // count): a slow drip is as dead as silence. Drops a client that takes longer for 64 KiB.
  int64_t body_idle_timeout_ms = 30'000;
  int64_t keep_alive_timeout_ms = 75'000;
  // True for requests that must work when every worker is busy (health, cancellation): they run on
  // a thread of their own. Called on an IO thread; must not block. May be empty.
  std::function<bool(const Request&)> urgent;
  MetricsRegistry* metrics = nullptr;  // Outlives the server; may be null.
};

// The application behind the server: called on a worker thread for every well-formed request.
using Application = std::function<Response(Request&)>;
// Renders an error that is found before the application runs (400, 403, 408, 413, 417, 431, 501,
// 503, 505) or that it threw (500).
using ErrorRenderer =
    std::function<Response(int http_status, std::string_view detail, std::string_view request_id)>;

// Bound to a loopback address, it refuses requests for other host names and from pages of other
// origins (DNS rebinding). Answers carry X-Request-Id: the client's, when it is 1 to 64 of
// [A-Za-z0-9_-], else a new one. Thread-safe. Destruction stops it.
class HttpServer {
 public:
  virtual ~HttpServer() = default;
  // Binds, listens and starts serving. kUnavailable when the address is taken (names it),
  // kInvalidArgument when it is no address.
  static Result<std::unique_ptr<HttpServer>> Start(const HttpServerOptions& options,
                                                   Application application, ErrorRenderer errors);
  virtual uint16_t port() const = 0;
  // Stops accepting, closes idle connections, lets running requests finish for `drain_ms`, then
  // cancels them and waits for their handlers. Idempotent.
  virtual void Shutdown(int64_t drain_ms) = 0;
};

}  // namespace lakehouse::net
