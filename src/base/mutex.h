// A mutex that clang's thread-safety analysis understands. Shared state names its guard with
// GUARDED_BY; `make check` compiles with -Wthread-safety.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define LAKEHOUSE_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define LAKEHOUSE_THREAD_ATTRIBUTE(x)
#endif

#define GUARDED_BY(x) LAKEHOUSE_THREAD_ATTRIBUTE(guarded_by(x))
#define REQUIRES_LOCK(x) LAKEHOUSE_THREAD_ATTRIBUTE(requires_capability(x))
#define EXCLUDES_LOCK(x) LAKEHOUSE_THREAD_ATTRIBUTE(locks_excluded(x))

namespace lakehouse {

class LAKEHOUSE_THREAD_ATTRIBUTE(capability("mutex")) Mutex {
 public:
  void Lock() LAKEHOUSE_THREAD_ATTRIBUTE(acquire_capability()) { mutex_.lock(); }
  void Unlock() LAKEHOUSE_THREAD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

// Holds a Mutex for a scope.
class LAKEHOUSE_THREAD_ATTRIBUTE(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) LAKEHOUSE_THREAD_ATTRIBUTE(acquire_capability(mutex))
      : mutex_(mutex) {
    mutex_.Lock();
  }
  ~MutexLock() LAKEHOUSE_THREAD_ATTRIBUTE(release_capability()) { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// Waits for a condition that a Mutex guards. Wake-ups may be spurious: call in a loop.
class CondVar {
 public:
  void Wait(Mutex& mutex) REQUIRES_LOCK(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }
  // Returns false when the time ran out first.
  bool WaitFor(Mutex& mutex, std::chrono::microseconds timeout) REQUIRES_LOCK(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    const bool woken = condition_.wait_for(lock, timeout) == std::cv_status::no_timeout;
    lock.release();
    return woken;
  }
  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace lakehouse
