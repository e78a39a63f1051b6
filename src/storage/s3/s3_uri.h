// How keys and parameters are written into a request: the same text is sent and signed.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/s3/s3_store.h"

namespace lakehouse::storage {

// Names with values, not encoded. A name may come once.
using S3Query = std::vector<std::pair<std::string, std::string>>;

// Percent-encodes every byte of every segment that RFC 3986 does not call unreserved; "/" stays.
std::string EncodeKey(std::string_view key);

// "a=1&b=%2F": encoded, then sorted by name; "" for none. A value that is empty keeps its "=".
std::string EncodeQuery(const S3Query& query);

// Where requests for one key (or, for "", the bucket itself) go.
struct S3Target {
  std::string host;  // As the header Host says it: with the port where it is not the scheme's own.
  std::string path;  // Encoded, from "/" on.
  std::string url;   // Without a query.
};
S3Target TargetOf(const S3Location& location, std::string_view key);

}  // namespace lakehouse::storage
