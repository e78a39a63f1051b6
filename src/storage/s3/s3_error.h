// What a server says when it refuses a request, and what that means for the caller.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "net/http_client.h"
#include "storage/s3/s3_store.h"

namespace lakehouse::storage {

struct S3Error {
  int http_status = 0;    // 0: no answer came.
  std::string code;       // "NoSuchKey"; "" when the answer names none, as most do to HEAD.
  std::string message;    // The server's own words.
  std::string region;     // Where the server says that the bucket is; "" when it does not.
  Timestamp server_time;  // The answer's Date; 0: it has none.
  bool cut = false;       // The document that names the error ends too early to be read.
};

// Reads the error out of an answer that is none of 2xx, or of a 2xx whose body is an error.
S3Error ErrorOfAnswer(const net::ClientResponse& answer);

// True when the same request may succeed later.
bool IsRetryable(const S3Error& error);
// True when the server may have done a write although it answered so.
bool MayBeApplied(const S3Error& error);
// True when the server does not know who signed.
bool IsUnknownAccessKey(const S3Error& error);
// True when fresh credentials may mend it.
bool IsExpiredCredentials(const S3Error& error);
// True when the server cannot hold or address the key: nothing is there and nothing can be.
bool IsImpossibleKey(const S3Error& error);

// Words the error for people, with what mends it. `operation` is S3's name of the request. Never
// kNotFound but for a missing key: a missing bucket or upload must not be taken for one.
Status StatusOfError(const S3Error& error, std::string_view operation, const S3Location& location,
                     Timestamp now);

}  // namespace lakehouse::storage
