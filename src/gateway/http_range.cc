#include "gateway/http_range.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/strings.h"

namespace lakehouse::gateway {
namespace {

// Digits only; a number that does not fit is as good as the largest.
std::optional<uint64_t> ParseDigits(std::string_view text) {
  const bool digits = !text.empty() && std::all_of(text.begin(), text.end(),
                                                   [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) return std::nullopt;
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() ? value : UINT64_MAX;
}

}  // namespace

RangeAnswer ResolveRange(std::string_view header, uint64_t size_bytes) {
  const size_t equals = header.find('=');
  const size_t dash = header.find('-', equals == std::string_view::npos ? 0 : equals);
  if (equals == std::string_view::npos || dash == std::string_view::npos ||
      !EqualsIgnoreCase(TrimWhitespace(header.substr(0, equals)), "bytes")) {
    return {};
  }
  const std::string_view first_text = TrimWhitespace(header.substr(equals + 1, dash - equals - 1));
  const std::string_view last_text = TrimWhitespace(header.substr(dash + 1));
  const std::optional<uint64_t> first = ParseDigits(first_text);
  const std::optional<uint64_t> last = ParseDigits(last_text);
  if (first_text.empty() && last.has_value()) {
    if (*last == 0 || size_bytes == 0) return {.kind = RangeAnswer::Kind::kUnsatisfiable};
    return {RangeAnswer::Kind::kPart, size_bytes - std::min(*last, size_bytes), size_bytes - 1};
  }
  if (!first.has_value() || (!last_text.empty() && !last.has_value())) return {};
  if (last.has_value() && *last < *first) return {};
  if (*first >= size_bytes) return {.kind = RangeAnswer::Kind::kUnsatisfiable};
  return {RangeAnswer::Kind::kPart, *first, std::min(last.value_or(UINT64_MAX), size_bytes - 1)};
}

}  // namespace lakehouse::gateway
