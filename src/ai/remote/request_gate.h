// Bounds how many requests a server has at once.
#pragma once

#include <cstddef>
#include <list>

#include "base/cancel.h"
#include "base/mutex.h"
#include "base/status.h"

namespace lakehouse::ai {

// Somebody waits for an interactive request; a background one is part of a job.
enum class Urgency { kInteractive, kBackground };

// Thread-safe. Invariants:
// 1. At most `places` requests are inside.
// 2. Who waits enters in the order of arrival, the interactive before the others; nobody passes
//    them by.
class RequestGate {
 public:
  // REQUIRES: places > 0.
  explicit RequestGate(size_t places);

  // A place inside, until it goes out of scope. The gate outlives it.
  class Place {
   public:
    explicit Place(RequestGate& gate) : gate_(&gate) {}
    Place(Place&& other) noexcept : gate_(other.gate_) { other.gate_ = nullptr; }
    ~Place() {
      if (gate_ != nullptr) gate_->Leave();
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    Place& operator=(Place&&) = delete;

   private:
    RequestGate* gate_;
  };

  // Waits for a place. kCancelled or kDeadlineExceeded when `cancel` stops before.
  Result<Place> Enter(Urgency urgency, const CancelToken& cancel) EXCLUDES_LOCK(mutex_);

 private:
  struct Waiter {
    bool admitted = false;
    CondVar condition;
  };
  using Queue = std::list<Waiter*>;

  void Leave() EXCLUDES_LOCK(mutex_);
  void AdmitNext() REQUIRES_LOCK(mutex_);

  Mutex mutex_;
  size_t free_places_ GUARDED_BY(mutex_);
  Queue interactive_ GUARDED_BY(mutex_);
  Queue background_ GUARDED_BY(mutex_);
};

}  // namespace lakehouse::ai
