// Objects in a bucket of an S3-compatible server.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/config.h"
#include "base/metrics.h"
#include "net/http_client.h"
#include "storage/object_store.h"
#include "storage/s3/credentials.h"

namespace lakehouse::storage {

// Where a bucket is. Two buckets are the same one when endpoint, bucket and prefix are.
struct S3Location {
  std::string endpoint;  // "http(s)://host[:port]", never with a path or user.
  std::string region;
  std::string bucket;
  std::string prefix;  // "" or "a/b/".
  bool path_style = true;

  // Checks and completes what the configuration says. kInvalidArgument names the setting.
  static Result<S3Location> FromConfig(const BucketConfig& config);
  // "s3://bucket/prefix at http://host:9000", without secrets.
  std::string ToString() const;
};

// What is done about a request that fails. Waiting doubles from `first_wait_ms` to `max_wait_ms`,
// each wait drawn between half of that and all of it.
struct S3RetryPolicy {
  int64_t max_retries = 4;
  int64_t first_wait_ms = 50;
  int64_t max_wait_ms = 5'000;
  // Every operation ends by then, retries included. One of many requests (the parts of an object,
  // the pages of a listing, the batches of a deletion) has this time for each of them.
  int64_t operation_timeout_ms = 60'000;
};

struct S3StoreOptions {
  S3Location location;
  std::shared_ptr<CredentialsProvider> credentials;  // Shared with the bucket's probe.
  net::HttpClientOptions http;
  S3RetryPolicy retry;
  // From this size on a file is sent in parts, and a read is split, `parallel_requests` at a time.
  size_t part_bytes = 16 << 20;
  int parallel_requests = 4;
  std::string metrics_label;           // The bucket's name.
  MetricsRegistry* metrics = nullptr;  // Null: none. Outlives the store.
  const Clock* clock = &Clock::System();
};

// An ObjectStore over the S3 REST API (AWS Signature Version 4, ListObjectsV2, multipart upload,
// conditional writes). Opening sends nothing. Every written object carries its CRC-32C, where the
// server takes one, and the id of the write that made it, so that a write whose answer was lost is
// recognised as done, repeated or reported as kCommitStateUnknown; a 412 alone is never taken for
// somebody else's write. Retries: only what is idempotent or provably not applied.
//
// Keys: what the server cannot hold (file-backed ones: a segment over 255 bytes, or a key below
// another key) is refused with kInvalidArgument and changes nothing. MinIO takes a key below
// another key, as "a/b" below "a", and then lists only "a": nothing may be stored under a key that
// others have as a directory.
class S3Store : public ObjectStore {
 public:
  static Result<std::unique_ptr<S3Store>> Open(S3StoreOptions options);

  // Ends the multipart uploads below the prefix that were begun before `before`: what killed
  // processes left. Returns how many.
  virtual Result<size_t> AbortStaleUploads(Timestamp before) = 0;
};

}  // namespace lakehouse::storage
