#include "base/clock.h"

#include <cstdio>
#include <ctime>

#include "base/check.h"

namespace lakehouse {
namespace {

constexpr int64_t kMicrosPerSecond = 1'000'000;

int64_t ReadMicros(clockid_t clock) {
  timespec time{};
  CHECK(clock_gettime(clock, &time) == 0);
  return int64_t{time.tv_sec} * kMicrosPerSecond + time.tv_nsec / 1000;
}

class SystemClock : public Clock {
 public:
  Timestamp Now() const override { return {ReadMicros(CLOCK_REALTIME)}; }
  int64_t MonotonicMicros() const override { return ReadMicros(CLOCK_MONOTONIC); }
};

}  // namespace

std::string FormatTimestamp(Timestamp time) {
  int64_t micros = time.micros % kMicrosPerSecond;
  time_t seconds = time.micros / kMicrosPerSecond;
  if (micros < 0) {
    micros += kMicrosPerSecond;
    --seconds;
  }
  tm parts{};
  CHECK(gmtime_r(&seconds, &parts) != nullptr);
  char buffer[96];
  std::snprintf(buffer, sizeof(buffer), "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", parts.tm_year + 1900,
                parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                static_cast<int>(micros));
  return buffer;
}

Result<Timestamp> ParseTimestamp(std::string_view text) {
  tm parts{};
  int micros = 0;
  char extra = 0;
  const std::string terminated(text);
  const int read = std::sscanf(terminated.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d.%6dZ%c", &parts.tm_year,
                               &parts.tm_mon, &parts.tm_mday, &parts.tm_hour, &parts.tm_min,
                               &parts.tm_sec, &micros, &extra);
  if (read == 7) {
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    const Timestamp time{int64_t{timegm(&parts)} * kMicrosPerSecond + micros};
    // Formatting again refuses days and hours out of range, which timegm carries over.
    if (FormatTimestamp(time) == text) return time;
  }
  return InvalidArgument("a time like 2026-11-23T17:25:17.000000Z was expected, not ",
                         QuoteForMessage(text));
}

const Clock& Clock::System() {
  static const SystemClock clock;
  return clock;
}

}  // namespace lakehouse
