#include "net/http_encoder.h"

#include <array>

#include "base/strings.h"

namespace lakehouse::net {
namespace {

constexpr std::array<std::string_view, 6> kOwned = {
    "Content-Length", "Transfer-Encoding", "Connection", "Date", "X-Request-Id", "Keep-Alive"};

bool IsOwned(std::string_view name) {
  for (const std::string_view owned : kOwned) {
    if (EqualsIgnoreCase(owned, name)) return true;
  }
  return false;
}

void AppendValue(std::string& out, std::string_view value) {
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    out.push_back(byte < 0x20 || byte == 0x7f ? ' ' : c);
  }
}

}  // namespace

bool IsBodiless(int status) { return status < 200 || status == 204 || status == 304; }

std::string EncodeHead(const Response& response, const HeadOptions& options) {
  std::string out =
      StrCat("HTTP/1.1 ", response.status, " ", ReasonPhrase(response.status), "\r\n");
  for (const auto& [name, value] : response.headers.all()) {
    if (IsOwned(name)) continue;
    StrAppend(out, name, ": ");
    AppendValue(out, value);
    out.append("\r\n");
  }
  switch (options.framing) {
    case Framing::kLength:
      StrAppend(out, "Content-Length: ", options.body_bytes, "\r\n");
      break;
    case Framing::kChunked:
      out.append("Transfer-Encoding: chunked\r\n");
      break;
    case Framing::kUntilClose:
    case Framing::kNone:
      break;
  }
  if (options.close) out.append("Connection: close\r\n");
  StrAppend(out, "Date: ", FormatHttpDate(options.now), "\r\n");
  StrAppend(out, "X-Request-Id: ", options.request_id, "\r\n\r\n");
  return out;
}

}  // namespace lakehouse::net
