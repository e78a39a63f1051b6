#include "net/chunk_decoder.h"

#include <algorithm>
#include <charconv>

#include "base/check.h"

namespace lakehouse::net {
namespace {

constexpr size_t kMaxLineBytes = 4'096;
constexpr size_t kMaxTrailerBytes = 16'384;

bool HasControlByte(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && byte != '\t') || byte == 0x7f;
  });
}

}  // namespace

Result<size_t> ChunkDecoder::Decode(std::string_view in, std::string& out) {
  size_t used = 0;
  while (!done() && used < in.size()) {
    ASSIGN_OR_RETURN(const size_t step, Step(in.substr(used), out));
    if (step == 0) break;
    used += step;
  }
  return used;
}

Result<size_t> ChunkDecoder::Step(std::string_view in, std::string& out) {
  if (state_ == State::kData) {
    const auto count = static_cast<size_t>(std::min<uint64_t>(left_, in.size()));
    out.append(in.substr(0, count));
    left_ -= count;
    if (left_ == 0) state_ = State::kDataEnd;
    return count;
  }
  const size_t end = in.substr(0, kMaxLineBytes).find("\r\n");
  if (state_ == State::kDataEnd && end != 0 && in != "\r") {
    return InvalidArgument("malformed chunked body: a chunk is longer than its size");
  }
  if (end == std::string_view::npos) {
    if (in.size() < kMaxLineBytes) return size_t{0};
    return InvalidArgument("malformed chunked body: a line is too long");
  }
  const std::string_view line = in.substr(0, end);
  if (HasControlByte(line)) {
    return InvalidArgument("malformed chunked body: a line holds a control byte");
  }
  if (state_ == State::kSize) {
    TRY(BeginChunk(line));
  } else if (state_ == State::kTrailers) {
    TRY(TakeTrailer(line));
  } else {
    state_ = State::kSize;
  }
  return end + 2;
}

Status ChunkDecoder::BeginChunk(std::string_view line) {
  uint64_t size = 0;
  const auto [rest, error] = std::from_chars(line.data(), line.data() + line.size(), size, 16);
  if (error != std::errc()) {
    return InvalidArgument("malformed chunked body: a chunk size is no hexadecimal number");
  }
  const std::string_view tail(rest, static_cast<size_t>(line.data() + line.size() - rest));
  const size_t extension = std::min(tail.find_first_not_of(" \t"), tail.size());
  if (!tail.empty() && (extension == tail.size() || tail[extension] != ';')) {
    return InvalidArgument("malformed chunked body: a chunk size is followed by other text");
  }
  if (max_body_bytes_ > 0 && size > max_body_bytes_ - total_) {
    return ResourceExhausted("the body is larger than allowed: send at most ", max_body_bytes_,
                             " bytes");
  }
  total_ += size;
  left_ = size;
  state_ = size == 0 ? State::kTrailers : State::kData;
  return OkStatus();
}

Status ChunkDecoder::TakeTrailer(std::string_view line) {
  if (line.empty()) {
    state_ = State::kDone;
    return OkStatus();
  }
  trailer_bytes_ += line.size();
  const size_t colon = line.find(':');
  if (colon == 0 || colon == std::string_view::npos) {
    return InvalidArgument("malformed chunked body: a trailer has no name");
  }
  if (trailer_bytes_ > kMaxTrailerBytes) {
    return InvalidArgument("malformed chunked body: the trailers are too long");
  }
  return OkStatus();
}

}  // namespace lakehouse::net
