#include "ai/remote/request_gate.h"

#include <chrono>

#include "base/check.h"

namespace lakehouse::ai {
namespace {

// How late a cancellation may be noticed.
constexpr std::chrono::milliseconds kPoll(20);

}  // namespace

RequestGate::RequestGate(size_t places) : free_places_(places) { CHECK(places > 0); }

Result<RequestGate::Place> RequestGate::Enter(Urgency urgency, const CancelToken& cancel) {
  TRY(cancel.Check());
  const MutexLock lock(mutex_);
  Waiter waiter;
  Queue& queue = urgency == Urgency::kInteractive ? interactive_ : background_;
  const auto position = queue.insert(queue.end(), &waiter);
  AdmitNext();
  while (!waiter.admitted) {
    waiter.condition.WaitFor(mutex_, kPoll);
    if (waiter.admitted) break;
    if (Status stopped = cancel.Check(); !stopped.ok()) {
      queue.erase(position);
      return stopped;
    }
  }
  return Place(*this);
}

void RequestGate::Leave() {
  const MutexLock lock(mutex_);
  ++free_places_;
  AdmitNext();
}

void RequestGate::AdmitNext() {
  while (free_places_ > 0 && !(interactive_.empty() && background_.empty())) {
    Queue& queue = interactive_.empty() ? background_ : interactive_;
    Waiter* const next = queue.front();
    queue.pop_front();
    --free_places_;
    next->admitted = true;
    next->condition.NotifyOne();
  }
}

}  // namespace lakehouse::ai
