// The vectors in memory that were used last.
#pragma once

#include <cstdint>
#include <cstring>
#include <list>
#include <unordered_map>
#include <vector>

#include "search/vector_cache/vector_segment.h"

namespace lakehouse::search {

// Vectors by embedding space and key, within a budget of bytes; the least recently used ones go
// first. Not thread-safe. Invariant: bytes() <= the budget.
class RecentVectors {
 public:
  struct Key {
    uint32_t space = 0;  // A number that the owner gives to an embedding space.
    VectorKey key;
    bool operator==(const Key&) const = default;
  };

  explicit RecentVectors(uint64_t budget_bytes) : budget_bytes_(budget_bytes) {}

  // Null when it is not there; good until the next Insert.
  const std::vector<float>* Find(const Key& key);
  // Without effect when it is there already, or alone beyond the budget.
  void Insert(const Key& key, std::vector<float> vector);
  // Memory of the entries, their bookkeeping included.
  uint64_t bytes() const { return bytes_; }

 private:
  struct Entry {
    Key key;
    std::vector<float> vector;
  };
  struct Hash {
    // A SHA-256 sum is as good a hash as there is.
    size_t operator()(const Key& key) const {
      size_t hash = 0;
      std::memcpy(&hash, key.key.data(), sizeof(hash));
      return hash ^ key.space;
    }
  };

  static uint64_t BytesOf(const std::vector<float>& vector);

  const uint64_t budget_bytes_;
  uint64_t bytes_ = 0;
  std::list<Entry> entries_;  // Most recently used first.
  std::unordered_map<Key, std::list<Entry>::iterator, Hash> by_key_;
};

}  // namespace lakehouse::search
