// The published indexes by name.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "base/mutex.h"
#include "base/status.h"
#include "search/index.h"
#include "storage/bucket_registry.h"

namespace lakehouse::search {

using IndexPtr = std::shared_ptr<const IndexInfo>;  // Shared with searches of older versions.

// Reads every index document at start and keeps what is published since. Thread-safe. Invariant:
// what Find returns has been read from or written to its home bucket as a whole document.
class IndexRegistry {
 public:
  // Scans every bucket. A damaged document is logged and left out; of two indexes with one name in
  // two buckets the first in order of bucket names is kept. `buckets` outlives the registry.
  static Result<std::unique_ptr<IndexRegistry>> Open(storage::BucketRegistry& buckets);

  std::vector<IndexPtr> List() const;  // Sorted by name.
  // Null when there is none.
  IndexPtr Find(const IndexName& name) const;
  // kNotFound names the nearest index.
  Result<IndexPtr> Get(const IndexName& name) const;

  // Replaces version index.version (0: the index is new) and returns what is published now.
  // kConflict when somebody else was first. After any error memory agrees with storage again, as
  // far as storage can be read.
  Result<IndexPtr> Publish(IndexInfo index);
  // Removes the document. REQUIRES: nobody publishes the index meanwhile.
  Status Remove(const IndexInfo& index);

 private:
  explicit IndexRegistry(storage::BucketRegistry& buckets) : buckets_(buckets) {}

  // Takes over what the home bucket holds; null when it holds none.
  Result<IndexPtr> Reload(const BucketName& bucket, const IndexName& name);
  void Replace(const IndexName& name, IndexPtr index);

  storage::BucketRegistry& buckets_;
  mutable Mutex mutex_;
  std::map<IndexName, IndexPtr> indexes_ GUARDED_BY(mutex_);
};

}  // namespace lakehouse::search
