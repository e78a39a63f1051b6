// Keeps callers from waiting again and again for a server that is not there.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/status.h"

namespace lakehouse::ai {

struct BreakerPolicy {
  int64_t failures_to_open = 5;
  int64_t first_open_ms = 1'000;  // Doubles with each probe that fails.
  int64_t max_open_ms = 60'000;
};

// Counts consecutive failures to reach one server (Nygard, "Release It!", 2007). Thread-safe.
// Invariants:
// 1. Closed: everybody passes. Open: nobody. Half open: one probe at a time.
// 2. Any answer of the server closes it, also one to a request from before it opened.
class CircuitBreaker {
 public:
  // `state`, unless null, is set to 0 closed, 1 open, 2 half open. Both outlive the breaker.
  CircuitBreaker(const BreakerPolicy& policy, const Clock& clock, Gauge* state);

  // One admitted request. Unless told how it ended, it counts as one that was given up.
  class Pass {
   public:
    Pass(CircuitBreaker& breaker, bool is_probe) : breaker_(&breaker), is_probe_(is_probe) {}
    Pass(Pass&& other) noexcept : breaker_(other.breaker_), is_probe_(other.is_probe_) {
      other.breaker_ = nullptr;
    }
    ~Pass();
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;
    Pass& operator=(Pass&&) = delete;

    // The server answered, whatever it said.
    void Reached();
    void Failed(const Status& why);

   private:
    CircuitBreaker* breaker_;  // Null once the end is known.
    const bool is_probe_;
  };

  // kUnavailable, without a wait, says since when the server is not reachable, and why.
  Result<Pass> Admit() EXCLUDES_LOCK(mutex_);
  // The server was reached without a pass.
  void NoteReached() EXCLUDES_LOCK(mutex_);

 private:
  void NoteFailure(const Status& why, bool was_probe) EXCLUDES_LOCK(mutex_);
  void NoteGivenUp() EXCLUDES_LOCK(mutex_);
  void SetState(int64_t state) const;

  const BreakerPolicy policy_;
  const Clock& clock_;
  Gauge* const state_;
  Mutex mutex_;
  int64_t failures_ GUARDED_BY(mutex_) = 0;
  Timestamp since_ GUARDED_BY(mutex_);  // Of the first of those failures.
  std::string last_error_ GUARDED_BY(mutex_);
  bool open_ GUARDED_BY(mutex_) = false;
  bool probing_ GUARDED_BY(mutex_) = false;
  int64_t open_ms_ GUARDED_BY(mutex_) = 0;
  int64_t probe_at_micros_ GUARDED_BY(mutex_) = 0;
};

}  // namespace lakehouse::ai
