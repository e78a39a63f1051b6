// How many queries run at once.
#pragma once

#include <cstdint>
#include <utility>

#include "base/cancel.h"
#include "base/mutex.h"
#include "base/status.h"

namespace lakehouse::sql {

// Thread-safe.
class QuerySlots {
 public:
  explicit QuerySlots(int64_t count) : free_(count) {}

  // Holds a slot for its lifetime.
  class Slot {
   public:
    explicit Slot(QuerySlots& slots) : slots_(&slots) {}
    ~Slot();
    Slot(Slot&& other) noexcept : slots_(std::exchange(other.slots_, nullptr)) {}
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;

   private:
    QuerySlots* slots_;
  };

  // Waits until a slot is free. kUnavailable when the token's deadline passes first, kCancelled.
  Result<Slot> Acquire(const CancelToken& cancel);

 private:
  Mutex mutex_;
  CondVar freed_;
  int64_t free_ GUARDED_BY(mutex_);
};

}  // namespace lakehouse::sql
