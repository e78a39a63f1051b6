// Vectors of recent queries.
#pragma once

#include <list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ai/embedding_provider.h"
#include "base/cancel.h"
#include "base/mutex.h"
#include "base/status.h"

namespace lakehouse::search {

// Embeds query texts and keeps the last ones, because people page and refine. Thread-safe.
class QueryVectors {
 public:
  // `provider` outlives this.
  QueryVectors(ai::EmbeddingProvider& provider, size_t capacity)
      : provider_(provider), capacity_(capacity) {}

  Result<std::vector<float>> Get(const std::string& query, const CancelToken& cancel);

 private:
  struct Entry {
    std::string query;
    std::vector<float> vector;
  };

  ai::EmbeddingProvider& provider_;
  const size_t capacity_;
  Mutex mutex_;
  std::list<Entry> recent_ GUARDED_BY(mutex_);  // Most recently used first.
  // Views the text of its entry.
  std::map<std::string_view, std::list<Entry>::iterator> by_query_ GUARDED_BY(mutex_);
};

}  // namespace lakehouse::search
