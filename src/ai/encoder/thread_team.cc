#include "ai/encoder/thread_team.h"

#include <system_error>

#include <pthread.h>

namespace lakehouse::ai {
namespace {

// About 50 microseconds, several times what a step takes.
constexpr int kSpins = 2'000;

}  // namespace

Result<std::unique_ptr<ThreadTeam>> ThreadTeam::Start(size_t members) {
  std::unique_ptr<ThreadTeam> team(new ThreadTeam);
  try {
    team->helpers_.reserve(members - 1);
    for (size_t member = 1; member < members; ++member) {
      team->helpers_.emplace_back([&team = *team, member] { team.Help(member); });
    }
  } catch (const std::system_error& error) {
    return ResourceExhausted("cannot start an encoder thread: ", std::string_view(error.what()));
  }
  return team;
}

ThreadTeam::~ThreadTeam() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  started_.NotifyAll();
  for (std::thread& helper : helpers_) helper.join();
}

void ThreadTeam::Run(const std::function<void(size_t)>& work) {
  if (helpers_.empty()) {
    work(0);
    return;
  }
  {
    const MutexLock lock(mutex_);
    work_ = &work;
    ++runs_;
  }
  started_.NotifyAll();
  work(0);
  Meet();
}

void ThreadTeam::Meet() {
  if (helpers_.empty()) return;
  const uint32_t meeting = meetings_.load(std::memory_order_relaxed);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) == helpers_.size()) {
    arrived_.store(0, std::memory_order_relaxed);
    meetings_.store(meeting + 1, std::memory_order_release);
    meetings_.notify_all();
    return;
  }
  for (int i = 0; i < kSpins; ++i) {
    if (meetings_.load(std::memory_order_acquire) != meeting) return;
    __builtin_ia32_pause();
  }
  meetings_.wait(meeting, std::memory_order_acquire);
}

void ThreadTeam::Help(size_t member) {
  pthread_setname_np(pthread_self(), "encoder-helper");
  for (uint64_t seen = 0;;) {
    const std::function<void(size_t)>* work = nullptr;
    {
      const MutexLock lock(mutex_);
      while (runs_ == seen && !stopping_) started_.Wait(mutex_);
      if (stopping_) return;
      seen = runs_;
      work = work_;
    }
    (*work)(member);
    Meet();
  }
}

}  // namespace lakehouse::ai
