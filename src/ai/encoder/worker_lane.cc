#include "ai/encoder/worker_lane.h"

#include <algorithm>
#include <new>
#include <system_error>
#include <utility>

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

namespace lakehouse::ai {
namespace {

// On Linux a thread has a niceness and a CPU mask of its own. What fails leaves the thread as it
// was, which costs speed and nothing else.
void SetUpThread(int niceness, int processor) {
  pthread_setname_np(pthread_self(), "encoder");
  if (niceness != 0) {
    const auto thread_id = static_cast<id_t>(gettid());
    const int current = getpriority(PRIO_PROCESS, thread_id);
    (void)setpriority(PRIO_PROCESS, thread_id, current + niceness);
  }
  if (processor >= 0) {
    cpu_set_t mask;
    CPU_ZERO(&mask);
    CPU_SET(processor, &mask);
    (void)pthread_setaffinity_np(pthread_self(), sizeof(mask), &mask);
  }
}

// A thread has nobody to pass an exception to.
Status RunTask(const WorkerLane::Task& task, size_t index, size_t place) {
  try {
    return task(index, place);
  } catch (const std::bad_alloc&) {
    return ResourceExhausted("not enough memory to encode texts");
  }
}

}  // namespace

// One Run, on its caller's stack.
struct WorkerLane::Call {
  std::span<const size_t> costs;
  const CancelToken& cancel;
  const Task& task;
  // Guarded by the lane's mutex.
  size_t next = 0;
  size_t running = 0;
  uint64_t served = 0;
  Status error;
  CondVar ended;
};

Result<std::unique_ptr<WorkerLane>> WorkerLane::Start(const WorkerLaneOptions& options) {
  std::unique_ptr<WorkerLane> lane(new WorkerLane);
  lane->callers_run_ = options.callers_run;
  {
    const MutexLock lock(lane->mutex_);
    for (size_t i = 0; i < options.threads; ++i) lane->free_places_.push_back(i);
  }
  for (size_t i = 0; i < options.threads; ++i) {
    const int processor = i < options.processors.size() ? options.processors[i] : -1;
    try {
      lane->threads_.emplace_back([&lane = *lane, processor, niceness = options.niceness] {
        SetUpThread(niceness, processor);
        lane.Work();
      });
    } catch (const std::system_error& error) {
      return ResourceExhausted("cannot start an encoder thread: ", std::string_view(error.what()));
    }
  }
  return lane;
}

WorkerLane::~WorkerLane() {
  {
    const MutexLock lock(mutex_);
    ending_ = true;
  }
  changed_.NotifyAll();
  for (std::thread& thread : threads_) thread.join();
}

Status WorkerLane::Run(std::span<const size_t> costs, const CancelToken& cancel, const Task& task) {
  if (costs.empty()) return cancel.Check();
  if (costs.size() == 1 && callers_run_) {
    if (const std::optional<size_t> place = TakePlace()) {
      Status status = cancel.Check();
      if (status.ok()) status = RunTask(task, 0, *place);
      const MutexLock lock(mutex_);
      free_places_.push_back(*place);
      if (!waiting_.empty()) changed_.NotifyOne();
      return status;
    }
  }
  Call call{.costs = costs, .cancel = cancel, .task = task};
  const MutexLock lock(mutex_);
  call.served = virtual_time_;
  waiting_.push_back(&call);
  if (costs.size() == 1) {
    changed_.NotifyOne();
  } else {
    changed_.NotifyAll();
  }
  while (call.next < costs.size() || call.running > 0) call.ended.Wait(mutex_);
  return call.error;
}

void WorkerLane::StopWaiting(Call& call) {
  call.next = call.costs.size();
  std::erase(waiting_, &call);
}

std::optional<size_t> WorkerLane::TakePlace() {
  const MutexLock lock(mutex_);
  if (!waiting_.empty() || free_places_.empty()) return std::nullopt;
  const size_t place = free_places_.back();
  free_places_.pop_back();
  return place;
}

WorkerLane::Turn WorkerLane::Take() {
  const MutexLock lock(mutex_);
  for (;;) {
    while ((waiting_.empty() || free_places_.empty()) && !ending_) changed_.Wait(mutex_);
    if (waiting_.empty()) return {};
    Call& call = **std::ranges::min_element(waiting_, {}, &Call::served);
    if (Status stopped = call.cancel.Check(); !stopped.ok()) {
      StopWaiting(call);
      if (call.error.ok()) call.error = std::move(stopped);
      if (call.running == 0) call.ended.NotifyAll();
      continue;
    }
    virtual_time_ = call.served;
    call.served += call.costs[call.next];
    const Turn turn = {.call = &call, .index = call.next++, .place = free_places_.back()};
    free_places_.pop_back();
    ++call.running;
    if (call.next == call.costs.size()) StopWaiting(call);
    return turn;
  }
}

void WorkerLane::Finish(const Turn& turn, Status status) {
  const MutexLock lock(mutex_);
  free_places_.push_back(turn.place);
  Call& call = *turn.call;
  --call.running;
  if (!status.ok()) {
    if (call.error.ok()) call.error = std::move(status);
    StopWaiting(call);
  }
  // Notified under the lock: the call is gone as soon as its caller may go on.
  if (call.running == 0 && call.next == call.costs.size()) call.ended.NotifyAll();
}

void WorkerLane::Work() {
  for (;;) {
    const Turn turn = Take();
    if (turn.call == nullptr) return;
    Finish(turn, RunTask(turn.call->task, turn.index, turn.place));
  }
}

}  // namespace lakehouse::ai
