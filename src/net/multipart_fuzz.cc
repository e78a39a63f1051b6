// Feeds arbitrary bytes to the multipart reader: in large pieces and in small ones, it must find
// the same parts.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "net/multipart.h"

namespace lakehouse::net {
namespace {

class PieceSource : public ByteSource {
 public:
  PieceSource(std::string_view text, size_t piece) : text_(text), piece_(piece) {}
  Result<size_t> Read(std::span<char> buffer) override {
    const size_t count = std::min({buffer.size(), piece_, text_.size()});
    text_.copy(buffer.data(), count);
    text_.remove_prefix(count);
    return count;
  }

 private:
  std::string_view text_;
  size_t piece_;
};

struct Outcome {
  bool ok = false;
  std::vector<std::pair<std::string, std::string>> parts;
  bool operator==(const Outcome&) const = default;
};

Outcome ReadParts(std::string_view text, size_t piece) {
  Outcome outcome;
  PieceSource source(text, piece);
  const auto reader = MultipartReader::Open("multipart/form-data; boundary=b", source);
  CHECK(reader.ok());
  while (true) {
    const auto head = (*reader)->Next();
    if (!head.ok()) return outcome;
    if (!head->has_value()) break;
    CHECK(!(*head)->name.empty());
    const auto body = ReadAll((*reader)->body(), text.size());
    if (!body.ok()) return outcome;
    CHECK(body->find("\r\n--b") == std::string::npos);
    outcome.parts.emplace_back((*head)->name, *body);
  }
  outcome.ok = true;
  return outcome;
}

void Run(std::string_view text) {
  // The boundary parser sees arbitrary text too.
  StringSource empty("");
  (void)MultipartReader::Open(text.substr(0, 200), empty);
  CHECK(ReadParts(text, 1) == ReadParts(text, SIZE_MAX));
}

}  // namespace
}  // namespace lakehouse::net

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  lakehouse::net::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}
