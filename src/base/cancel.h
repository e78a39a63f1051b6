// Cooperative cancellation with an optional deadline.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "base/status.h"

namespace lakehouse {

// A handle on one piece of work that may be asked to stop. Copies share the state. Thread-safe.
class CancelToken {
 public:
  // A token that is never cancelled until Cancel is called.
  CancelToken() : state_(std::make_shared<State>()) {}

  // Also stops `timeout_ms` from now on `clock`, which must outlive the token. 0 means no deadline.
  // REQUIRES: timeout_ms >= 0.
  static CancelToken WithTimeout(int64_t timeout_ms, const Clock& clock = Clock::System());

  // A token that stops when this one does, when its own Cancel is called, or `timeout_ms` from now
  // on `clock`, which must outlive it (0: no deadline of its own).
  CancelToken Child(int64_t timeout_ms, const Clock& clock = Clock::System()) const;

  void Cancel() { state_->cancelled.store(true, std::memory_order_release); }
  // True after Cancel or past the deadline.
  bool stopped() const { return !Check().ok(); }
  // Ok, kCancelled or kDeadlineExceeded.
  Status Check() const;

 private:
  struct State {
    std::atomic<bool> cancelled{false};
    const Clock* clock = nullptr;
    int64_t deadline_micros = 0;
    std::shared_ptr<const State> parent;  // Shared with the token this is a child of.
  };
  static Status CheckState(const State& state);

  std::shared_ptr<State> state_;  // Shared by every copy of the token.
};

}  // namespace lakehouse
