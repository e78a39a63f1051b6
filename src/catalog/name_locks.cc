#include "catalog/name_locks.h"

namespace lakehouse::catalog {

NameLocks::Hold NameLocks::Lock(const DatasetName& name) {
  MutexLock lock(mutex_);
  while (!held_.insert(name).second) released_.Wait(mutex_);
  return {*this, name};
}

void NameLocks::Unlock(const DatasetName& name) {
  MutexLock lock(mutex_);
  held_.erase(name);
  released_.NotifyAll();
}

}  // namespace lakehouse::catalog
