#include "base/byte_source.h"

#include <algorithm>

#include "base/check.h"

namespace lakehouse {
namespace {

constexpr size_t kReadBytes = 65'536;

}  // namespace

Result<size_t> StringSource::Read(std::span<char> buffer) {
  CHECK(!buffer.empty());
  const size_t count = std::min(buffer.size(), text_.size() - position_);
  text_.copy(buffer.data(), count, position_);
  position_ += count;
  return count;
}

Result<std::string> ReadAll(ByteSource& source, size_t limit_bytes) {
  std::string out;
  std::string buffer(kReadBytes, '\0');
  while (true) {
    ASSIGN_OR_RETURN(const size_t count, source.Read(buffer));
    if (count == 0) return out;
    if (count > limit_bytes - out.size()) {
      return ResourceExhausted("more bytes than allowed: send at most ", limit_bytes, " bytes");
    }
    out.append(buffer, 0, count);
  }
}

}  // namespace lakehouse
