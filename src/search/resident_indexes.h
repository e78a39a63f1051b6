// The indexes that are in memory, within one budget.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/status.h"
#include "search/embedding_store.h"
#include "search/index_registry.h"

namespace lakehouse::search {

// One published version of an index in memory; parts are shared with other versions. Immutable.
struct ResidentIndex {
  IndexPtr info;
  std::vector<std::shared_ptr<const ResidentPart>> parts;  // In order of info->parts.
  uint64_t bytes = 0;

  // The min(k, chunks) nearest chunks, best first, ties in the order of the parts and their rows.
  Result<std::vector<SearchHit>> Search(const std::vector<float>& query, size_t k,
                                        const CancelToken& cancel) const;
  // The chunks of a document in order; empty when it has none.
  std::vector<SearchHit> DocumentChunks(const std::string& doc_id) const;
};

using ResidentIndexPtr = std::shared_ptr<const ResidentIndex>;  // Shared with running searches.

// Loads indexes on first use and drops the least recently used ones when the budget is reached.
// Thread-safe. Invariants:
// 1. One caller at a time loads parts of an index; others of the same index wait for it.
// 2. The bytes of the indexes held, and of those being loaded as far as known, are within the
//    budget. Searches that are running keep an evicted index alive until they end.
class ResidentIndexes {
 public:
  // `store` and `metrics` outlive this.
  ResidentIndexes(EmbeddingStore& store, uint64_t budget_bytes, MetricsRegistry& metrics);

  // This version of the index; only parts that are not resident yet are read. kResourceExhausted
  // with the numbers when the index alone is beyond the budget.
  Result<ResidentIndexPtr> Get(const IndexPtr& index, const CancelToken& cancel);
  void Drop(const IndexName& name);
  uint64_t resident_bytes() const;

 private:
  struct Entry {
    ResidentIndexPtr current;
    bool loading = false;
    uint64_t reserved_bytes = 0;  // Expected size of what is being loaded.
    uint64_t last_use = 0;
  };

  Result<ResidentIndexPtr> Load(const IndexPtr& index, const ResidentIndexPtr& previous,
                                const CancelToken& cancel) const;
  // Evicts others until `entry` has room for `bytes`.
  Status MakeRoom(const IndexName& name, Entry& entry, uint64_t bytes) REQUIRES_LOCK(mutex_);
  // What every entry but `except` takes.
  uint64_t CountBytes(const Entry* except) const REQUIRES_LOCK(mutex_);

  EmbeddingStore& store_;
  const uint64_t budget_bytes_;
  Gauge& resident_gauge_;
  mutable Mutex mutex_;
  CondVar loaded_;
  // Entries are shared with the caller that loads, because Drop may forget one meanwhile.
  std::map<IndexName, std::shared_ptr<Entry>> entries_ GUARDED_BY(mutex_);
  uint64_t uses_ GUARDED_BY(mutex_) = 0;
};

}  // namespace lakehouse::search
