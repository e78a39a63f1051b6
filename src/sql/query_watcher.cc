#include "sql/query_watcher.h"

#include <chrono>
#include <utility>

#include "base/check.h"

namespace lakehouse::sql {

namespace {
constexpr std::chrono::milliseconds kPeriod{5};
}  // namespace

QueryWatcher::QueryWatcher() : thread_([this] { Run(); }) {}

QueryWatcher::~QueryWatcher() {
  {
    MutexLock lock(mutex_);
    CHECK(entries_.empty());
    closing_ = true;
    changed_.NotifyOne();
  }
  thread_.join();
}

QueryWatcher::Watch::Watch(QueryWatcher& watcher, const CancelToken& cancel,
                           std::function<void()> interrupt)
    : watcher_(watcher) {
  MutexLock lock(watcher_.mutex_);
  watcher_.entries_.push_front({cancel, std::move(interrupt)});
  entry_ = watcher_.entries_.begin();
  if (watcher_.entries_.size() == 1) watcher_.changed_.NotifyOne();
}

QueryWatcher::Watch::~Watch() {
  MutexLock lock(watcher_.mutex_);
  watcher_.entries_.erase(entry_);
}

void QueryWatcher::Run() {
  MutexLock lock(mutex_);
  while (!closing_) {
    if (entries_.empty()) {
      changed_.Wait(mutex_);
      continue;
    }
    for (const Entry& entry : entries_) {
      if (entry.cancel.stopped()) entry.interrupt();
    }
    changed_.WaitFor(mutex_, kPeriod);
  }
}

}  // namespace lakehouse::sql
