#include "net/worker_pool.h"

#include <utility>

#include "base/check.h"

namespace lakehouse::net {

WorkerPool::WorkerPool(int threads, size_t max_queued) : max_queued_(max_queued) {
  CHECK(threads > 0);
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
}

WorkerPool::~WorkerPool() { Stop(); }

Status WorkerPool::Submit(std::function<void()> task) {
  MutexLock lock(mutex_);
  if (stopping_) return Unavailable("the server is stopping");
  if (queue_.size() >= max_queued_ + idle_) {
    return Unavailable("too many requests are waiting: try again in a moment");
  }
  queue_.push_back(std::move(task));
  condition_.NotifyOne();
  return OkStatus();
}

void WorkerPool::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    condition_.NotifyAll();
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void WorkerPool::Work() {
  while (true) {
    std::function<void()> task;
    {
      MutexLock lock(mutex_);
      ++idle_;
      while (queue_.empty() && !stopping_) condition_.Wait(mutex_);
      --idle_;
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
    }
    task();
  }
}

}  // namespace lakehouse::net
