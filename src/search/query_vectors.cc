#include "search/query_vectors.h"

#include <span>
#include <utility>

namespace lakehouse::search {

namespace {

// Longer queries are embedded but not kept.
constexpr size_t kMaxKeptQueryBytes = 4096;

}  // namespace

Result<std::vector<float>> QueryVectors::Get(ai::EmbeddingModel& model, const std::string& query,
                                             const CancelToken& cancel) {
  const Key key{ai::SpaceId(model.space()), query};
  {
    MutexLock lock(mutex_);
    if (const auto found = by_key_.find(key); found != by_key_.end()) {
      recent_.splice(recent_.begin(), recent_, found->second);
      return found->second->vector;
    }
  }
  ASSIGN_OR_RETURN(ai::Embeddings embedded,
                   model.Embed(std::span(&query, 1), {.role = ai::Role::kQuery, .cancel = cancel}));
  if (embedded.size() != 1) {
    return Internal("the model answered 1 query with ", embedded.size(), " vectors");
  }
  ASSIGN_OR_RETURN(std::vector<float> vector, std::move(embedded[0]));
  if (query.size() > kMaxKeptQueryBytes) return vector;

  MutexLock lock(mutex_);
  const auto [entry, is_new] = by_key_.emplace(key, recent_.end());
  if (!is_new) return vector;
  recent_.push_front({&entry->first, vector});
  entry->second = recent_.begin();
  if (recent_.size() > capacity_) {
    by_key_.erase(by_key_.find(*recent_.back().key));
    recent_.pop_back();
  }
  return vector;
}

}  // namespace lakehouse::search
