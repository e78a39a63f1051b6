// Reads every bucket at start, and later those that could not be read then.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <thread>
#include <vector>

#include "base/ids.h"
#include "base/mutex.h"
#include "base/status.h"
#include "catalog/loaded_buckets.h"

namespace lakehouse::catalog {

// Calls `read` for each bucket on a thread of its own, so that a bucket that does not answer holds
// up no other. What fails is tried again in the background, at first after `first_wait_micros`,
// then after twice as long each time, at most `max_wait_micros`. Thread-safe. Invariant: `read`
// runs at most once at a time for each bucket.
class BucketLoader {
 public:
  struct Options {
    int64_t first_wait_micros = 1'000'000;
    int64_t max_wait_micros = 60'000'000;
    bool in_background = true;  // False: only LoadMissing tries again.
  };
  using ReadBucket = std::function<Status(const BucketName&)>;

  // `loaded` outlives the loader. `read` marks there what it has read; an error it returns is
  // marked there by the loader.
  BucketLoader(LoadedBuckets& loaded, ReadBucket read, const Options& options);
  // Waits for reads that are running.
  ~BucketLoader();

  // Starts reading every missing bucket but those in `later` and waits until each has been tried,
  // but no longer than `wait_micros`; the rest goes on in the background. Called once.
  void Start(int64_t wait_micros, const std::set<BucketName>& later = {}) EXCLUDES_LOCK(mutex_);
  // Reads one bucket now, also one that was read before.
  Status LoadNow(const BucketName& bucket) { return Load(bucket, /*once=*/false); }
  // Reads every missing bucket now, one after the other; the first error.
  Status LoadMissing() EXCLUDES_LOCK(mutex_);

 private:
  // Nothing is done when the loader stops, or when `once` is set and the bucket was read meanwhile.
  Status Load(const BucketName& bucket, bool once) EXCLUDES_LOCK(mutex_);
  void Run() EXCLUDES_LOCK(mutex_);
  void RunFirst(const BucketName& bucket) EXCLUDES_LOCK(mutex_);

  LoadedBuckets& loaded_;
  const ReadBucket read_;
  const Options options_;
  Mutex mutex_;
  CondVar changed_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  size_t first_running_ GUARDED_BY(mutex_) = 0;  // First reads that have not ended.
  std::set<BucketName> busy_ GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

}  // namespace lakehouse::catalog
