#include "search/vector_cache/recent_vectors.h"

#include <utility>

namespace lakehouse::search {

namespace {

// A list node, a node and a slot of the table, and what the allocator adds to three blocks.
constexpr uint64_t kEntryOverheadBytes = 192;

}  // namespace

uint64_t RecentVectors::BytesOf(const std::vector<float>& vector) {
  return vector.size() * sizeof(float) + kEntryOverheadBytes;
}

const std::vector<float>* RecentVectors::Find(const Key& key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return &found->second->vector;
}

void RecentVectors::Insert(const Key& key, std::vector<float> vector) {
  const uint64_t needed = BytesOf(vector);
  if (needed > budget_bytes_ || by_key_.contains(key)) return;
  while (bytes_ + needed > budget_bytes_) {
    bytes_ -= BytesOf(entries_.back().vector);
    by_key_.erase(entries_.back().key);
    entries_.pop_back();
  }
  vector.shrink_to_fit();
  entries_.push_front({key, std::move(vector)});
  by_key_.emplace(key, entries_.begin());
  bytes_ += needed;
}

}  // namespace lakehouse::search
