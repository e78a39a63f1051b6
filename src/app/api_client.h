// How commands reach the API: over HTTP to a running server, or in process on a data directory that
// nobody serves. Both speak to the same routes, so a command has one way of working.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/byte_source.h"
#include "base/cancel.h"
#include "base/config.h"
#include "base/json.h"
#include "base/secrets.h"
#include "base/status.h"
#include "net/http_message.h"

namespace lakehouse::app {

// One call of the API.
struct ApiCall {
  net::Method method = net::Method::kGet;
  std::string target;  // Path and query, encoded: "/vectors/jobs/01…".
  std::string json;    // Body, unless `body` is set.
  std::unique_ptr<ByteSource> body;
  std::string content_type = "application/json";
  int64_t body_size = -1;  // Of `body`; -1: unknown.
  net::Headers headers;
  CancelToken cancel;
};

struct ApiAnswer {
  int http_status = 200;
  std::string body;

  bool ok() const { return http_status < 400; }
  // The body as JSON; kInternal when it is none.
  Result<Json> ParseBody() const;
  // The problem of a failed answer as a Status, with the code the server named.
  Status problem() const;
};

// Not thread-safe.
class ApiClient {
 public:
  virtual ~ApiClient() = default;
  // Performs one call. A failed answer is an answer; kUnavailable: nobody answered.
  virtual Result<ApiAnswer> Call(ApiCall call) = 0;
  // True when work goes on after this process ends.
  virtual bool remote() const = 0;
};

struct ConnectOptions {
  std::string server;  // URL; "" to look for one.
  std::string data_dir;
  std::string command;  // For the lock file.
  const Config* config = nullptr;
  const SecretStore* secrets = nullptr;
  bool run_jobs = false;
};

// Returns a client of `server`, else of the server that owns `data_dir`, else one in process.
// Waits up to 5 s for another command that works on `data_dir` in process.
Result<std::unique_ptr<ApiClient>> ConnectApi(const ConnectOptions& options);

}  // namespace lakehouse::app
