// Streams of lines, as they come over the network: in pieces cut anywhere.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace lakehouse::ai {

// Collects bytes into lines, which end with LF or CRLF. Not thread-safe.
class LineSplitter {
 public:
  // Receives a line without its end; its error ends Feed.
  using Sink = std::function<Status(std::string_view line)>;

  explicit LineSplitter(Sink sink) : sink_(std::move(sink)) {}

  // kUnavailable for a line of more than 16 MiB: no server means that.
  Status Feed(std::string_view bytes);
  // Gives what follows the last line's end, if anything, as a line.
  Status Finish();

 private:
  Status Emit(std::string_view line);

  const Sink sink_;
  std::string rest_;
};

// Server-sent events (WHATWG HTML, section 9.2), without ids and reconnection. Not thread-safe.
class EventSplitter {
 public:
  // `event` is "" where the server names none. Its error ends Feed.
  using Sink = std::function<Status(std::string_view event, std::string_view data)>;

  explicit EventSplitter(Sink sink);

  Status Feed(std::string_view bytes) { return lines_.Feed(bytes); }
  // Gives an event that lacks the blank line behind it.
  Status Finish();

 private:
  Status TakeLine(std::string_view line);
  Status Dispatch();

  const Sink sink_;
  LineSplitter lines_;
  std::string event_;
  std::string data_;
  bool has_data_ = false;
};

}  // namespace lakehouse::ai
