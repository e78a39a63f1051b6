// Threads that many callers share fairly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/cancel.h"
#include "base/mutex.h"
#include "base/status.h"

namespace lakehouse::ai {

struct WorkerLaneOptions {
  size_t threads = 1;
  int niceness = 0;             // Added to that of the process.
  std::vector<int> processors;  // Thread i stays on processors[i]; empty: wherever it is put.
  // Whoever has a single task runs it on the thread that called, when less than `threads` tasks
  // run: waking up another thread takes as long as a tenth of a short query.
  bool callers_run = false;
};

// Runs the tasks of calls. A worker that is free takes the next task of the call that has been
// served least since it came (start-time fair queueing; Goyal, Vin and Cheng, 1996): a small call
// does not wait for the whole of a large one, and all advance. Thread-safe.
//
// Invariants:
// 1. A task runs at most once; the tasks of a call begin in their order.
// 2. No task of a call runs when Run has returned.
// 3. At most `threads` tasks run at once, each with a place of its own.
class WorkerLane {
 public:
  // Runs task `index` in a place below threads() where no other task runs meanwhile. An error ends
  // the call.
  using Task = std::function<Status(size_t index, size_t place)>;

  // kResourceExhausted when threads cannot be started.
  static Result<std::unique_ptr<WorkerLane>> Start(const WorkerLaneOptions& options);
  // REQUIRES: nobody is in Run.
  ~WorkerLane();

  // Runs `task` for each index below costs.size(). `costs` are the work that tasks are, in a unit
  // that all callers share. Returns the first error of a task, or of `cancel`, which is asked
  // before each; the tasks that had not begun by then never do.
  Status Run(std::span<const size_t> costs, const CancelToken& cancel, const Task& task);

  size_t threads() const { return threads_.size(); }

 private:
  struct Call;

  WorkerLane() = default;
  // A task that was taken.
  struct Turn {
    Call* call = nullptr;
    size_t index = 0;
    size_t place = 0;
  };
  void Work();
  // Waits for a task and a place and takes both; without a call when the lane ends.
  Turn Take();
  void Finish(const Turn& turn, Status status);
  void StopWaiting(Call& call) REQUIRES_LOCK(mutex_);
  // A place for a caller that need not wait.
  std::optional<size_t> TakePlace();

  bool callers_run_ = false;
  std::vector<std::thread> threads_;
  Mutex mutex_;
  CondVar changed_;
  std::vector<Call*> waiting_ GUARDED_BY(mutex_);  // With tasks that nobody has taken; by arrival.
  std::vector<size_t> free_places_ GUARDED_BY(mutex_);
  // What the call that was chosen last had been served before.
  uint64_t virtual_time_ GUARDED_BY(mutex_) = 0;
  bool ending_ GUARDED_BY(mutex_) = false;
};

}  // namespace lakehouse::ai
