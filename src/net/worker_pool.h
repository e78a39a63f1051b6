// Threads that run handlers.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/status.h"

namespace lakehouse::net {

// A fixed number of threads behind a bounded queue. Thread-safe. Invariants:
// 1. Every accepted task runs exactly once, also when the pool stops.
// 2. At most `max_queued` tasks wait.
class WorkerPool {
 public:
  // REQUIRES: threads > 0.
  WorkerPool(int threads, size_t max_queued);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Queues `task`, which must not throw. kUnavailable when the queue is full or the pool stopped.
  Status Submit(std::function<void()> task) EXCLUDES_LOCK(mutex_);
  // Runs what is queued, then joins the threads. Idempotent.
  void Stop() EXCLUDES_LOCK(mutex_);

 private:
  void Work() EXCLUDES_LOCK(mutex_);

  const size_t max_queued_;
  Mutex mutex_;
  CondVar condition_;
  std::deque<std::function<void()>> queue_ GUARDED_BY(mutex_);
  size_t idle_ GUARDED_BY(mutex_) = 0;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace lakehouse::net
