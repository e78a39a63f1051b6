// One lock for each name, made when it is needed.
#pragma once

#include <set>
#include <utility>

#include "base/ids.h"
#include "base/mutex.h"

namespace lakehouse::catalog {

// Lets one thread at a time work on a dataset, and any number on different datasets. Thread-safe.
class NameLocks {
 public:
  // Keeps a name locked for its scope. Must not outlive its NameLocks.
  class Hold {
   public:
    Hold(NameLocks& locks, DatasetName name) : locks_(locks), name_(std::move(name)) {}
    ~Hold() { locks_.Unlock(name_); }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    NameLocks& locks_;
    const DatasetName name_;
  };

  // Waits until nobody holds `name`. REQUIRES: the calling thread does not hold it.
  [[nodiscard]] Hold Lock(const DatasetName& name) EXCLUDES_LOCK(mutex_);

 private:
  void Unlock(const DatasetName& name) EXCLUDES_LOCK(mutex_);

  Mutex mutex_;
  CondVar released_;
  std::set<DatasetName> held_ GUARDED_BY(mutex_);
};

}  // namespace lakehouse::catalog
