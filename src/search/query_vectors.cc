#include "search/query_vectors.h"

#include <utility>

namespace lakehouse::search {

namespace {

// Longer queries are embedded but not kept.
constexpr size_t kMaxKeptQueryBytes = 4096;

}  // namespace

Result<std::vector<float>> QueryVectors::Get(const std::string& query, const CancelToken& cancel) {
  {
    MutexLock lock(mutex_);
    if (const auto found = by_query_.find(query); found != by_query_.end()) {
      recent_.splice(recent_.begin(), recent_, found->second);
      return found->second->vector;
    }
  }
  ASSIGN_OR_RETURN(auto embedded, provider_.Embed(std::span(&query, 1), ai::Role::kQuery, cancel));
  if (embedded.size() != 1) {
    return Internal("the embedding provider answered 1 query with ", embedded.size(), " vectors");
  }
  ASSIGN_OR_RETURN(std::vector<float> vector, std::move(embedded[0]));
  if (query.size() > kMaxKeptQueryBytes) return vector;

  MutexLock lock(mutex_);
  if (by_query_.contains(query)) return vector;
  recent_.push_front({query, vector});
  by_query_.emplace(recent_.front().query, recent_.begin());
  if (recent_.size() > capacity_) {
    by_query_.erase(recent_.back().query);
    recent_.pop_back();
  }
  return vector;
}

}  // namespace lakehouse::search
