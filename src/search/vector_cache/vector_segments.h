// The part of the embedding cache that lies in a bucket.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "search/vector_cache/vector_segment.h"
#include "storage/object_store.h"

namespace lakehouse::search {

using VectorSegmentPtr = std::shared_ptr<const VectorSegment>;  // Shared with lookups under way.

// The segments "_cache/embeddings/<space id>/<uuid>.vectors" of one bucket. Thread-safe; everything
// but Segments and Forget is for one thread, and talks to the store. Other processes may add and
// remove segments at any time: a segment that is gone is forgotten. Invariants:
// 1. Bytes that do not verify are never taken for a vector; their segment is forgotten and deleted.
// 2. An object is named by a new UUID and never written twice.
class VectorSegments {
 public:
  struct Options {
    storage::ObjectStore* store = nullptr;  // Outlives this.
    uint64_t budget_bytes = 0;              // Of all segments together.
    bool read_only = false;                 // Nothing is written or deleted.
    const Clock* clock = &Clock::System();
  };
  explicit VectorSegments(const Options& options);

  // The segments of a space that were loaded, newest first. Empty when it was not loaded.
  std::vector<VectorSegmentPtr> Segments(const std::string& space_id) const EXCLUDES_LOCK(mutex_);
  bool IsLoaded(const std::string& space_id) const EXCLUDES_LOCK(mutex_);
  // Takes a segment out after a read of it failed with `why`: one that is gone or damaged. The next
  // Clean deletes what is damaged; when one is gone, another process merged it, and the next Load
  // lists the space again.
  void Forget(const std::string& space_id, const VectorSegment& segment, const Status& why)
      EXCLUDES_LOCK(mutex_);
  // True for what a read answers when its segment is gone or damaged: Forget it.
  static bool IsLost(const Status& why);
  uint64_t bytes() const EXCLUDES_LOCK(mutex_);  // Of every segment that is known of.
  size_t segments() const EXCLUDES_LOCK(mutex_);

  // Reads the keys of the space's segments, unless that was done.
  Status Load(const std::string& space_id) EXCLUDES_LOCK(mutex_);
  // Stores records as a new segment. Durable on return. REQUIRES: what Encode requires.
  Status Write(const std::string& space_id, size_t dimensions,
               std::span<const VectorRecord> records) EXCLUDES_LOCK(mutex_);
  // Merges small segments of the space, as long as there are many of one size.
  Status Merge(const std::string& space_id) EXCLUDES_LOCK(mutex_);
  // Deletes what is damaged, and the oldest segments until the budget is kept.
  Status Clean() EXCLUDES_LOCK(mutex_);

 private:
  struct Space {
    bool loaded = false;
    std::vector<VectorSegmentPtr> segments;  // Oldest first.
  };

  Status ListObjects() EXCLUDES_LOCK(mutex_);
  Status Delete(const std::string& key) EXCLUDES_LOCK(mutex_);
  // Segments of about one size that are to become one; empty when there are too few.
  std::vector<VectorSegmentPtr> ChooseMerge(const std::string& space_id) const
      EXCLUDES_LOCK(mutex_);

  const Options options_;
  const uint64_t max_segment_bytes_;
  mutable Mutex mutex_;
  bool listed_ GUARDED_BY(mutex_) = false;
  std::map<std::string, Space> spaces_ GUARDED_BY(mutex_);
  std::map<std::string, storage::ObjectInfo> objects_ GUARDED_BY(mutex_);  // By key.
  std::set<std::string> damaged_ GUARDED_BY(mutex_);                       // Keys.
  uint64_t bytes_ GUARDED_BY(mutex_) = 0;                                  // Of objects_.
};

}  // namespace lakehouse::search
