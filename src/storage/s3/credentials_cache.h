// Remembers issued credentials and renews them before they expire.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "storage/s3/credentials.h"
#include "storage/s3/credentials_source.h"

namespace lakehouse::storage {

// Thread-safe. Invariants:
// 1. The source is asked by one thread at a time; the others are served the old credentials while
//    those are valid, else they wait and share the outcome.
// 2. Credentials are renewed from five minutes before they expire. While that fails the old ones
//    are served to their end, and the source is asked every ten seconds at most.
// 3. Expired credentials are never returned.
class CredentialsCache : public CredentialsProvider {
 public:
  // `bucket_url` is for messages. `clock` outlives the cache.
  CredentialsCache(std::unique_ptr<CredentialsSource> source, std::string bucket_url,
                   const Clock& clock);

  Result<S3Credentials> Get() override EXCLUDES_LOCK(mutex_);
  void Invalidate() override EXCLUDES_LOCK(mutex_);

 private:
  bool Valid(Timestamp now) const REQUIRES_LOCK(mutex_);
  // Asks the source without the lock and keeps what it says.
  void Renew() REQUIRES_LOCK(mutex_);
  void Keep(Result<IssuedCredentials> issued) REQUIRES_LOCK(mutex_);

  const std::unique_ptr<CredentialsSource> source_;
  const std::string bucket_url_;
  const Clock& clock_;
  Mutex mutex_;
  CondVar renewed_;
  bool renewing_ GUARDED_BY(mutex_) = false;
  uint64_t renewals_ GUARDED_BY(mutex_) = 0;  // Ended ones.
  std::optional<IssuedCredentials> current_ GUARDED_BY(mutex_);
  Timestamp next_renewal_ GUARDED_BY(mutex_);
  Status failure_ GUARDED_BY(mutex_);  // Of the last renewal.
};

}  // namespace lakehouse::storage
