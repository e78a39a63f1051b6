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

CancelToken CancelToken::Child(int64_t timeout_ms, const Clock& clock) const {
  CancelToken child = WithTimeout(timeout_ms, clock);
  child.state_->parent = state_;
  return child;
}

Status CancelToken::Check() const { return CheckState(*state_); }

Status CancelToken::CheckState(const State& state) {
  if (state.cancelled.load(std::memory_order_acquire)) return Cancelled("stopped on request");
  if (state.clock != nullptr && state.clock->MonotonicMicros() >= state.deadline_micros) {
    return DeadlineExceeded("stopped at its deadline: allow more time or ask for less");
  }
  return state.parent != nullptr ? CheckState(*state.parent) : OkStatus();
}

}  // namespace lakehouse
