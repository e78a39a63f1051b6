// Requests and responses as handlers see them, independent of the wire.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/byte_source.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/status.h"

namespace lakehouse::net {

// kOther is every method that no route can have: it finds the path's allowed methods, never a
// route.
enum class Method { kGet, kHead, kPost, kPut, kPatch, kDelete, kOther };
// "GET"; "OTHER" for kOther.
std::string_view MethodName(Method method);
// Methods are case-sensitive (RFC 9110 section 9.1).
Method ParseMethod(std::string_view name);

// Header fields in order. Names compare without regard to case.
class Headers {
 public:
  // Replaces the first field of that name, or appends one.
  void Set(std::string_view name, std::string_view value);
  // Appends a field, also when the name is there already.
  void Add(std::string_view name, std::string_view value);
  // Returns the first value, or nullopt.
  std::optional<std::string_view> Get(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& all() const { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

// One request. The body is pulled on the handler's thread, so a slow sender never holds an IO
// thread and a large body never lies in memory.
struct Request {
  Method method = Method::kGet;
  std::string path;  // Percent-decoded once, UTF-8; no "." or ".." segment, NUL or backslash.
  std::multimap<std::string, std::string, std::less<>> query;   // Decoded.
  std::map<std::string, std::string, std::less<>> path_params;  // Filled by the router.
  Headers headers;
  std::unique_ptr<ByteSource> body;  // Never null; empty for none.
  std::string request_id;
  CancelToken cancel;  // Stops when the client goes away or the server drains.

  // First query parameter of that name.
  std::optional<std::string> QueryParam(std::string_view name) const;
};

// Writes parts of a streamed body. Blocks while the client is slow; an error means the client is
// gone and the producer should return.
using BodyWriter = std::function<Status(std::string_view bytes)>;
// Produces a streamed body; runs on the handler's thread.
using BodyProducer = std::function<Status(const BodyWriter& write)>;

struct Response {
  int status = 200;
  Headers headers;
  std::string body;
  BodyProducer stream;  // When set, `body` is ignored.
  // How many bytes `stream` writes, where that is known: Content-Length then, chunked otherwise. A
  // stream that writes another number breaks the connection.
  std::optional<uint64_t> stream_bytes = std::nullopt;
};

// Percent-decodes one path segment or query component. `plus_is_space` for query components.
// kInvalidArgument on a bad escape or NUL.
Result<std::string> PercentDecode(std::string_view text, bool plus_is_space);
std::string PercentEncode(std::string_view text);

// The reason phrase of a status code, for example "Not Found"; "Error" for one without a name here.
std::string_view ReasonPhrase(int status);

// A time as header fields carry it, whatever the locale: "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110
// section 5.6.7).
std::string FormatHttpDate(Timestamp time);

// Splits a request target (origin-form, or absolute-form whose authority is dropped) into `path`
// and `query`; kInvalidArgument when it could escape its root or is not UTF-8 once decoded.
Status ParseTarget(std::string_view target, Request& request);

}  // namespace lakehouse::net
