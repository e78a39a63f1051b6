// The buckets of this server by name.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/ids.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/secrets.h"
#include "storage/block_cache.h"
#include "storage/bucket_probe.h"
#include "storage/error_journal.h"
#include "storage/object_store.h"

namespace lakehouse::storage {

enum class BucketRole { kNone, kPrimary, kRescue, kProfile };
std::string_view BucketRoleName(BucketRole role);  // "primary"; "" for none.

struct BucketInfo {
  BucketName name;
  std::string backend;   // "local", "s3" or "memory".
  std::string location;  // Without secrets; "" for a store that came from outside.
  BucketRole role = BucketRole::kNone;
  bool from_config = false;  // Stands in lakehouse.toml, so only an edit there removes it.
};

struct BucketRegistryOptions {
  StorageConfig config;
  std::string data_dir;
  const SecretStore* secrets = nullptr;  // Outlives the registry; null: there are none.
  MetricsRegistry* metrics = nullptr;    // Outlives the registry; null: none.
  const Clock* clock = &Clock::System();
};

// Says why a bucket may not go: one line per dataset or index in it.
using BucketUsers = std::function<std::vector<std::string>(const BucketName& name)>;

// The buckets of lakehouse.toml and those provisioned at run time, which are documents of kind
// "bucket" (of names with a prefix "bucket-s3", "bucket-profile") in `primary`. Owns the stores.
// Thread-safe. Invariants:
// 1. There is always a `primary`; it and the rescue bucket are never removed.
// 2. A store that Find returned lives as long as the registry, also after its bucket was removed.
// 3. No two buckets share a directory, or an endpoint, bucket and overlapping prefix.
// 4. A secret signs requests to one endpoint only: the one that its own key `endpoint` names, else
//    that of the first bucket that uses it. All of AWS counts as one.
// 5. A bucket that cannot be reached or opened does not stop Open: its store answers kUnavailable
//    and is opened again when it is used.
class BucketRegistry {
 public:
  // Opens every configured bucket, or the default one, `primary`, and those provisioned earlier.
  // kInvalidArgument for what only an edit of lakehouse.toml can mend: no `primary`, a name that
  // does not fit its backend (S3 buckets but primary and rescue are named `s3:<id>`), settings that
  // contradict each other, a secret that is not there, a rescue bucket that does not exist.
  static Result<std::unique_ptr<BucketRegistry>> Open(const BucketRegistryOptions& options);

  // For tests and embedding: takes ready stores. REQUIRES: one is `primary`. A bucket named
  // `rescue` is the rescue bucket.
  static std::unique_ptr<BucketRegistry> FromStores(
      std::map<BucketName, std::unique_ptr<ObjectStore>> stores);
  ~BucketRegistry();

  // kNotFound names the buckets there are.
  Result<ObjectStore*> Find(const BucketName& name) const EXCLUDES_LOCK(mutex_);
  ObjectStore& primary() const;
  std::optional<BucketName> rescue() const;
  std::vector<BucketInfo> List() const EXCLUDES_LOCK(mutex_);  // Sorted by name.
  Result<BucketInfo> Describe(const BucketName& name) const EXCLUDES_LOCK(mutex_);

  // Provisions a bucket: checks it as Open does, probes it, makes it durable, then visible. A name
  // `profile:<id>` is a local bucket below storage.profile_root and takes no root. kConflict when
  // the name or the place is taken by another bucket; the same bucket again is ok. What the probe
  // finds comes back with its own message.
  Result<BucketInfo> Add(const BucketConfig& config) EXCLUDES_LOCK(mutex_);
  // Forgets a bucket; its data stays. kPermissionDenied for primary, the rescue bucket and what
  // stands in lakehouse.toml; kConflict lists what `users` says.
  Status Remove(const BucketName& name, const BucketUsers& users) EXCLUDES_LOCK(mutex_);

  // Probes the bucket with its own settings. kNotFound.
  Result<ProbeReport> Probe(const BucketName& name, bool read_only) const EXCLUDES_LOCK(mutex_);
  // One cheap request: ok when the bucket answers.
  Status CheckReachable(const BucketName& name) const EXCLUDES_LOCK(mutex_);

  ErrorJournal& errors() const;
  // Null when storage.cache_bytes is 0.
  const BlockCache* cache() const;
  // Ends multipart uploads that killed processes left in S3 buckets; errors are logged.
  void AbortStaleUploads(Timestamp before);

 private:
  struct Bucket;
  BucketRegistry();

  mutable Mutex mutex_;
  std::map<BucketName, std::unique_ptr<Bucket>> buckets_ GUARDED_BY(mutex_);
};

}  // namespace lakehouse::storage
