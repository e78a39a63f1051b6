// The end of a write: what its answers, or their absence, say about whether it happened.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "storage/object_store.h"
#include "storage/s3/s3_client.h"
#include "storage/s3/s3_reader.h"

namespace lakehouse::storage {

inline constexpr std::string_view kObjectContentType = "application/octet-stream";

// One write of one object. The id goes with the object, so that it can be told from others.
struct S3Write {
  std::string key;  // Without the bucket's prefix.
  uint64_t size_bytes = 0;
  std::string id;
  PutCondition condition;

  bool conditional() const { return condition.if_absent || condition.if_version.has_value(); }
};

// One exchange that makes the object visible, and the version that its answer names.
struct S3Sent {
  S3Outcome outcome;
  std::string version;
};
using S3Send = std::function<S3Sent(int64_t timeout_ms)>;

// The headers of the write's condition.
void AddCondition(const PutCondition& condition, net::Headers& headers);

// Calls `send` until the write happened, cannot happen, or its fate cannot be told:
// - An answer that was lost, or that says that the server failed, is followed by a HEAD: the
// write's
//   own id means done; nothing there, or still the version to be replaced, means that it is sent
//   again; the id of another write means kConflict for if_absent, and kCommitStateUnknown for
//   if_version, since ours may have been replaced by it.
// - A condition that failed (412, or 404 to If-Match) is followed by the same HEAD, for it may have
//   failed on an earlier exchange of ours.
// - A write without a condition is sent again until it is answered.
// - kUnavailable and kDeadlineExceeded mean that it has not happened; kCommitStateUnknown that it
//   may have, or may still.
Result<ObjectInfo> CommitWrite(S3Client& client, const S3Reader& reader, S3Operation operation,
                               const S3Write& write, const S3Send& send);

}  // namespace lakehouse::storage
