#include "base/cancel.h"

#include <limits>

#include "base/check.h"

namespace lakehouse {

CancelToken CancelToken::WithTimeout(int64_t timeout_ms, const Clock& clock) {
  CHECK(timeout_ms >= 0);
  CancelToken token;
  if (timeout_ms == 0) return token;
  const int64_t now = clock.MonotonicMicros();
  const int64_t room_ms = (std::numeric_limits<int64_t>::max() - now) / 1000;
  token.state_->clock = &clock;
  token.state_->deadline_micros =
      timeout_ms < room_ms ? now + timeout_ms * 1000 : std::numeric_limits<int64_t>::max();
  return token;
}

Status CancelToken::Check() const {
  if (state_->cancelled.load(std::memory_order_acquire)) {
    return Cancelled("stopped on request");
  }
  if (state_->clock != nullptr && state_->clock->MonotonicMicros() >= state_->deadline_micros) {
    return DeadlineExceeded("stopped at its deadline: allow more time or ask for less");
  }
  return OkStatus();
}

}  // namespace lakehouse
