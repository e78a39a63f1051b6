#include "ai/remote/line_splitter.h"

#include <utility>

namespace lakehouse::ai {
namespace {

constexpr size_t kMaxLineBytes = 16 << 20;

}  // namespace

Status LineSplitter::Emit(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return sink_(line);
}

Status LineSplitter::Feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, end);
    if (piece.size() > kMaxLineBytes - rest_.size()) {
      return Unavailable("the server sends a line of more bytes than ", kMaxLineBytes);
    }
    if (end == std::string_view::npos) {
      rest_.append(piece);
      return OkStatus();
    }
    bytes.remove_prefix(end + 1);
    if (rest_.empty()) {
      TRY(Emit(piece));
      continue;
    }
    rest_.append(piece);
    const std::string line = std::exchange(rest_, "");
    TRY(Emit(line));
  }
  return OkStatus();
}

Status LineSplitter::Finish() {
  if (rest_.empty()) return OkStatus();
  return Emit(std::exchange(rest_, ""));
}

EventSplitter::EventSplitter(Sink sink)
    : sink_(std::move(sink)), lines_([this](std::string_view line) { return TakeLine(line); }) {}

Status EventSplitter::TakeLine(std::string_view line) {
  if (line.empty()) return Dispatch();
  const size_t colon = line.find(':');
  const std::string_view field = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "event") {
    event_ = value;
  } else if (field == "data") {
    if (has_data_) data_ += '\n';
    data_ += value;
    has_data_ = true;
  }
  return OkStatus();  // A comment, or a field that is of no use here.
}

Status EventSplitter::Dispatch() {
  const std::string event = std::exchange(event_, "");
  const std::string data = std::exchange(data_, "");
  if (!std::exchange(has_data_, false)) return OkStatus();
  return sink_(event, data);
}

Status EventSplitter::Finish() {
  TRY(lines_.Finish());
  return Dispatch();
}

}  // namespace lakehouse::ai
