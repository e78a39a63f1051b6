#include "storage/s3/s3_checksum.h"

#include "base/hash.h"
#include "base/strings.h"

namespace lakehouse::storage {

std::string Crc32cBase64(uint32_t crc) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(crc >> shift));
  return Base64Encode(bytes);
}

std::optional<std::string> WholeObjectCrc32c(const net::Headers& headers) {
  const std::string_view checksum = headers.Get("x-amz-checksum-crc32c").value_or("");
  const std::string_view type = headers.Get("x-amz-checksum-type").value_or("");
  if (checksum.empty() || checksum.find('-') != std::string_view::npos) return std::nullopt;
  if (EqualsIgnoreCase(type, "COMPOSITE")) return std::nullopt;
  return std::string(checksum);
}

}  // namespace lakehouse::storage
