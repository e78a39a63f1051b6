// A stream of bytes that is pulled by its reader.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"

namespace lakehouse {

// Not thread-safe.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Fills the front of `buffer` and returns how many bytes; 0 means the end. Blocks until at least
  // one byte, the end or an error. After an error or the end, the answer repeats.
  // REQUIRES: !buffer.empty().
  virtual Result<size_t> Read(std::span<char> buffer) = 0;
};

// Reads from a string it owns.
class StringSource : public ByteSource {
 public:
  explicit StringSource(std::string text) : text_(std::move(text)) {}
  Result<size_t> Read(std::span<char> buffer) override;

 private:
  std::string text_;
  size_t position_ = 0;
};

// Reads to the end; kResourceExhausted when more than `limit_bytes` come.
Result<std::string> ReadAll(ByteSource& source, size_t limit_bytes);

}  // namespace lakehouse
