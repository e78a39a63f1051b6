// Which models of a server are expected to be in its memory.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"

namespace lakehouse::ai {

// Thread-safe.
class ModelUse {
 public:
  ModelUse(int64_t request_timeout_ms, int64_t load_timeout_ms, const Clock& clock)
      : request_timeout_ms_(request_timeout_ms), load_timeout_ms_(load_timeout_ms), clock_(clock) {}

  // The time for a request to this model: that of loading it, unless it answered within the last
  // minute.
  int64_t TimeoutMs(const std::string& model) EXCLUDES_LOCK(mutex_);
  void NoteAnswer(const std::string& model) EXCLUDES_LOCK(mutex_);

  // A pinned model was preloaded, and stays until it is unloaded.
  void Pin(const std::string& model) EXCLUDES_LOCK(mutex_);
  void NoteUnload(const std::string& model) EXCLUDES_LOCK(mutex_);
  bool IsPinned(const std::string& model) EXCLUDES_LOCK(mutex_);

 private:
  const int64_t request_timeout_ms_;
  const int64_t load_timeout_ms_;
  const Clock& clock_;
  Mutex mutex_;
  std::map<std::string, int64_t> answered_micros_ GUARDED_BY(mutex_);
  std::set<std::string> pinned_ GUARDED_BY(mutex_);
};

}  // namespace lakehouse::ai
