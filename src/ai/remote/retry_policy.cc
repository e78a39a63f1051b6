#include "ai/remote/retry_policy.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <string_view>
#include <thread>

#include "base/strings.h"

namespace lakehouse::ai {
namespace {

constexpr int64_t kMicrosPerMilli = 1'000;
constexpr int64_t kMaxSeconds = 1'000'000;
// How late a cancellation, or the end of the wait on a clock of its own, may be noticed.
constexpr int64_t kPollMicros = 10'000;

}  // namespace

int64_t BackOffMs(const RetryPolicy& policy, int64_t retry, Rng& rng) {
  int64_t whole = std::max<int64_t>(policy.first_wait_ms, 0);
  for (int64_t i = 0; i < retry && whole < policy.max_wait_ms; ++i) whole *= 2;
  whole = std::min(whole, policy.max_wait_ms);
  const int64_t half = whole / 2;
  return half + static_cast<int64_t>(rng.Below(static_cast<uint64_t>(whole - half) + 1));
}

std::optional<int64_t> RetryAfterMs(const net::Headers& headers) {
  const std::string_view text = TrimWhitespace(headers.Get("retry-after").value_or(""));
  int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || seconds < 0) {
    return std::nullopt;
  }
  return std::min(seconds, kMaxSeconds) * 1'000;
}

Status Pause(int64_t wait_ms, const Clock& clock, const CancelToken& cancel) {
  const int64_t end = clock.MonotonicMicros() + wait_ms * kMicrosPerMilli;
  while (true) {
    TRY(cancel.Check());
    const int64_t left = end - clock.MonotonicMicros();
    if (left <= 0) return OkStatus();
    std::this_thread::sleep_for(std::chrono::microseconds(std::min(left, kPollMicros)));
  }
}

}  // namespace lakehouse::ai
