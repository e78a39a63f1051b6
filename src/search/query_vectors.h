// Vectors of recent queries.
#pragma once

#include <compare>
#include <cstddef>
#include <list>
#include <map>
#include <string>
#include <vector>

#include "ai/embedding_model.h"
#include "base/cancel.h"
#include "base/mutex.h"
#include "base/status.h"

namespace lakehouse::search {

// Embeds query texts and keeps the last vectors, because people page and refine. Thread-safe.
class QueryVectors {
 public:
  explicit QueryVectors(size_t capacity) : capacity_(capacity) {}

  // Vectors of one model object, or of another one with the same space, serve each other.
  Result<std::vector<float>> Get(ai::EmbeddingModel& model, const std::string& query,
                                 const CancelToken& cancel);

 private:
  struct Key {
    std::string space_id;
    std::string query;
    auto operator<=>(const Key&) const = default;
  };
  struct Entry {
    const Key* key = nullptr;  // That of by_key_.
    std::vector<float> vector;
  };

  const size_t capacity_;
  Mutex mutex_;
  std::list<Entry> recent_ GUARDED_BY(mutex_);  // Most recently used first.
  std::map<Key, std::list<Entry>::iterator> by_key_ GUARDED_BY(mutex_);
};

}  // namespace lakehouse::search
