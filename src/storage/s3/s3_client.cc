#include "storage/s3/s3_client.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "base/hash.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/strings.h"
#include "storage/s3/s3_checksum.h"
#include "storage/s3/s3_metrics.h"
#include "storage/s3/s3_xml.h"
#include "storage/s3/sigv4.h"

namespace lakehouse::storage {
namespace {

constexpr int64_t kMicrosPerMilli = 1'000;
constexpr size_t kMaxDocumentBytes = 64 << 20;

// Reads bytes that live elsewhere.
class ViewSource : public ByteSource {
 public:
  explicit ViewSource(std::string_view bytes) : rest_(bytes) {}
  Result<size_t> Read(std::span<char> buffer) override {
    const size_t count = std::min(buffer.size(), rest_.size());
    std::copy_n(rest_.begin(), count, buffer.begin());
    rest_.remove_prefix(count);
    return count;
  }

 private:
  std::string_view rest_;
};

bool IsWrite(net::Method method) {
  return method != net::Method::kGet && method != net::Method::kHead;
}

// True when the server may dislike the checksum rather than the request.
bool MayRefuseChecksum(const S3Error& error) {
  return error.http_status == 501 ||
         (error.http_status == 400 &&
          (error.code == "InvalidRequest" || error.code == "InvalidArgument" ||
           error.code == "NotImplemented" || error.code.empty()));
}

S3Outcome Failed(Status status, bool retryable = false) {
  S3Outcome outcome;
  outcome.status = std::move(status);
  outcome.retryable = retryable;
  return outcome;
}

}  // namespace

std::string_view S3OperationName(S3Operation operation) {
  static constexpr std::array<std::string_view, kS3OperationCount> kNames = {
      "GetObject",
      "HeadObject",
      "PutObject",
      "DeleteObject",
      "DeleteObjects",
      "ListObjectsV2",
      "CreateMultipartUpload",
      "UploadPart",
      "CompleteMultipartUpload",
      "AbortMultipartUpload",
      "ListMultipartUploads"};
  return kNames[static_cast<size_t>(operation)];
}

S3Attempts::S3Attempts(const S3RetryPolicy& policy, const Clock& clock, int64_t timeout_ms)
    : policy_(policy),
      clock_(clock),
      deadline_micros_(clock.MonotonicMicros() +
                       (timeout_ms == 0 ? policy.operation_timeout_ms : timeout_ms) *
                           kMicrosPerMilli) {}

int64_t S3Attempts::remaining_ms() const {
  return (deadline_micros_ - clock_.MonotonicMicros()) / kMicrosPerMilli;
}

bool S3Attempts::WaitForNext() {
  if (retries_ >= policy_.max_retries) return false;
  int64_t wait_ms = std::max<int64_t>(policy_.first_wait_ms, 0);
  for (int64_t i = 0; i < retries_ && wait_ms < policy_.max_wait_ms; ++i) wait_ms *= 2;
  wait_ms = std::min(wait_ms, policy_.max_wait_ms);
  ++retries_;
  // Clients that failed together must not come back together.
  const int64_t half = wait_ms / 2;
  if (half > 0)
    wait_ms = half + static_cast<int64_t>(Rng::FromSystem().Below(static_cast<uint64_t>(half) + 1));
  if (wait_ms >= remaining_ms()) return false;
  std::this_thread::sleep_for(std::chrono::milliseconds(wait_ms));
  return true;
}

S3Client::S3Client(S3StoreOptions options)
    : options_(std::move(options)),
      http_([this] {
        net::HttpClientOptions http = options_.http;
        http.refuse_link_local = true;
        return http;
      }()),
      tls_(options_.location.endpoint.starts_with("https://")),
      metrics_(std::make_unique<S3Metrics>(options_.metrics, options_.metrics_label)) {}

S3Client::~S3Client() = default;

Result<net::ClientRequest> S3Client::Sign(const S3Request& request, bool with_checksum) const {
  ASSIGN_OR_RETURN(const S3Credentials credentials, options_.credentials->Get());
  const S3Target target = TargetOf(options_.location, request.key);
  const std::string query = EncodeQuery(request.query);
  net::ClientRequest http;
  http.method = request.method;
  http.url = query.empty() ? target.url : StrCat(target.url, "?", query);
  http.headers = request.headers;
  http.headers.Set("host", target.host);
  const std::string_view body = request.body.value_or(std::string_view());
  const bool body_checksum = with_checksum && request.checksum == S3Checksum::kBody;
  if (body_checksum) http.headers.Set("x-amz-checksum-crc32c", Crc32cBase64(Crc32c(body)));
  if (with_checksum && request.checksum == S3Checksum::kAlgorithm) {
    http.headers.Set("x-amz-checksum-algorithm", "CRC32C");
  }
  const std::string payload_hash =
      tls_ && body_checksum ? std::string(kUnsignedPayload) : Sha256Hex(body);
  http.headers.Set("x-amz-content-sha256", payload_hash);
  SignRequest({.method = net::MethodName(request.method),
               .path = target.path,
               .query = query,
               .payload_hash = payload_hash},
              {.region = options_.location.region, .time = Now()}, credentials, http.headers);
  if (request.body) {
    http.body = std::make_unique<ViewSource>(body);
    http.body_size = static_cast<int64_t>(body.size());
  }
  http.max_response_bytes = kMaxDocumentBytes;
  return http;
}

S3Outcome S3Client::Exchange(S3Request& request, bool with_checksum, int64_t timeout_ms) {
  if (timeout_ms <= 0) {
    return Failed(
        DeadlineExceeded("no time is left for the request: ", S3OperationName(request.operation),
                         " at ", options_.location.ToString()));
  }
  if (request.before) request.before(request);
  Result<net::ClientRequest> http = Sign(request, with_checksum);
  if (!http.ok()) {
    return Failed(http.status(), http.status().code() == StatusCode::kUnavailable);
  }
  http->timeout_ms = timeout_ms;
  http->on_head = request.on_head;
  uint64_t received = 0;
  net::BodySink sink;
  if (request.sink) {
    sink = [&](std::string_view bytes) {
      received += bytes.size();
      return request.sink(bytes);
    };
  }
  net::TransferPhase reached = net::TransferPhase::kResolve;
  Result<net::ClientResponse> answer = http_.Fetch(*std::move(http), sink, &reached);
  S3Outcome outcome;
  if (answer.ok()) {
    received += answer->body.size();
    outcome = Judge(request, *std::move(answer));
  } else {
    const StatusCode code = answer.status().code();
    outcome.status = answer.status();
    outcome.retryable = code == StatusCode::kUnavailable || code == StatusCode::kDeadlineExceeded;
    outcome.may_be_applied = IsWrite(request.method) && reached > net::TransferPhase::kTls;
    outcome.may_be_in_flight = outcome.may_be_applied;
  }
  metrics_->CountBytes(request.body ? request.body->size() : 0, received);
  return outcome;
}

S3Outcome S3Client::Judge(const S3Request& request, net::ClientResponse answer) {
  S3Outcome outcome;
  const bool success = answer.status >= 200 && answer.status < 300;
  // The server begins this answer before it knows how the operation ends.
  const bool late_error =
      request.operation == S3Operation::kCompleteUpload && ParseS3Error(answer.body).has_value();
  if (success && !late_error) {
    bucket_seen_.store(true, std::memory_order_relaxed);
    if (request.check) outcome.status = request.check(answer);
    outcome.retryable = outcome.status.code() == StatusCode::kUnavailable;
    outcome.may_be_applied = IsWrite(request.method) && !outcome.ok();
    outcome.answer = std::move(answer);
    return outcome;
  }
  outcome.error = ErrorOfAnswer(answer);
  if (outcome.error.code == "NoSuchKey") bucket_seen_.store(true, std::memory_order_relaxed);
  outcome.retryable = IsRetryable(outcome.error);
  outcome.may_be_applied = IsWrite(request.method) && MayBeApplied(outcome.error);
  // A gateway that gave up waiting does not know what happens behind it.
  outcome.may_be_in_flight =
      outcome.may_be_applied && (answer.status == 502 || answer.status == 504);
  outcome.status =
      StatusOfError(outcome.error, S3OperationName(request.operation), options_.location, Now());
  return outcome;
}

void S3Client::ExplainSilence(S3Outcome& outcome, const S3Request& head, int64_t timeout_ms) {
  const bool missing = outcome.error.http_status == 404;
  if (missing && bucket_seen_.load(std::memory_order_relaxed)) {
    outcome.error.code = "NoSuchKey";
  } else {
    S3Request request;
    request.key = head.key;
    request.headers.Set("range", "bytes=0-0");
    const S3Outcome get = Exchange(request, /*with_checksum=*/false, timeout_ms);
    if (!get.ok() && get.error.http_status == 0) {
      outcome = get;
      return;
    }
    if (!get.error.code.empty()) outcome.error = get.error;
    if (missing && get.ok()) outcome.error.code = "NoSuchKey";  // It came in between.
  }
  outcome.retryable = IsRetryable(outcome.error);
  outcome.status =
      StatusOfError(outcome.error, S3OperationName(head.operation), options_.location, Now());
}

S3Outcome S3Client::SendOnce(S3Request& request, int64_t timeout_ms) {
  const Clock& clock = *options_.clock;
  const int64_t deadline = clock.MonotonicMicros() + timeout_ms * kMicrosPerMilli;
  const auto remaining_ms = [&] { return (deadline - clock.MonotonicMicros()) / kMicrosPerMilli; };
  bool with_checksum = request.checksum != S3Checksum::kNone && sends_checksums();
  bool refreshed = false;
  std::string refused_code;
  while (true) {
    const int64_t start = clock.MonotonicMicros();
    S3Outcome outcome = Exchange(request, with_checksum, remaining_ms());
    const int status = outcome.error.http_status;
    if (request.operation == S3Operation::kHeadObject && outcome.error.code.empty() &&
        (status == 400 || status == 403 || status == 404)) {
      ExplainSilence(outcome, request, remaining_ms());
    }
    metrics_->Count(request.operation, outcome,
                    static_cast<double>(clock.MonotonicMicros() - start) / 1e6);
    if (!refreshed && IsExpiredCredentials(outcome.error)) {
      refreshed = true;
      options_.credentials->Invalidate();
      continue;
    }
    if (with_checksum && MayRefuseChecksum(outcome.error)) {
      with_checksum = false;
      refused_code = StrCat(outcome.error.http_status, " ", outcome.error.code);
      continue;
    }
    if (outcome.ok() && !refused_code.empty() && sends_checksums_.exchange(false)) {
      LogWarning("the server refuses checksums; it gets none from now on",
                 {{"bucket", options_.location.ToString()}, {"answer", refused_code}});
    }
    return outcome;
  }
}

S3Outcome S3Client::Send(S3Request request, int64_t timeout_ms) {
  S3Attempts attempts(options_.retry, *options_.clock, timeout_ms);
  bool may_be_applied = false;
  bool may_be_in_flight = false;
  while (true) {
    S3Outcome outcome = SendOnce(request, attempts.remaining_ms());
    may_be_applied |= outcome.may_be_applied;
    may_be_in_flight |= outcome.may_be_in_flight;
    if (outcome.ok() || !outcome.retryable || !attempts.WaitForNext()) {
      outcome.may_be_applied = may_be_applied && !outcome.ok();
      outcome.may_be_in_flight = may_be_in_flight && !outcome.ok();
      return outcome;
    }
    CountRetry(request.operation);
  }
}

void S3Client::CountRetry(S3Operation operation) const { metrics_->CountRetry(operation); }

}  // namespace lakehouse::storage
