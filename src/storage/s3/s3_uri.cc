#include "storage/s3/s3_uri.h"

#include <algorithm>

#include "base/strings.h"
#include "net/http_message.h"

namespace lakehouse::storage {

std::string EncodeKey(std::string_view key) {
  std::string out;
  out.reserve(key.size());
  bool first = true;
  for (const std::string_view segment : SplitString(key, '/')) {
    if (!first) out.push_back('/');
    first = false;
    out += net::PercentEncode(segment);
  }
  return out;
}

std::string EncodeQuery(const S3Query& query) {
  S3Query encoded;
  for (const auto& [name, value] : query) {
    encoded.emplace_back(net::PercentEncode(name), net::PercentEncode(value));
  }
  std::sort(encoded.begin(), encoded.end());
  std::string out;
  for (const auto& [name, value] : encoded) {
    StrAppend(out, out.empty() ? "" : "&", name, "=", value);
  }
  return out;
}

S3Target TargetOf(const S3Location& location, std::string_view key) {
  const size_t scheme_end = location.endpoint.find("://") + 3;
  S3Target target;
  target.host = location.endpoint.substr(scheme_end);
  target.path = "/";
  if (location.path_style) {
    target.path += location.bucket;
    if (!key.empty()) target.path += '/';
  } else {
    target.host = StrCat(location.bucket, ".", target.host);
  }
  target.path += EncodeKey(key);
  target.url = StrCat(location.endpoint.substr(0, scheme_end), target.host, target.path);
  return target;
}

}  // namespace lakehouse::storage
