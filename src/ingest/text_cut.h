// Shortening UTF-8.
#pragma once

#include <cstddef>
#include <string_view>

namespace lakehouse::ingest {

// Cuts `text` after at most `limit` bytes, before a character that would be torn.
inline std::string_view CutText(std::string_view text, size_t limit) {
  if (text.size() <= limit) return text;
  size_t end = limit;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

}  // namespace lakehouse::ingest
