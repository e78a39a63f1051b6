// Turns the bytes of one HTTP/1.1 request into its head and its body, strictly: what two readers
// could understand differently is refused.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "net/chunk_decoder.h"
#include "net/http_message.h"

namespace lakehouse::net {

// The request line and header fields of one request.
struct RequestHead {
  std::string method;
  std::string target;
  int version = 11;  // 10 or 11.
  Headers headers;
  bool keep_alive = true;
  bool expects_continue = false;
};

struct DecoderLimits {
  int max_fields = 100;
  uint64_t max_body_bytes = 0;  // 0: any.
};

// Decodes one request; not thread-safe.
class RequestDecoder {
 public:
  explicit RequestDecoder(const DecoderLimits& limits) : limits_(limits) {}

  // Parses everything up to and including the empty line. Refuses bare CR or LF, control bytes,
  // folded fields, a missing or double Host, Content-Length that is double, a list, no number or
  // beside Transfer-Encoding, and transfer codings other than chunked. REQUIRES: called once.
  Status ParseHead(std::string_view bytes);
  const RequestHead& head() const { return head_; }

  // Appends decoded body bytes to `out` and returns how many bytes of `in` were used up; 0 means
  // that a decision needs more of them. REQUIRES: a parsed head.
  Result<size_t> DecodeBody(std::string_view in, std::string& out);
  // True when the whole body was decoded; true after the head of a request without one.
  bool done() const { return chunks_.has_value() ? chunks_->done() : left_ == 0; }

  // The HTTP status that answers the last error.
  int error_http_status() const { return error_http_status_; }

 private:
  class HeadParser;

  Status Fail(int http_status, Status status);
  Status TooLarge();
  Status CheckFraming();
  Status CheckLength(std::string_view text);

  const DecoderLimits limits_;
  RequestHead head_;
  int error_http_status_ = 400;
  uint64_t left_ = 0;  // Bytes of a body with Content-Length that are still to come.
  std::optional<ChunkDecoder> chunks_;
};

// Refuses what a browser sends for a page of another site: with a server on a loopback address,
// the Host must be a loopback name (else a foreign name was rebound to it) and an Origin, if there
// is one, must be the server's own. kPermissionDenied.
Status CheckLoopbackOrigin(const Headers& headers);

}  // namespace lakehouse::net
