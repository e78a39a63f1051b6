#include "ai/remote/server_client.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "base/strings.h"

namespace lakehouse::ai {
namespace {

constexpr std::array<std::string_view, 7> kOutcomeNames = {
    "ok", "refused", "failed", "unreachable", "timeout", "cancelled", "rejected"};
// Connections of the control requests, beside those of the gates.
constexpr size_t kSpareConnections = 2;

bool IsSuccess(int status) { return status >= 200 && status < 300; }

}  // namespace

ServerClient::ServerClient(ServerClientOptions options)
    : options_(std::move(options)),
      http_(HttpOptions()),
      streaming_http_([this] {
        net::HttpClientOptions http = HttpOptions();
        http.answer_timeout_ms = options_.load_timeout_ms;
        http.stall_timeout_ms = options_.request_timeout_ms;
        http.stall_bytes_per_second = 0;
        return http;
      }()),
      work_(options_.max_concurrent_requests),
      generations_(options_.max_concurrent_requests),
      retries_(options_.metrics->GetCounter("lakehouse_model_retries_total",
                                            "Requests to model servers that were sent again.",
                                            {{"provider", options_.provider}})),
      seconds_(options_.metrics->GetHistogram(
          "lakehouse_model_request_seconds",
          "Time of one exchange with a model server, waits for a place and retries left out.",
          {{"provider", options_.provider}})),
      breaker_(options_.breaker, *options_.clock,
               &options_.metrics->GetGauge(
                   "lakehouse_model_breaker_state",
                   "Whether a model server is asked: 0 yes, 1 no, 2 one request tries.",
                   {{"provider", options_.provider}})),
      rng_(Rng::FromSystem()) {
  for (size_t i = 0; i < kOutcomeCount; ++i) {
    outcomes_[i] = &options_.metrics->GetCounter(
        "lakehouse_model_requests_total", "Requests to model servers by how they ended.",
        {{"provider", options_.provider}, {"outcome", std::string(kOutcomeNames[i])}});
  }
}

ServerClient::~ServerClient() = default;

net::HttpClientOptions ServerClient::HttpOptions() const {
  net::HttpClientOptions http;
  http.ca_file = options_.ca_file;
  http.refuse_link_local = true;
  http.loopback_only = options_.address.loopback_only;
  http.max_idle_connections = options_.max_concurrent_requests + kSpareConnections;
  return http;
}

std::string ServerClient::UrlOf(const ServerRequest& request) const {
  return StrCat(options_.address.base_url, request.path);
}

net::ClientRequest ServerClient::MakeHttpRequest(const ServerRequest& request) const {
  net::ClientRequest http;
  http.method = request.method;
  http.url = UrlOf(request);
  http.headers.Set("accept", "application/json, text/event-stream, application/x-ndjson");
  if (!options_.key.empty()) {
    http.headers.Set("authorization", StrCat("Bearer ", options_.key.Reveal()));
  }
  if (!request.body.empty()) {
    http.headers.Set("content-type", "application/json");
    http.body = std::make_unique<StringSource>(request.body);
    http.body_size = static_cast<int64_t>(request.body.size());
  }
  http.max_response_bytes = request.max_answer_bytes;
  http.cancel = request.cancel;
  return http;
}

ServerAnswer ServerClient::Exchange(const ServerRequest& request, const net::BodySink& sink,
                                    net::TransferPhase& reached) {
  const int64_t start = options_.clock->MonotonicMicros();
  net::ClientRequest http = MakeHttpRequest(request);
  http.timeout_ms = sink ? 0 : request.timeout_ms;
  net::HttpClient& client = sink ? streaming_http_ : http_;
  Status refused_by_sink;
  net::BodySink noting;
  if (sink) {
    noting = [&](std::string_view bytes) {
      refused_by_sink = sink(bytes);
      return refused_by_sink;
    };
  }
  Result<net::ClientResponse> answer = client.Fetch(std::move(http), noting, &reached);
  seconds_.Observe(static_cast<double>(options_.clock->MonotonicMicros() - start) / 1e6);
  ServerAnswer outcome;
  if (!refused_by_sink.ok()) {
    outcome.failure = {.status = refused_by_sink};
  } else if (!answer.ok()) {
    outcome.failure = FailureOfTransfer(answer.status());
  } else if (!IsSuccess(answer->status)) {
    const std::string url = UrlOf(request);
    outcome.failure =
        FailureOfAnswer(*answer, {net::MethodName(request.method), url}, options_.key);
  } else {
    outcome.body = std::move(answer->body);
  }
  return outcome;
}

ServerAnswer ServerClient::Attempt(const ServerRequest& request, const net::BodySink& sink,
                                   net::TransferPhase& reached) {
  std::optional<RequestGate::Place> place;
  if (request.kind != RequestKind::kControl) {
    RequestGate& gate = request.kind == RequestKind::kWork ? work_ : generations_;
    Result<RequestGate::Place> entered = gate.Enter(request.urgency, request.cancel);
    if (!entered.ok()) return {.failure = {.status = entered.status()}, .body = {}};
    place.emplace(*std::move(entered));
  }
  Result<CircuitBreaker::Pass> pass = breaker_.Admit();
  if (!pass.ok()) {
    outcomes_[kRejected]->Add();
    return {.failure = {.status = pass.status()}, .body = {}};
  }
  ServerAnswer answer = Exchange(request, sink, reached);
  if (const Status stopped = request.cancel.Check(); !answer.ok() && !stopped.ok()) {
    answer.failure = {.status = stopped};
    outcomes_[kCancelled]->Add();
    return answer;
  }
  Count(answer.failure);
  if (answer.failure.unreachable) {
    pass->Failed(answer.failure.status);
  } else {
    pass->Reached();
  }
  return answer;
}

bool ServerClient::WaitToRetry(const ServerFailure& failure, int64_t retry,
                               const CancelToken& cancel) {
  if (!failure.retryable || retry >= options_.retry.max_retries) return false;
  int64_t wait_ms = 0;
  {
    const MutexLock lock(mutex_);
    wait_ms = BackOffMs(options_.retry, retry, rng_);
  }
  if (failure.retry_after_ms) {
    if (*failure.retry_after_ms > options_.retry.max_asked_wait_ms) return false;
    wait_ms = std::max(wait_ms, *failure.retry_after_ms);
  }
  if (!Pause(wait_ms, *options_.clock, cancel).ok()) return false;
  retries_.Add();
  return true;
}

ServerAnswer ServerClient::SendTo(const net::BodySink& sink, const ServerRequest& request) {
  for (int64_t retry = 0;; ++retry) {
    net::TransferPhase reached = net::TransferPhase::kResolve;
    ServerAnswer answer = Attempt(request, sink, reached);
    const bool may_repeat = request.repeatable || reached <= net::TransferPhase::kTls;
    if (answer.ok() || !may_repeat || !WaitToRetry(answer.failure, retry, request.cancel)) {
      // Whoever stopped the wait wants to know that, and not what was waited for.
      const Status stopped = request.cancel.Check();
      if (!answer.ok() && !stopped.ok()) answer.failure = {.status = stopped};
      return answer;
    }
  }
}

ServerAnswer ServerClient::Send(const ServerRequest& request) { return SendTo({}, request); }

ServerFailure ServerClient::Stream(const ServerRequest& request, const net::BodySink& sink) {
  return SendTo(sink, request).failure;
}

Result<Json> ServerClient::SendForJson(const ServerRequest& request) {
  const ServerAnswer answer = Send(request);
  TRY(answer.failure.status);
  Result<Json> json = ParseJson(answer.body);
  if (json.ok() && json->is_structured()) return json;
  const std::string url = UrlOf(request);
  return FailureOfContent(answer.body, {net::MethodName(request.method), url}).status;
}

Status ServerClient::Ping(const ServerRequest& request) {
  net::TransferPhase reached = net::TransferPhase::kResolve;
  const ServerAnswer answer = Exchange(request, {}, reached);
  Count(answer.failure);
  if (!answer.failure.unreachable) breaker_.NoteReached();
  return answer.failure.status;
}

void ServerClient::Count(const ServerFailure& failure) {
  Outcome outcome = kOk;
  switch (failure.status.code()) {
    case StatusCode::kOk:
      break;
    case StatusCode::kUnavailable:
      outcome = failure.unreachable ? kUnreachable : kFailed;
      break;
    case StatusCode::kDeadlineExceeded:
      outcome = kTimeout;
      break;
    case StatusCode::kCancelled:
      outcome = kCancelled;
      break;
    default:
      outcome = kRefused;
      break;
  }
  outcomes_[outcome]->Add();
}

}  // namespace lakehouse::ai
