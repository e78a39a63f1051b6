// Writes response heads.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "net/http_message.h"

namespace lakehouse::net {

enum class Framing {
  kLength,      // Content-Length: the body's size.
  kChunked,     // Transfer-Encoding: chunked.
  kUntilClose,  // The body ends with the connection (HTTP/1.0).
  kNone,        // The status forbids a body.
};

struct HeadOptions {
  Framing framing = Framing::kLength;
  uint64_t body_bytes = 0;  // For kLength.
  bool close = false;
  std::string_view request_id;
  Timestamp now;
};

// Returns the status line and header fields with the empty line. Fields of `response` that the
// server owns (framing, connection, date, request id) are dropped; control bytes in values become
// spaces, so that no value can start a header of its own.
std::string EncodeHead(const Response& response, const HeadOptions& options);

// True for statuses that never have a body.
bool IsBodiless(int status);

}  // namespace lakehouse::net
