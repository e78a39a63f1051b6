// Requests to one model server.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "ai/remote/circuit_breaker.h"
#include "ai/remote/request_gate.h"
#include "ai/remote/retry_policy.h"
#include "ai/remote/server_address.h"
#include "ai/remote/server_failure.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/rng.h"
#include "base/secrets.h"
#include "net/http_client.h"

namespace lakehouse::ai {

struct ServerClientOptions {
  std::string provider;  // For metrics and logs.
  ServerAddress address;
  Secret key;  // "": no request carries one.
  std::string ca_file;
  size_t max_concurrent_requests = 1;
  int64_t request_timeout_ms = 0;  // Also the longest silence in a stream.
  int64_t load_timeout_ms = 0;     // The longest wait for a stream to begin.
  RetryPolicy retry;
  BreakerPolicy breaker;
  MetricsRegistry* metrics = nullptr;  // Outlives the client, as below.
  const Clock* clock = nullptr;
};

// Which bound on requests at once a request falls under.
enum class RequestKind {
  kWork,      // Embeds or reranks.
  kGenerate,  // Has as many places of its own: it lasts as long as its text.
  kControl,   // None: short, and asked for to find out what the others do.
};

struct ServerRequest {
  net::Method method = net::Method::kPost;
  std::string path;  // "/api/embed".
  std::string body;  // JSON; "": none.
  RequestKind kind = RequestKind::kControl;
  Urgency urgency = Urgency::kInteractive;
  int64_t timeout_ms = 0;
  bool repeatable = true;  // May be sent again after the server may have acted on it.
  size_t max_answer_bytes = 64 << 20;
  CancelToken cancel;
};

struct ServerAnswer {
  ServerFailure failure;  // Ok for 2xx.
  std::string body;

  bool ok() const { return failure.ok(); }
};

// Bounds requests at once, retries where that is safe, and stops asking a server that is not there.
// Nothing that it returns, counts or logs holds the key. Thread-safe.
class ServerClient {
 public:
  explicit ServerClient(ServerClientOptions options);
  ~ServerClient();

  // Sends a request until it succeeds, may not be repeated, or the retries are used up.
  ServerAnswer Send(const ServerRequest& request);
  // The same, for a JSON object or array.
  Result<Json> SendForJson(const ServerRequest& request);
  // Sends it once, also where the breaker would not.
  Status Ping(const ServerRequest& request);
  // Sends it once, or again as long as no connection was made; the body of a 2xx answer goes to
  // `sink`. Without a limit on the whole: a stream may last as long as it moves.
  ServerFailure Stream(const ServerRequest& request, const net::BodySink& sink);

  const ServerClientOptions& options() const { return options_; }
  // For failures that are found in the content of answers.
  std::string UrlOf(const ServerRequest& request) const;

 private:
  enum Outcome { kOk, kRefused, kFailed, kUnreachable, kTimeout, kCancelled, kRejected };
  static constexpr size_t kOutcomeCount = 7;

  net::HttpClientOptions HttpOptions() const;
  net::ClientRequest MakeHttpRequest(const ServerRequest& request) const;
  ServerAnswer SendTo(const net::BodySink& sink, const ServerRequest& request);
  // Waits for a place, asks the breaker and sends the request once.
  ServerAnswer Attempt(const ServerRequest& request, const net::BodySink& sink,
                       net::TransferPhase& reached);
  ServerAnswer Exchange(const ServerRequest& request, const net::BodySink& sink,
                        net::TransferPhase& reached);
  // Waits before the next attempt; false when there is none.
  bool WaitToRetry(const ServerFailure& failure, int64_t retry, const CancelToken& cancel);
  void Count(const ServerFailure& failure);

  const ServerClientOptions options_;
  net::HttpClient http_;
  net::HttpClient streaming_http_;
  RequestGate work_;
  RequestGate generations_;
  std::array<Counter*, kOutcomeCount> outcomes_;
  Counter& retries_;
  Histogram& seconds_;
  CircuitBreaker breaker_;
  Mutex mutex_;
  Rng rng_ GUARDED_BY(mutex_);
};

}  // namespace lakehouse::ai
