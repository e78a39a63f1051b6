// Threads that compute one thing together, step by step.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/status.h"

namespace lakehouse::ai {

// The caller of Run and helpers that wait for it. One caller at a time.
//
// Steps are microseconds apart, so members wait for each other in a loop for a while before they
// give up their core.
class ThreadTeam {
 public:
  // `members` counts the caller; with one there is no thread to start. kResourceExhausted when the
  // system gives no more threads.
  static Result<std::unique_ptr<ThreadTeam>> Start(size_t members);
  ~ThreadTeam();

  size_t size() const { return helpers_.size() + 1; }

  // Calls work(member) once on every member, member 0 being the caller. `work` must not throw.
  void Run(const std::function<void(size_t)>& work);

  // Returns when every member has called it as often. What they wrote before can be read after.
  void Meet();

 private:
  ThreadTeam() = default;
  void Help(size_t member);

  std::vector<std::thread> helpers_;
  // Meetings.
  std::atomic<size_t> arrived_ = 0;
  std::atomic<uint32_t> meetings_ = 0;
  // Work for the helpers.
  Mutex mutex_;
  CondVar started_;
  uint64_t runs_ GUARDED_BY(mutex_) = 0;
  const std::function<void(size_t)>* work_ GUARDED_BY(mutex_) = nullptr;
  bool stopping_ GUARDED_BY(mutex_) = false;
};

}  // namespace lakehouse::ai
