// Vectors of texts that were embedded before, in memory and in a bucket.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "ai/vector_cache.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "search/vector_cache/recent_vectors.h"
#include "search/vector_cache/vector_segments.h"
#include "storage/object_store.h"

namespace lakehouse::search {

struct BucketVectorCacheOptions {
  storage::ObjectStore* store = nullptr;  // Outlives the cache, as `metrics` and `clock`.
  uint64_t memory_bytes = 0;              // Of vectors; 0: none are kept in memory.
  uint64_t disk_bytes = 0;                // Of segments in the bucket; 0: there are none.
  bool read_only = false;                 // What is in the bucket is used, nothing is written.
  MetricsRegistry* metrics = nullptr;
  const Clock* clock = &Clock::System();
  // New vectors are written when there are so many, or when the first of them is so old: what a
  // killed process has embedded and not written is embedded again.
  size_t flush_vectors = 1'024;
  int64_t flush_interval_micros = 250'000;
};

// A VectorCache with two tiers: recently used vectors in memory, and segments below
// "_cache/embeddings/" in a bucket (docs/formats/embedding_cache.md), which one thread writes,
// merges and bounds in the background. Two caches, also of two processes, may share a bucket.
// Invariants:
// 1. A vector is given only for the key and space that it was put under, bit for bit.
// 2. A bucket that fails turns its tier off for a while; nothing is reported but in the log.
// 3. Put never waits for the bucket. Find waits for it only to read vectors, and once for the keys
//    of a space, for kLoadWaitMicros at most.
class BucketVectorCache : public ai::VectorCache {
 public:
  static std::unique_ptr<BucketVectorCache> Open(const BucketVectorCacheOptions& options);
  ~BucketVectorCache() override;

  std::vector<std::optional<Vector>> Find(const std::string& space_id, size_t dimensions,
                                          std::span<const std::string> keys) override;
  void Put(const std::string& space_id, std::span<const std::string> keys,
           std::span<const Vector> vectors) override;

  // Returns when everything that was put before is in the bucket, or given up.
  void Flush() EXCLUDES_LOCK(mutex_);
  // Flushes, then ends the thread; Find and Put go on with what is in memory. Idempotent.
  void Shutdown() EXCLUDES_LOCK(mutex_);

  static constexpr int64_t kLoadWaitMicros = 5'000'000;

 private:
  // Vectors of one space that are not in the bucket yet.
  struct Batch {
    size_t dimensions = 0;
    std::vector<VectorRecord> records;
    std::map<VectorKey, size_t> rows;
  };
  using Batches = std::map<std::string, Batch>;  // By space id.
  struct Lookup;

  explicit BucketVectorCache(const BucketVectorCacheOptions& options);

  bool has_segments() const { return options_.disk_bytes > 0; }
  uint32_t NumberOf(const std::string& space_id) REQUIRES_LOCK(mutex_);
  void FindInMemory(Lookup& lookup) EXCLUDES_LOCK(mutex_);
  void FindInSegments(Lookup& lookup) EXCLUDES_LOCK(mutex_);
  // False when a segment was gone: what was in it may be in another one, which is not known yet.
  bool ReadSegments(Lookup& lookup, std::vector<size_t>& found) EXCLUDES_LOCK(mutex_);
  // Waits until the keys of the space are known; false when they cannot be for now.
  bool AwaitLoaded(const std::string& space_id) EXCLUDES_LOCK(mutex_);
  bool IsOff() const REQUIRES_LOCK(mutex_);
  void TurnOff(const Status& why) EXCLUDES_LOCK(mutex_);
  static uint64_t BytesOf(const Batch& batch);  // Memory of one of its records.

  void RunWorker() EXCLUDES_LOCK(mutex_);
  bool WantsWork() const REQUIRES_LOCK(mutex_);
  // Loads, writes, merges and cleans what there is to do.
  Status Work(const std::vector<std::string>& to_load) EXCLUDES_LOCK(mutex_);
  Status WriteBatches() EXCLUDES_LOCK(mutex_);

  const BucketVectorCacheOptions options_;
  VectorSegments segments_;
  Counter& memory_hits_;
  Counter& bucket_hits_;
  Counter& misses_;
  Counter& forgotten_;
  Gauge& memory_gauge_;
  Gauge& bucket_gauge_;

  mutable Mutex mutex_;
  CondVar work_;  // For the worker: something to do.
  CondVar done_;  // For the others: the worker has done something.
  RecentVectors recent_ GUARDED_BY(mutex_);
  std::map<std::string, uint32_t> spaces_ GUARDED_BY(mutex_);
  Batches unwritten_ GUARDED_BY(mutex_);
  Batches being_written_ GUARDED_BY(mutex_);               // Changed only by the worker.
  size_t unwritten_count_ GUARDED_BY(mutex_) = 0;          // Of unwritten_.
  int64_t unwritten_since_micros_ GUARDED_BY(mutex_) = 0;  // 0: it is empty.
  uint64_t unwritten_bytes_ GUARDED_BY(mutex_) = 0;        // Of both.
  // The spaces whose keys a lookup asked for, and until when lookups wait for them.
  std::map<std::string, int64_t> wanted_spaces_ GUARDED_BY(mutex_);
  bool cleaning_wanted_ GUARDED_BY(mutex_) = false;
  uint64_t flushes_wanted_ GUARDED_BY(mutex_) = 0;
  uint64_t flushes_done_ GUARDED_BY(mutex_) = 0;
  int64_t off_until_micros_ GUARDED_BY(mutex_) = 0;
  int64_t off_micros_ GUARDED_BY(mutex_) = 0;  // How long it was off last; 0: it works.
  bool stopping_ GUARDED_BY(mutex_) = false;
  bool ended_ GUARDED_BY(mutex_) = false;
  std::thread worker_;
};

}  // namespace lakehouse::search
