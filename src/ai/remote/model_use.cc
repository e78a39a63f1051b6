#include "ai/remote/model_use.h"

#include <algorithm>

namespace lakehouse::ai {
namespace {

constexpr int64_t kLoadedMicros = 60'000'000;

}  // namespace

int64_t ModelUse::TimeoutMs(const std::string& model) {
  const MutexLock lock(mutex_);
  const auto known = answered_micros_.find(model);
  const bool is_loaded =
      known != answered_micros_.end() && clock_.MonotonicMicros() - known->second < kLoadedMicros;
  return is_loaded ? request_timeout_ms_ : std::max(request_timeout_ms_, load_timeout_ms_);
}

void ModelUse::NoteAnswer(const std::string& model) {
  const MutexLock lock(mutex_);
  answered_micros_[model] = clock_.MonotonicMicros();
}

void ModelUse::Pin(const std::string& model) {
  const MutexLock lock(mutex_);
  pinned_.insert(model);
}

void ModelUse::NoteUnload(const std::string& model) {
  const MutexLock lock(mutex_);
  pinned_.erase(model);
  answered_micros_.erase(model);
}

bool ModelUse::IsPinned(const std::string& model) {
  const MutexLock lock(mutex_);
  return pinned_.contains(model);
}

}  // namespace lakehouse::ai
