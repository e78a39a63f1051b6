// Decodes the chunked transfer coding (RFC 9112 section 7.1), strictly.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace lakehouse::net {

// Not thread-safe.
class ChunkDecoder {
 public:
  // `max_body_bytes` of decoded data; 0: any.
  explicit ChunkDecoder(uint64_t max_body_bytes) : max_body_bytes_(max_body_bytes) {}

  // Appends decoded bytes to `out` and returns how many bytes of `in` were used up; less than all
  // of them when the rest waits for more, or belongs to the next request. kInvalidArgument when
  // malformed, kResourceExhausted beyond the limit. Extensions and trailers are checked and
  // dropped.
  Result<size_t> Decode(std::string_view in, std::string& out);
  bool done() const { return state_ == State::kDone; }

 private:
  enum class State { kSize, kData, kDataEnd, kTrailers, kDone };

  // One step each: use up some of `in`, or none when it decides nothing yet.
  Result<size_t> Step(std::string_view in, std::string& out);
  Status BeginChunk(std::string_view line);
  Status TakeTrailer(std::string_view line);

  const uint64_t max_body_bytes_;
  State state_ = State::kSize;
  uint64_t left_ = 0;   // Bytes of the current chunk that are still to come.
  uint64_t total_ = 0;  // Bytes of all chunks announced.
  size_t trailer_bytes_ = 0;
};

}  // namespace lakehouse::net
