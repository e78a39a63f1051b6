// The queries that run now, by the id under which they can be cancelled.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/cancel.h"
#include "base/mutex.h"
#include "base/status.h"

namespace lakehouse::gateway {

// Thread-safe.
class QueryRegistry {
 public:
  // Holds an id for as long as its query runs. The registry outlives it.
  class Registration {
   public:
    Registration(QueryRegistry& registry, std::string id)
        : registry_(&registry), id_(std::move(id)) {}
    ~Registration();
    Registration(const Registration&) = delete;
    Registration& operator=(const Registration&) = delete;

   private:
    QueryRegistry* registry_;
    std::string id_;
  };

  // kConflict when a query runs under that id; kInvalidArgument unless it is 1 to 64 of
  // [A-Za-z0-9_-].
  Result<std::unique_ptr<Registration>> Add(const std::string& id, const CancelToken& cancel)
      EXCLUDES_LOCK(mutex_);
  // kNotFound when no query runs under that id.
  Status Cancel(const std::string& id) EXCLUDES_LOCK(mutex_);

 private:
  void Remove(const std::string& id) EXCLUDES_LOCK(mutex_);

  Mutex mutex_;
  std::map<std::string, CancelToken> running_ GUARDED_BY(mutex_);
};

}  // namespace lakehouse::gateway
