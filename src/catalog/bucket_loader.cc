#include "catalog/bucket_loader.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include "base/log.h"

namespace lakehouse::catalog {

BucketLoader::BucketLoader(LoadedBuckets& loaded, ReadBucket read, const Options& options)
    : loaded_(loaded), read_(std::move(read)), options_(options) {}

BucketLoader::~BucketLoader() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  for (std::thread& thread : threads_) thread.join();
}

void BucketLoader::Start(int64_t wait_micros, const std::set<BucketName>& later) {
  std::vector<MissingBucket> missing = loaded_.Missing();
  std::erase_if(missing, [&](const MissingBucket& item) { return later.contains(item.bucket); });
  {
    MutexLock lock(mutex_);
    first_running_ = missing.size();
  }
  for (const MissingBucket& bucket : missing) {
    threads_.emplace_back([this, name = bucket.bucket] { RunFirst(name); });
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(wait_micros);
  {
    MutexLock lock(mutex_);
    while (first_running_ > 0) {
      const auto left = end - std::chrono::steady_clock::now();
      if (left.count() <= 0) break;
      changed_.WaitFor(mutex_, std::chrono::duration_cast<std::chrono::microseconds>(left));
    }
  }
  for (const MissingBucket& bucket : loaded_.Missing()) {
    LogWarning("A bucket was not read at start; it is tried again.",
               {{"bucket", bucket.bucket}, {"error", bucket.why.message()}});
  }
  if (options_.in_background) threads_.emplace_back([this] { Run(); });
}

void BucketLoader::RunFirst(const BucketName& bucket) {
  // Start logs what could not be read.
  static_cast<void>(Load(bucket, /*once=*/true));
  MutexLock lock(mutex_);
  --first_running_;
  changed_.NotifyAll();
}

Status BucketLoader::Load(const BucketName& bucket, bool once) {
  {
    MutexLock lock(mutex_);
    while (busy_.contains(bucket)) changed_.Wait(mutex_);
    if (stopping_) return Cancelled("the buckets are not read any more");
    if (once && loaded_.IsLoaded(bucket)) return OkStatus();
    busy_.insert(bucket);
  }
  Status status;
  try {
    status = read_(bucket);
  } catch (const std::exception& exception) {
    status = Internal("reading the bucket broke off: ", std::string_view(exception.what()));
  }
  if (!status.ok()) loaded_.SetFailed(bucket, status);
  MutexLock lock(mutex_);
  busy_.erase(bucket);
  changed_.NotifyAll();
  return status;
}

Status BucketLoader::LoadMissing() {
  Status first;
  for (const MissingBucket& missing : loaded_.Missing()) {
    const Status status = Load(missing.bucket, /*once=*/true);
    if (status.ok()) LogInfo("A bucket answers again.", {{"bucket", missing.bucket}});
    if (first.ok()) first = status;
  }
  return first;
}

void BucketLoader::Run() {
  int64_t wait = options_.first_wait_micros;
  while (true) {
    {
      MutexLock lock(mutex_);
      const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(wait);
      while (!stopping_) {
        const auto left = end - std::chrono::steady_clock::now();
        if (left.count() <= 0) break;
        changed_.WaitFor(mutex_, std::chrono::duration_cast<std::chrono::microseconds>(left));
      }
      if (stopping_) return;
    }
    const bool all = LoadMissing().ok();
    wait = all ? options_.first_wait_micros : std::min(options_.max_wait_micros, wait * 2);
  }
}

}  // namespace lakehouse::catalog
