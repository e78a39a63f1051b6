// The documents of the S3 REST API. Whatever a server sends, parsing ends with a value or an error:
// kUnavailable for what is no such document, since a cut answer looks so.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "storage/object_store.h"
#include "storage/s3/s3_error.h"

namespace lakehouse::storage {

// An ETag without its quotes.
std::string VersionOfEtag(std::string_view etag);

// Nullopt unless the document is an <Error>.
std::optional<S3Error> ParseS3Error(std::string_view xml);

// One page of ListObjectsV2. Keys are decoded and whole, not yet checked.
struct S3ListPage {
  std::vector<ObjectInfo> objects;
  bool truncated = false;
  std::string next_token;
};
Result<S3ListPage> ParseListObjects(std::string_view xml);

struct S3Upload {
  std::string key;
  std::string upload_id;
  Timestamp initiated;
};
// One page of ListMultipartUploads.
struct S3UploadPage {
  std::vector<S3Upload> uploads;
  bool truncated = false;
  std::string next_key;
  std::string next_upload_id;
};
Result<S3UploadPage> ParseListUploads(std::string_view xml);

// The upload id out of the answer to CreateMultipartUpload; never empty.
Result<std::string> ParseUploadId(std::string_view xml);
// The new object's version out of the answer to CompleteMultipartUpload; never empty.
Result<std::string> ParseCompletedVersion(std::string_view xml);

struct S3Part {
  std::string etag;    // As the server wrote it.
  std::string crc32c;  // Base64; "" when none was sent.
};
// Parts are numbered from 1.
std::string WriteCompleteUpload(const std::vector<S3Part>& parts);

// True when the key can be written in XML 1.0, which knows few control characters.
bool FitsXml(std::string_view key);
// Asks for the deletion of keys that fit, answering only what failed.
std::string WriteDeleteObjects(const std::vector<std::string>& keys);

struct S3DeleteFailure {
  std::string key;
  std::string code;
  std::string message;
};
Result<std::vector<S3DeleteFailure>> ParseDeleteResult(std::string_view xml);

}  // namespace lakehouse::storage
