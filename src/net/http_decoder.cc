#include "net/http_decoder.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include "base/check.h"
#include "base/strings.h"

namespace lakehouse::net {
namespace {

namespace http = boost::beast::http;
using boost::beast::string_view;
using ErrorCode = boost::beast::error_code;

std::string_view ToStd(string_view text) { return {text.data(), text.size()}; }

// Checks what the grammar of a head forbids anywhere in it.
Status CheckHeadBytes(std::string_view bytes) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    const auto c = static_cast<unsigned char>(bytes[i]);
    if (c == '\r') {
      if (i + 1 == bytes.size() || bytes[i + 1] != '\n') {
        return InvalidArgument("the request head holds a carriage return without a line feed");
      }
    } else if (c == '\n') {
      if (i == 0 || bytes[i - 1] != '\r') {
        return InvalidArgument("the request head holds a line feed without a carriage return");
      }
      if (i + 1 < bytes.size() && (bytes[i + 1] == ' ' || bytes[i + 1] == '\t')) {
        return InvalidArgument("the request head holds a folded field (RFC 9112 section 5.2)");
      }
    } else if ((c < 0x20 && c != '\t') || c == 0x7f) {
      return InvalidArgument("the request head holds a control byte");
    }
  }
  return OkStatus();
}

size_t CountFields(const Headers& headers, std::string_view name) {
  return std::count_if(headers.all().begin(), headers.all().end(),
                       [&](const auto& field) { return EqualsIgnoreCase(field.first, name); });
}

bool HasToken(std::string_view list, std::string_view token) {
  for (const std::string_view item : SplitString(list, ',')) {
    if (EqualsIgnoreCase(TrimWhitespace(item), token)) return true;
  }
  return false;
}

// "host:port" or "[v6]:port" without the port.
std::string_view HostOf(std::string_view authority) {
  if (authority.starts_with('[')) return authority.substr(0, authority.find(']') + 1);
  return authority.substr(0, authority.find(':'));
}

}  // namespace

// Collects the request line and the fields. Bodies are not read through it.
class RequestDecoder::HeadParser : public http::basic_parser<true> {
 public:
  HeadParser(RequestHead& head, size_t max_fields) : head_(head), max_fields_(max_fields) {}

  bool too_many_fields() const { return head_.headers.all().size() > max_fields_; }

 private:
  void on_request_impl(http::verb, string_view method, string_view target, int version,
                       ErrorCode&) override {
    head_.method = ToStd(method);
    head_.target = ToStd(target);
    head_.version = version;
  }
  void on_field_impl(http::field, string_view name, string_view value, ErrorCode& ec) override {
    head_.headers.Add(ToStd(name), ToStd(value));
    if (too_many_fields()) ec = http::error::header_limit;
  }
  void on_header_impl(ErrorCode&) override {}
  void on_finish_impl(ErrorCode&) override {}
  void on_response_impl(int, string_view, int, ErrorCode&) override { CHECK(false); }
  void on_body_init_impl(boost::optional<std::uint64_t> const&, ErrorCode&) override {
    CHECK(false);
  }
  std::size_t on_body_impl(string_view, ErrorCode&) override { CHECK(false); }
  void on_chunk_header_impl(std::uint64_t, string_view, ErrorCode&) override { CHECK(false); }
  std::size_t on_chunk_body_impl(std::uint64_t, string_view, ErrorCode&) override { CHECK(false); }

  RequestHead& head_;
  const size_t max_fields_;
};

Status RequestDecoder::Fail(int http_status, Status status) {
  error_http_status_ = http_status;
  return status;
}

Status RequestDecoder::TooLarge() {
  return Fail(413, ResourceExhausted("the body is larger than allowed: send at most ",
                                     limits_.max_body_bytes, " bytes"));
}

Status RequestDecoder::ParseHead(std::string_view bytes) {
  if (const Status status = CheckHeadBytes(bytes); !status.ok()) return Fail(400, status);
  HeadParser parser(head_, static_cast<size_t>(limits_.max_fields));
  parser.header_limit(static_cast<std::uint32_t>(bytes.size() + 1));
  parser.body_limit(boost::none);
  ErrorCode ec;
  const size_t used = parser.put(boost::asio::const_buffer(bytes.data(), bytes.size()), ec);
  if (parser.too_many_fields()) {
    return Fail(431, InvalidArgument("too many header fields: send at most ", limits_.max_fields));
  }
  if (ec == http::error::bad_version) {
    return Fail(505, InvalidArgument("the HTTP version is not 1.0 or 1.1"));
  }
  if (ec) return Fail(400, InvalidArgument("malformed request head: ", ec.message()));
  if (used != bytes.size()) return Fail(400, InvalidArgument("malformed request head"));
  return CheckFraming();
}

Status RequestDecoder::CheckFraming() {
  const Headers& headers = head_.headers;
  const size_t hosts = CountFields(headers, "Host");
  if (hosts > 1 || (hosts == 0 && head_.version >= 11)) {
    return Fail(400, InvalidArgument("a request needs exactly one Host header, not ", hosts));
  }
  const size_t lengths = CountFields(headers, "Content-Length");
  if (lengths > 1) return Fail(400, InvalidArgument("the Content-Length header is repeated"));
  if (lengths == 1) TRY(CheckLength(*headers.Get("Content-Length")));
  const size_t codings = CountFields(headers, "Transfer-Encoding");
  if (codings > 0) {
    if (lengths > 0) {
      return Fail(400, InvalidArgument("Content-Length and Transfer-Encoding exclude each other"));
    }
    if (head_.version < 11) {
      return Fail(400, InvalidArgument("HTTP/1.0 has no Transfer-Encoding"));
    }
    if (codings > 1 || !EqualsIgnoreCase(*headers.Get("Transfer-Encoding"), "chunked")) {
      return Fail(501, InvalidArgument("the only transfer coding that is known here is 'chunked'"));
    }
    chunks_.emplace(limits_.max_body_bytes);
  }
  if (const auto expect = headers.Get("Expect"); expect.has_value() && head_.version >= 11) {
    if (!EqualsIgnoreCase(*expect, "100-continue")) {
      return Fail(417,
                  InvalidArgument("the only expectation that is known here is '100-continue'"));
    }
    head_.expects_continue = !done();
  }
  const std::string_view connection = headers.Get("Connection").value_or("");
  head_.keep_alive = head_.version >= 11 && !HasToken(connection, "close");
  return OkStatus();
}

Status RequestDecoder::CheckLength(std::string_view text) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), left_);
  if (error != std::errc() || end != text.data() + text.size()) {
    return Fail(400, InvalidArgument("the Content-Length is not a number"));
  }
  if (limits_.max_body_bytes > 0 && left_ > limits_.max_body_bytes) return TooLarge();
  return OkStatus();
}

Result<size_t> RequestDecoder::DecodeBody(std::string_view in, std::string& out) {
  if (!chunks_.has_value()) {
    const auto count = static_cast<size_t>(std::min<uint64_t>(left_, in.size()));
    out.append(in.substr(0, count));
    left_ -= count;
    return count;
  }
  Result<size_t> used = chunks_->Decode(in, out);
  if (used.ok()) return used;
  return Fail(used.status().code() == StatusCode::kResourceExhausted ? 413 : 400, used.status());
}

Status CheckLoopbackOrigin(const Headers& headers) {
  const std::string_view authority = headers.Get("Host").value_or("localhost");
  const std::string host = ToLowerAscii(HostOf(authority));
  constexpr std::array<std::string_view, 3> kNames = {"localhost", "127.0.0.1", "[::1]"};
  if (std::find(kNames.begin(), kNames.end(), host) == kNames.end()) {
    return PermissionDenied(
        "this server listens on loopback only; address it as localhost, 127.0.0.1 or [::1]");
  }
  const auto origin = headers.Get("Origin");
  if (!origin.has_value()) return OkStatus();
  if (!EqualsIgnoreCase(*origin, StrCat("http://", authority))) {
    return PermissionDenied("requests from pages of another origin are refused");
  }
  return OkStatus();
}

}  // namespace lakehouse::net
