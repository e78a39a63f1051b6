// Time behind an interface, so that tests own it.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace lakehouse {

// Microseconds since 1970-01-01T00:00:00Z.
struct Timestamp {
  int64_t micros = 0;
  auto operator<=>(const Timestamp&) const = default;
};

// Formats as RFC 3339 in UTC with microseconds: "2026-11-23T17:25:17.000000Z".
std::string FormatTimestamp(Timestamp time);
// Reads exactly what FormatTimestamp writes; kInvalidArgument for anything else.
Result<Timestamp> ParseTimestamp(std::string_view text);

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // Wall time; may step backwards. For records, never for durations.
  virtual Timestamp Now() const = 0;
  // Microseconds from an arbitrary start; never steps backwards. For durations and deadlines.
  virtual int64_t MonotonicMicros() const = 0;

  // The operating system's clock. Lives as long as the process.
  static const Clock& System();
};

// A clock that moves only when told to.
class ManualClock : public Clock {
 public:
  explicit ManualClock(Timestamp start = {}) : now_micros_(start.micros) {}
  Timestamp Now() const override { return {now_micros_.load()}; }
  int64_t MonotonicMicros() const override { return now_micros_.load(); }
  void AdvanceMicros(int64_t delta) { now_micros_ += delta; }

 private:
  std::atomic<int64_t> now_micros_;
};

}  // namespace lakehouse
