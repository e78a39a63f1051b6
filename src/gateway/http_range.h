// The Range header of a request.
#pragma once

#include <cstdint>
#include <string_view>

namespace lakehouse::gateway {

// What a Range header means for a body of known size.
struct RangeAnswer {
  enum class Kind {
    kWhole,          // 200: none was asked for, or one that may be ignored.
    kPart,           // 206: the bytes `first` to `last`, both included.
    kUnsatisfiable,  // 416: it begins behind the end.
  };
  Kind kind = Kind::kWhole;
  uint64_t first = 0;
  uint64_t last = 0;
};

// Reads a single range of bytes (RFC 9110 section 14.1.2): "bytes=0-99", "bytes=100-",
// "bytes=-100". What is not one, several ranges too, is ignored as the RFC allows. "" is no header.
RangeAnswer ResolveRange(std::string_view header, uint64_t size_bytes);

}  // namespace lakehouse::gateway
