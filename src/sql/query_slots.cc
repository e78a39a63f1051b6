#include "sql/query_slots.h"

#include <chrono>

namespace lakehouse::sql {

namespace {
constexpr std::chrono::milliseconds kPeriod{10};
}  // namespace

QuerySlots::Slot::~Slot() {
  if (slots_ == nullptr) return;
  MutexLock lock(slots_->mutex_);
  ++slots_->free_;
  slots_->freed_.NotifyOne();
}

Result<QuerySlots::Slot> QuerySlots::Acquire(const CancelToken& cancel) {
  MutexLock lock(mutex_);
  while (free_ == 0) {
    const Status status = cancel.Check();
    if (status.code() == StatusCode::kDeadlineExceeded) {
      return Unavailable("Every query slot was busy until the deadline; retry later");
    }
    TRY(status);
    freed_.WaitFor(mutex_, kPeriod);
  }
  --free_;
  return Slot(*this);
}

}  // namespace lakehouse::sql
