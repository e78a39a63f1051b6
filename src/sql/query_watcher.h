// Stops statements whose caller no longer waits.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <thread>

#include "base/cancel.h"
#include "base/mutex.h"

namespace lakehouse::sql {

// One thread that looks at every running statement's token and calls its interrupt again and again
// until the statement has ended: DuckDB forgets an interrupt that comes before its executor starts,
// and some operators look late. Thread-safe.
class QueryWatcher {
 public:
  QueryWatcher();
  ~QueryWatcher();  // REQUIRES: no Watch is left.
  QueryWatcher(const QueryWatcher&) = delete;
  QueryWatcher& operator=(const QueryWatcher&) = delete;

 private:
  struct Entry {
    CancelToken cancel;
    std::function<void()> interrupt;
  };

 public:
  // Watches from construction to destruction; `interrupt` is not called after it.
  class Watch {
   public:
    Watch(QueryWatcher& watcher, const CancelToken& cancel, std::function<void()> interrupt);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    QueryWatcher& watcher_;
    std::list<Entry>::iterator entry_;
  };

 private:
  void Run();

  Mutex mutex_;
  CondVar changed_;
  std::list<Entry> entries_ GUARDED_BY(mutex_);
  bool closing_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace lakehouse::sql
