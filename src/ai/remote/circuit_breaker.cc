#include "ai/remote/circuit_breaker.h"

#include <algorithm>

namespace lakehouse::ai {
namespace {

constexpr int64_t kClosed = 0;
constexpr int64_t kOpen = 1;
constexpr int64_t kHalfOpen = 2;
constexpr int64_t kMicrosPerMilli = 1'000;

}  // namespace

CircuitBreaker::CircuitBreaker(const BreakerPolicy& policy, const Clock& clock, Gauge* state)
    : policy_(policy), clock_(clock), state_(state) {
  SetState(kClosed);
}

CircuitBreaker::Pass::~Pass() {
  if (breaker_ != nullptr && is_probe_) breaker_->NoteGivenUp();
}

void CircuitBreaker::Pass::Reached() {
  breaker_->NoteReached();
  breaker_ = nullptr;
}

void CircuitBreaker::Pass::Failed(const Status& why) {
  breaker_->NoteFailure(why, is_probe_);
  breaker_ = nullptr;
}

Result<CircuitBreaker::Pass> CircuitBreaker::Admit() {
  const MutexLock lock(mutex_);
  if (!open_) return Pass(*this, false);
  const int64_t wait_micros = probe_at_micros_ - clock_.MonotonicMicros();
  if (wait_micros <= 0 && !probing_) {
    probing_ = true;
    SetState(kHalfOpen);
    return Pass(*this, true);
  }
  return Unavailable(
      "the model server has not been reachable since ", FormatTimestamp(since_), " (", failures_,
      " attempts; the last: ", last_error_, "); ",
      probing_ ? std::string("it is being tried again now")
               : StrCat("it will be tried again in ", wait_micros / kMicrosPerMilli + 1, " ms"));
}

void CircuitBreaker::NoteReached() {
  const MutexLock lock(mutex_);
  failures_ = 0;
  open_ = false;
  probing_ = false;
  SetState(kClosed);
}

void CircuitBreaker::NoteFailure(const Status& why, bool was_probe) {
  const MutexLock lock(mutex_);
  if (failures_++ == 0) since_ = clock_.Now();
  last_error_ = why.message();
  if (was_probe) {
    probing_ = false;
    open_ms_ = std::min(open_ms_ * 2, policy_.max_open_ms);
  } else if (!open_ && failures_ >= policy_.failures_to_open) {
    open_ms_ = policy_.first_open_ms;
  } else {
    return;
  }
  open_ = true;
  probe_at_micros_ = clock_.MonotonicMicros() + open_ms_ * kMicrosPerMilli;
  SetState(kOpen);
}

void CircuitBreaker::NoteGivenUp() {
  const MutexLock lock(mutex_);
  if (!open_) return;
  probing_ = false;
  SetState(kOpen);
}

void CircuitBreaker::SetState(int64_t state) const {
  if (state_ != nullptr) state_->Set(state);
}

}  // namespace lakehouse::ai
