// The sending half of multipart.h.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/clock.h"
#include "base/rng.h"
#include "base/strings.h"
#include "net/multipart.h"

namespace lakehouse::net {
namespace {

// Writes a quoted parameter: backslash and quote escaped, line breaks percent-encoded, NUL dropped.
std::string Quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '\0') continue;
    if (c == '\r') {
      out.append("%0D");
    } else if (c == '\n') {
      out.append("%0A");
    } else {
      if (c == '"' || c == '\\') out.push_back('\\');
      out.push_back(c);
    }
  }
  out.push_back('"');
  return out;
}

size_t CopyFrom(const std::string& text, size_t& position, std::span<char> buffer) {
  const size_t count = text.copy(buffer.data(), buffer.size(), position);
  position += count;
  return count;
}

}  // namespace

MultipartForm::MultipartForm(const std::vector<FormField>& fields, std::optional<File> file) {
  // Random, so that no file holds it by chance or by design.
  const std::string boundary = StrCat("lakehouse-", NewUuid(Clock::System()));
  content_type_ = StrCat("multipart/form-data; boundary=", boundary);
  for (const FormField& field : fields) {
    StrAppend(head_, "--", boundary, "\r\nContent-Disposition: form-data; name=", Quote(field.name),
              "\r\n\r\n", field.value, "\r\n");
  }
  if (file.has_value()) {
    StrAppend(head_, "--", boundary, "\r\nContent-Disposition: form-data; name=", Quote(file->name),
              "; filename=", Quote(file->file_name), "\r\nContent-Type: ", file->content_type,
              "\r\n\r\n");
    content_ = std::move(file->content);
    CHECK(content_ != nullptr);
    tail_ = "\r\n";
  }
  StrAppend(tail_, "--", boundary, "--\r\n");
  const int64_t file_bytes = file.has_value() ? file->size_bytes : 0;
  size_bytes_ =
      file_bytes < 0 ? -1 : static_cast<int64_t>(head_.size() + tail_.size()) + file_bytes;
}

Result<size_t> MultipartForm::Read(std::span<char> buffer) {
  CHECK(!buffer.empty());
  if (head_read_ < head_.size()) return CopyFrom(head_, head_read_, buffer);
  if (content_ != nullptr) {
    ASSIGN_OR_RETURN(const size_t count, content_->Read(buffer));
    if (count > 0) return count;
    content_.reset();
  }
  return CopyFrom(tail_, tail_read_, buffer);
}

}  // namespace lakehouse::net
