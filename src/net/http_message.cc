#include "net/http_message.h"

#include <array>
#include <ctime>

#include "base/strings.h"

namespace lakehouse::net {
namespace {

// Returns the value of a hexadecimal digit, or -1.
int HexValue(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

bool IsUnreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

Status CheckPath(std::string_view path) {
  if (!IsValidUtf8(path)) return InvalidArgument("the path is not UTF-8 once decoded");
  if (path.find('\\') != std::string_view::npos) {
    return InvalidArgument("the path holds a backslash");
  }
  for (const std::string_view segment : SplitString(path.substr(1), '/')) {
    if (segment == ".." || segment == ".") {
      return InvalidArgument("the path holds a '", segment, "' segment: send the resolved path");
    }
  }
  return OkStatus();
}

Status ParseQuery(std::string_view text, Request& request) {
  for (const std::string_view pair : SplitString(text, '&')) {
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    ASSIGN_OR_RETURN(std::string name, PercentDecode(pair.substr(0, equals), true));
    std::string value;
    if (equals != std::string_view::npos) {
      ASSIGN_OR_RETURN(value, PercentDecode(pair.substr(equals + 1), true));
    }
    if (!IsValidUtf8(name) || !IsValidUtf8(value)) {
      return InvalidArgument("a query parameter is not UTF-8 once decoded");
    }
    request.query.emplace(std::move(name), std::move(value));
  }
  return OkStatus();
}

// Drops "http://authority" from an absolute-form target; leaves any other as it is.
std::string_view OriginForm(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.size() < scheme.size() ||
        !EqualsIgnoreCase(target.substr(0, scheme.size()), scheme)) {
      continue;
    }
    const size_t slash = target.find('/', scheme.size());
    return slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  return target;
}

}  // namespace

std::string_view MethodName(Method method) {
  switch (method) {
    case Method::kGet:
      return "GET";
    case Method::kHead:
      return "HEAD";
    case Method::kPost:
      return "POST";
    case Method::kPut:
      return "PUT";
    case Method::kPatch:
      return "PATCH";
    case Method::kDelete:
      return "DELETE";
    case Method::kOther:
      return "OTHER";
  }
  CHECK(false);
}

Method ParseMethod(std::string_view name) {
  for (const Method method : {Method::kGet, Method::kHead, Method::kPost, Method::kPut,
                              Method::kPatch, Method::kDelete}) {
    if (name == MethodName(method)) return method;
  }
  return Method::kOther;
}

void Headers::Set(std::string_view name, std::string_view value) {
  for (auto& [field_name, field_value] : fields_) {
    if (EqualsIgnoreCase(field_name, name)) {
      field_value = value;
      return;
    }
  }
  Add(name, value);
}

void Headers::Add(std::string_view name, std::string_view value) {
  fields_.emplace_back(name, value);
}

std::optional<std::string_view> Headers::Get(std::string_view name) const {
  for (const auto& [field_name, field_value] : fields_) {
    if (EqualsIgnoreCase(field_name, name)) return field_value;
  }
  return std::nullopt;
}

std::optional<std::string> Request::QueryParam(std::string_view name) const {
  const auto found = query.find(name);
  if (found == query.end()) return std::nullopt;
  return found->second;
}

Result<std::string> PercentDecode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? HexValue(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexValue(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return InvalidArgument("a '%' in the target is not followed by two hexadecimal digits");
      }
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    if (c == '\0') return InvalidArgument("the target holds a NUL byte");
    out.push_back(c);
  }
  return out;
}

std::string PercentEncode(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (IsUnreserved(c)) {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.push_back('%');
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
  return out;
}

std::string_view ReasonPhrase(int status) {
  struct Phrase {
    int status;
    std::string_view text;
  };
  static constexpr std::array kPhrases = {
      Phrase{100, "Continue"},
      Phrase{200, "OK"},
      Phrase{201, "Created"},
      Phrase{202, "Accepted"},
      Phrase{204, "No Content"},
      Phrase{206, "Partial Content"},
      Phrase{207, "Multi-Status"},
      Phrase{304, "Not Modified"},
      Phrase{400, "Bad Request"},
      Phrase{401, "Unauthorized"},
      Phrase{403, "Forbidden"},
      Phrase{404, "Not Found"},
      Phrase{405, "Method Not Allowed"},
      Phrase{406, "Not Acceptable"},
      Phrase{408, "Request Timeout"},
      Phrase{409, "Conflict"},
      Phrase{412, "Precondition Failed"},
      Phrase{413, "Content Too Large"},
      Phrase{415, "Unsupported Media Type"},
      Phrase{417, "Expectation Failed"},
      Phrase{429, "Too Many Requests"},
      Phrase{431, "Request Header Fields Too Large"},
      Phrase{499, "Client Closed Request"},
      Phrase{500, "Internal Server Error"},
      Phrase{501, "Not Implemented"},
      Phrase{503, "Service Unavailable"},
      Phrase{504, "Gateway Timeout"},
      Phrase{505, "HTTP Version Not Supported"},
      Phrase{507, "Insufficient Storage"},
  };
  for (const Phrase& phrase : kPhrases) {
    if (phrase.status == status) return phrase.text;
  }
  return "Error";
}

std::string FormatHttpDate(Timestamp time) {
  constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed",
                                                     "Thu", "Fri", "Sat"};
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = time.micros / 1'000'000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  const auto two = [](int value) { return StrCat(value < 10 ? "0" : "", value); };
  return StrCat(kDays[utc.tm_wday], ", ", two(utc.tm_mday), " ", kMonths[utc.tm_mon], " ",
                utc.tm_year + 1900, " ", two(utc.tm_hour), ":", two(utc.tm_min), ":",
                two(utc.tm_sec), " GMT");
}

Status ParseTarget(std::string_view target, Request& request) {
  target = OriginForm(target);
  if (!target.starts_with('/')) {
    return InvalidArgument("the request target must be a path that starts with '/'");
  }
  if (target.find('#') != std::string_view::npos) {
    return InvalidArgument("the request target holds a fragment");
  }
  const size_t question = target.find('?');
  ASSIGN_OR_RETURN(request.path, PercentDecode(target.substr(0, question), false));
  TRY(CheckPath(request.path));
  request.query.clear();
  if (question == std::string_view::npos) return OkStatus();
  return ParseQuery(target.substr(question + 1), request);
}

}  // namespace lakehouse::net
