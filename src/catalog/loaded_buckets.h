// Which buckets have been read, and what the others were last known to hold.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/mutex.h"
#include "base/status.h"
#include "storage/bucket_registry.h"

namespace lakehouse::catalog {

// A bucket whose documents have not been read.
struct MissingBucket {
  BucketName bucket;
  Status why;                      // Of the last try; kUnavailable when there was none yet.
  std::vector<std::string> names;  // What it was last known to hold, sorted.
};

// Opens the folder of the data directory that keeps what buckets were last known to hold. Null when
// `directory` is "" or cannot be opened, which is logged.
std::unique_ptr<storage::ObjectStore> OpenBucketNames(const std::string& directory);

// Follows the documents of one kind ("dataset") through the buckets of a registry. Keeps the names
// of each bucket in a file of the data directory (docs/formats/bucket_names.md). That file is a
// hint: it only turns "not found" into "cannot be reached" and is never taken for the truth, so
// that what cannot be read or written of it is logged and passed over. Thread-safe.
class LoadedBuckets {
 public:
  // `state` keeps the hint and may be null: nothing is remembered. `buckets` and `state` outlive
  // this.
  LoadedBuckets(const storage::BucketRegistry& buckets, storage::ObjectStore* state,
                std::string_view kind);

  // What was read of a bucket replaces what was known of it.
  void SetLoaded(const BucketName& bucket, std::set<std::string> names) EXCLUDES_LOCK(mutex_);
  void SetFailed(const BucketName& bucket, const Status& why) EXCLUDES_LOCK(mutex_);
  // The bucket left the registry.
  void Forget(const BucketName& bucket) EXCLUDES_LOCK(mutex_);
  // A document of this name came or went.
  void AddName(const BucketName& bucket, const std::string& name) EXCLUDES_LOCK(mutex_);
  void RemoveName(const BucketName& bucket, const std::string& name) EXCLUDES_LOCK(mutex_);

  bool IsLoaded(const BucketName& bucket) const EXCLUDES_LOCK(mutex_);
  // What the bucket holds, or was last known to hold.
  std::vector<std::string> NamesIn(const BucketName& bucket) const EXCLUDES_LOCK(mutex_);
  // Buckets of the registry that have not been read, sorted by name.
  std::vector<MissingBucket> Missing() const EXCLUDES_LOCK(mutex_);

  // kUnavailable when a bucket that is missing was last known to hold `name`.
  Status CheckNotInMissing(std::string_view name) const;
  // As CheckNotInMissing, and kUnavailable when any bucket is missing: nobody can say then that
  // there is no such name.
  Status CheckNothingMissing(std::string_view name) const;
  // kUnavailable when `bucket` is missing.
  Status CheckLoaded(const BucketName& bucket) const;

 private:
  struct Entry {
    bool loaded = false;
    Status why;
    std::set<std::string> names;
  };

  void ReadHint();
  void WriteHint() EXCLUDES_LOCK(mutex_);

  const storage::BucketRegistry& buckets_;
  storage::ObjectStore* const state_;
  const std::string kind_;
  Mutex writing_;  // Held while the hint is written, so that the newest is written last.
  mutable Mutex mutex_;
  std::map<BucketName, Entry> entries_ GUARDED_BY(mutex_);
};

}  // namespace lakehouse::catalog
