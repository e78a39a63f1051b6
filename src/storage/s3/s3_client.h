// Signed requests to one bucket, one at a time or until one succeeds.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/http_client.h"
#include "storage/s3/s3_error.h"
#include "storage/s3/s3_store.h"
#include "storage/s3/s3_uri.h"

namespace lakehouse::storage {

enum class S3Operation {
  kGetObject,
  kHeadObject,
  kPutObject,
  kDeleteObject,
  kDeleteObjects,
  kListObjects,
  kCreateUpload,
  kUploadPart,
  kCompleteUpload,
  kAbortUpload,
  kListUploads,
};
inline constexpr size_t kS3OperationCount = 11;
// S3's own name, "PutObject".
std::string_view S3OperationName(S3Operation operation);

// Which checksum a request carries, as long as the server takes one.
enum class S3Checksum {
  kNone,
  kBody,       // The CRC-32C of its body, which is an object's.
  kAlgorithm,  // That CRC-32C will be sent with the parts of the upload it begins.
};

// A callback's error ends the exchange and is the outcome's; kUnavailable means that the answer is
// broken and may be asked for again.
struct S3Request {
  S3Operation operation = S3Operation::kGetObject;
  net::Method method = net::Method::kGet;
  std::string key;  // Whole, with the bucket's prefix; "": the bucket itself.
  S3Query query;
  net::Headers headers;                  // Beside those that signing adds.
  std::optional<std::string_view> body;  // Outlives the call.
  S3Checksum checksum = S3Checksum::kNone;

  net::BodySink sink;                                              // As in HttpClient::Fetch.
  std::function<Status(int status, const net::Headers&)> on_head;  // As in ClientRequest.
  // Called before every exchange; may change `headers`, for a read that goes on where it broke.
  std::function<void(S3Request& request)> before;
  // Looks at a 2xx answer.
  std::function<Status(const net::ClientResponse& answer)> check;
};

// What became of a request.
struct S3Outcome {
  Status status;               // Ok for 2xx.
  S3Error error;               // Of one that is not ok: what the server said, if anything.
  net::ClientResponse answer;  // Of one that is ok.
  bool retryable = false;      // The same request may succeed later.
  // The server may have acted on one of the exchanges, or may still do it. Reads never "apply".
  bool may_be_applied = false;
  // The server did not answer one of those exchanges, so it may still be at work on it.
  bool may_be_in_flight = false;

  bool ok() const { return status.ok(); }
};

// The attempts of one request: how many, how far apart, until when. Not thread-safe.
class S3Attempts {
 public:
  // `timeout_ms` replaces the policy's, unless it is 0. The arguments outlive this object.
  S3Attempts(const S3RetryPolicy& policy, const Clock& clock, int64_t timeout_ms = 0);
  int64_t remaining_ms() const;
  // Waits its turn. False when there is no further attempt, or no time for one.
  bool WaitForNext();

 private:
  const S3RetryPolicy& policy_;
  const Clock& clock_;
  const int64_t deadline_micros_;
  int64_t retries_ = 0;
};

class S3Metrics;

// Thread-safe. Invariants:
// 1. Nothing is signed for another host than that of the location.
// 2. A body goes unsigned only over TLS, and only with a checksum of its own.
class S3Client {
 public:
  explicit S3Client(S3StoreOptions options);
  ~S3Client();

  // One exchange, ended after `timeout_ms`. Two things are mended on the way, after answers that
  // say that nothing was done: expired credentials are fetched again, and a server that refuses
  // checksums gets none from then on.
  S3Outcome SendOnce(S3Request& request, int64_t timeout_ms);
  // Repeats what may succeed later, as the retry policy says. For requests that may be applied
  // twice: reads, deletions, writes without a condition. `timeout_ms` as in S3Attempts.
  S3Outcome Send(S3Request request, int64_t timeout_ms = 0);

  const S3StoreOptions& options() const { return options_; }
  Timestamp Now() const { return options_.clock->Now(); }
  // False once the server has refused one.
  bool sends_checksums() const { return sends_checksums_.load(std::memory_order_relaxed); }
  void CountRetry(S3Operation operation) const;

 private:
  S3Outcome Exchange(S3Request& request, bool with_checksum, int64_t timeout_ms);
  Result<net::ClientRequest> Sign(const S3Request& request, bool with_checksum) const;
  S3Outcome Judge(const S3Request& request, net::ClientResponse answer);
  // An answer to HEAD has no body, so no code: asks with a GET whether the bucket is missing or
  // only the key, or what is wrong with the request.
  void ExplainSilence(S3Outcome& outcome, const S3Request& head, int64_t timeout_ms);

  const S3StoreOptions options_;
  net::HttpClient http_;
  const bool tls_;
  const std::unique_ptr<S3Metrics> metrics_;
  std::atomic<bool> sends_checksums_{true};
  std::atomic<bool> bucket_seen_{false};  // Some answer showed that the bucket exists.
};

}  // namespace lakehouse::storage
