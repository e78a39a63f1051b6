#include "base/ids.h"

namespace lakehouse {
namespace {

constexpr size_t kMaxIdBytes = 63;

bool IsLowerAlphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool IsId(std::string_view text) {
  if (text.empty() || text.size() > kMaxIdBytes || !IsLowerAlphanumeric(text[0])) return false;
  for (const char c : text) {
    if (!IsLowerAlphanumeric(c) && c != '_' && c != '-') return false;
  }
  return true;
}

}  // namespace

Status CheckId(std::string_view kind, std::string_view text) {
  if (IsId(text)) return OkStatus();
  return InvalidArgument("invalid ", kind,
                         " name: expected 1 to 63 of a-z, 0-9, _ and -, starting with a letter or "
                         "digit, got ",
                         QuoteForMessage(text));
}

Status CheckBucketName(std::string_view text) {
  const size_t colon = text.find(':');
  const bool valid = colon == std::string_view::npos
                         ? IsId(text)
                         : IsId(text.substr(0, colon)) && IsId(text.substr(colon + 1));
  if (valid) return OkStatus();
  return InvalidArgument(
      "invalid bucket name: expected 1 to 63 of a-z, 0-9, _ and -, starting with a letter or "
      "digit, optionally after one such prefix and a colon, got ",
      QuoteForMessage(text));
}

}  // namespace lakehouse
