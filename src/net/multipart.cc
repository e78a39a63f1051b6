#include "net/multipart.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/strings.h"

namespace lakehouse::net {
namespace {

constexpr size_t kReadBytes = 65'536;
constexpr size_t kMaxHeadBytes = 16'384;
constexpr size_t kMaxPaddingBytes = 1'024;
constexpr int kMaxParts = 100;

// RFC 2046 section 5.1.1: 1 to 70 of these, not ending with a space.
bool IsBoundary(std::string_view text) {
  constexpr std::string_view kMarks = "'()+_,-./:=? ";
  return !text.empty() && text.size() <= 70 && text.back() != ' ' &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  kMarks.find(c) != std::string_view::npos;
         });
}

// One `; name=value` of a header value.
struct Parameter {
  std::string name;
  std::string value;
};

// Takes the next parameter off `rest`, which begins with ';'. A quoted value may hold `\"` and
// `\\`; other backslashes stand for themselves, because some browsers send paths.
Result<Parameter> TakeParameter(std::string_view& rest) {
  rest = TrimWhitespace(rest.substr(1));
  const size_t equals = rest.find('=');
  if (equals == std::string_view::npos) return InvalidArgument("a header parameter has no value");
  Parameter parameter{.name = ToLowerAscii(TrimWhitespace(rest.substr(0, equals))), .value = {}};
  rest.remove_prefix(equals + 1);
  if (!rest.starts_with('"')) {
    const size_t end = std::min(rest.find(';'), rest.size());
    parameter.value = TrimWhitespace(rest.substr(0, end));
    rest.remove_prefix(end);
    return parameter;
  }
  size_t at = 1;
  for (; at < rest.size() && rest[at] != '"'; ++at) {
    const bool escaped =
        rest[at] == '\\' && at + 1 < rest.size() && (rest[at + 1] == '"' || rest[at + 1] == '\\');
    if (escaped) ++at;
    parameter.value.push_back(rest[at]);
  }
  if (at >= rest.size()) return InvalidArgument("a quoted header parameter does not end");
  rest = TrimWhitespace(rest.substr(at + 1));
  if (!rest.empty() && rest.front() != ';') {
    return InvalidArgument("a quoted header parameter is followed by other text");
  }
  return parameter;
}

Result<std::vector<Parameter>> ParseParameters(std::string_view value) {
  std::vector<Parameter> parameters;
  std::string_view rest = value.substr(std::min(value.find(';'), value.size()));
  while (!rest.empty() && !TrimWhitespace(rest.substr(1)).empty()) {
    ASSIGN_OR_RETURN(Parameter parameter, TakeParameter(rest));
    parameters.push_back(std::move(parameter));
  }
  return parameters;
}

std::string_view MediaTypeOf(std::string_view value) {
  return TrimWhitespace(value.substr(0, value.find(';')));
}

Status ParseDisposition(std::string_view value, PartHead& head) {
  if (!EqualsIgnoreCase(MediaTypeOf(value), "form-data")) {
    return InvalidArgument("a form part's Content-Disposition is not form-data");
  }
  ASSIGN_OR_RETURN(const std::vector<Parameter> parameters, ParseParameters(value));
  for (const Parameter& parameter : parameters) {
    if (parameter.name == "name") head.name = parameter.value;
    if (parameter.name == "filename") head.file_name = parameter.value;
  }
  return OkStatus();
}

Result<PartHead> ParsePartHead(std::string_view text) {
  PartHead head;
  if (text.find('\0') != std::string_view::npos) {
    return InvalidArgument("a form part's head holds a NUL byte");
  }
  while (!text.empty()) {
    const size_t end = std::min(text.find("\r\n"), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 2, text.size()));
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) {
      return InvalidArgument("a form part's head holds a line without a header name");
    }
    const std::string_view value = TrimWhitespace(line.substr(colon + 1));
    if (EqualsIgnoreCase(line.substr(0, colon), "Content-Disposition")) {
      TRY(ParseDisposition(value, head));
    } else if (EqualsIgnoreCase(line.substr(0, colon), "Content-Type")) {
      head.content_type = value;
    }
  }
  if (head.name.empty()) {
    return InvalidArgument(
        "a form part has no name: it needs Content-Disposition: form-data; name=…");
  }
  return head;
}

}  // namespace

class MultipartReader::PartBody : public ByteSource {
 public:
  explicit PartBody(MultipartReader& reader) : reader_(reader) {}
  Result<size_t> Read(std::span<char> buffer) override { return reader_.ReadPart(buffer); }

 private:
  MultipartReader& reader_;
};

Result<std::unique_ptr<MultipartReader>> MultipartReader::Open(std::string_view content_type,
                                                               ByteSource& body) {
  if (!EqualsIgnoreCase(MediaTypeOf(content_type), "multipart/form-data")) {
    return InvalidArgument("expected the content type multipart/form-data, not ",
                           QuoteForMessage(MediaTypeOf(content_type)));
  }
  ASSIGN_OR_RETURN(const std::vector<Parameter> parameters, ParseParameters(content_type));
  for (const Parameter& parameter : parameters) {
    if (parameter.name != "boundary") continue;
    if (!IsBoundary(parameter.value)) break;
    return std::unique_ptr<MultipartReader>(new MultipartReader(parameter.value, body));
  }
  return InvalidArgument("multipart/form-data needs a boundary of 1 to 70 characters (RFC 2046)");
}

// A line break before the body lets the first delimiter be found like all others.
MultipartReader::MultipartReader(std::string_view boundary, ByteSource& body)
    : delimiter_(StrCat("\r\n--", boundary)),
      source_(body),
      part_body_(std::make_unique<PartBody>(*this)),
      buffer_("\r\n") {}

MultipartReader::~MultipartReader() = default;

ByteSource& MultipartReader::body() { return *part_body_; }

Status MultipartReader::Fill() {
  TRY(failure_);
  buffer_.erase(0, begin_);
  begin_ = 0;
  const size_t old_size = buffer_.size();
  buffer_.resize(old_size + kReadBytes);
  const Result<size_t> count = source_.Read(std::span(buffer_).subspan(old_size));
  buffer_.resize(old_size + count.value_or(0));
  if (!count.ok()) {
    failure_ = count.status();
  } else if (*count == 0) {
    failure_ = InvalidArgument("the form ended before its closing boundary");
  }
  return failure_;
}

Result<size_t> MultipartReader::ReadPart(std::span<char> out) {
  CHECK(!out.empty());
  while (in_part_) {
    const std::string_view held = std::string_view(buffer_).substr(begin_);
    const size_t found = held.find(delimiter_);
    if (found == 0) {
      begin_ += delimiter_.size();
      in_part_ = false;
      break;
    }
    // Without a match, the last bytes may still be the begin of a delimiter.
    const size_t safe = found != std::string_view::npos    ? found
                        : held.size() >= delimiter_.size() ? held.size() - (delimiter_.size() - 1)
                                                           : 0;
    if (safe > 0) {
      const size_t count = std::min(safe, out.size());
      held.copy(out.data(), count);
      begin_ += count;
      return count;
    }
    TRY(Fill());
  }
  return size_t{0};
}

Status MultipartReader::SkipPart() {
  std::string dropped(kReadBytes, '\0');
  while (in_part_) {
    ASSIGN_OR_RETURN(const size_t count, ReadPart(dropped));
    if (count == 0) break;
  }
  return OkStatus();
}

Result<bool> MultipartReader::AfterDelimiter() {
  while (true) {
    const std::string_view held = std::string_view(buffer_).substr(begin_);
    if (held.starts_with("--")) return false;
    const size_t end = held.find("\r\n");
    const size_t padding = std::min(held.find_first_not_of(" \t"), held.size());
    if (end != std::string_view::npos && padding == end) {
      // The line break stays: it may belong to the next delimiter or end an empty head.
      begin_ += end;
      return true;
    }
    const std::string_view after = held.substr(padding);
    const bool undecided = padding <= kMaxPaddingBytes &&
                           (after.empty() || after == "\r" || (padding == 0 && after == "-"));
    if (!undecided) {
      failure_ = InvalidArgument("a form boundary is followed by other text");
      return failure_;
    }
    TRY(Fill());
  }
}

Result<PartHead> MultipartReader::ReadHead() {
  while (true) {
    const std::string_view held = std::string_view(buffer_).substr(begin_);
    const size_t end = held.find("\r\n\r\n");
    if (std::min(end, held.size()) > kMaxHeadBytes) {
      return InvalidArgument("a form part's head is too long: send at most ", kMaxHeadBytes,
                             " bytes");
    }
    if (end != std::string_view::npos) {
      // Between the line break after the delimiter and the empty line. They share it in a part
      // without a head, which has no name either.
      const std::string_view head = end == 0 ? std::string_view() : held.substr(2, end - 2);
      Result<PartHead> parsed = ParsePartHead(head);
      begin_ += end + 4;
      return parsed;
    }
    TRY(Fill());
  }
}

Result<std::optional<PartHead>> MultipartReader::Next() {
  TRY(failure_);
  if (at_end_) return std::optional<PartHead>();
  TRY(SkipPart());
  ASSIGN_OR_RETURN(const bool follows, AfterDelimiter());
  if (!follows) {
    at_end_ = true;
    return std::optional<PartHead>();
  }
  if (++parts_ > kMaxParts) {
    failure_ = InvalidArgument("the form has too many parts: send at most ", kMaxParts);
    return failure_;
  }
  Result<PartHead> head = ReadHead();
  if (!head.ok()) {
    failure_ = head.status();
    return failure_;
  }
  in_part_ = true;
  return std::optional<PartHead>(*std::move(head));
}

}  // namespace lakehouse::net
