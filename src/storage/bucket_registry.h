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
#include "storage/bucket_place.h"
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
//    that of the first bucket that uses it. All of AWS counts as one, and so do all keys that come
//    from the environment (`aws:…`).
// 5. A bucket that cannot be reached or opened does not stop Open: its store answers kUnavailable
//    and is opened again when it is used.
// 6. What a store answers because its bucket failed names the bucket and stands in errors().
//
// While `primary` cannot be read nobody knows which buckets were provisioned. Find (of a name that
// is not known), List, Describe, Add and Remove then try to read them again, one caller at a time,
// for a few seconds at most and with a back-off of up to 5 s between two tries.
class BucketRegistry {
 public:
  // Opens every configured bucket, or the default one, `primary`, and those provisioned earlier.
  // kInvalidArgument for what only an edit of lakehouse.toml can mend: no `primary`, a name that
  // does not fit its backend (S3 buckets but primary and rescue are named `s3:<id>`), settings that
  // contradict each other, a secret that is not there, a rescue bucket that does not exist.
  static Result<std::unique_ptr<BucketRegistry>> Open(const BucketRegistryOptions& options);

  // For tests and embedding: takes ready stores. REQUIRES: one is `primary`. A bucket named
  // `rescue` is the rescue bucket. Errors are journaled in memory and nothing can be provisioned.
  static std::unique_ptr<BucketRegistry> FromStores(
      std::map<BucketName, std::unique_ptr<ObjectStore>> stores);
  ~BucketRegistry();

  // kNotFound names the buckets there are; kUnavailable while some may not be known yet.
  Result<ObjectStore*> Find(const BucketName& name) const EXCLUDES_LOCK(mutex_);
  ObjectStore& primary() const { return *primary_; }
  std::optional<BucketName> rescue() const EXCLUDES_LOCK(mutex_);
  // The buckets that are known, sorted by name.
  std::vector<BucketInfo> List() const EXCLUDES_LOCK(mutex_);
  Result<BucketInfo> Describe(const BucketName& name) const EXCLUDES_LOCK(mutex_);

  // Provisions a bucket: checks it as Open does, probes it, makes it durable, then visible. A name
  // `profile:<id>` is a local bucket below storage.profile_root and takes no root. kConflict when
  // the name or the place is taken by another bucket; the same bucket again is ok. What the probe
  // finds comes back with its own message. Several Adds and Removes wait for each other.
  Result<BucketInfo> Add(const BucketConfig& config) EXCLUDES_LOCK(mutex_);
  // Forgets a bucket; its data stays. kPermissionDenied for primary, the rescue bucket and what
  // stands in lakehouse.toml; kConflict lists what `users` says.
  Status Remove(const BucketName& name, const BucketUsers& users) EXCLUDES_LOCK(mutex_);

  // Probes the bucket with its own settings. kNotFound.
  Result<ProbeReport> Probe(const BucketName& name, bool read_only) const EXCLUDES_LOCK(mutex_);
  // One cheap request, without retries and for at most 3 s: ok when the bucket answers.
  Status CheckReachable(const BucketName& name) const EXCLUDES_LOCK(mutex_);

  ErrorJournal& errors() const { return *errors_; }
  // Null when storage.cache_bytes is 0 or the cache could not be opened.
  const BlockCache* cache() const { return cache_.get(); }
  // Journals what was found out about an object without its store.
  void ReportError(const BucketName& bucket, std::string_view operation, std::string_view key,
                   const Status& error) const;
  // Counts a read that `rescue` answered for `bucket`; journals `error`, why it had to.
  void ReportRescue(const BucketName& bucket, const BucketName& rescue, std::string_view key,
                    const Status& error) const;
  // Ends multipart uploads that killed processes left in S3 buckets; errors are logged. Takes at
  // most 3 s a bucket; what is left is ended by the next call.
  void AbortStaleUploads(Timestamp before) EXCLUDES_LOCK(mutex_);

 private:
  struct Bucket;
  using Buckets = std::map<BucketName, std::unique_ptr<Bucket>>;
  explicit BucketRegistry(const BucketRegistryOptions& options);

  // bucket_opening.cc
  Status OpenConfigured() EXCLUDES_LOCK(mutex_);
  void OpenCache();
  // Finds the place of a bucket and checks that it may stand beside the others: invariants 3 and 4.
  Result<BucketPlace> CheckPlace(const BucketConfig& config) const EXCLUDES_LOCK(mutex_);
  Result<std::unique_ptr<Bucket>> OpenBucket(const BucketConfig& config,
                                             const BucketPlace& place) const;
  Status OpenS3(const BucketConfig& config, Bucket& bucket) const;
  std::unique_ptr<Bucket> BrokenBucket(const BucketConfig& config, const Status& why) const;
  void Insert(std::unique_ptr<Bucket> bucket) const EXCLUDES_LOCK(mutex_);
  // Makes the failures of a bucket known from now on. REQUIRES: the journal is open.
  void StartReporting(Bucket& bucket) const;

  // bucket_provisioning.cc
  Status LoadProvisioned() const EXCLUDES_LOCK(mutex_);
  void InsertProvisioned(const BucketConfig& config) const EXCLUDES_LOCK(mutex_);
  Status CheckRemovable(const BucketName& name) const EXCLUDES_LOCK(mutex_);
  BucketRole RoleOf(const BucketName& name) const;
  Result<Bucket*> FindBucket(const BucketName& name) const EXCLUDES_LOCK(mutex_);

  // Destroyed in reverse: the stores use the cache, and the journal a store.
  const BucketRegistryOptions options_;
  const SecretStore no_secrets_;
  std::unique_ptr<BlockCache> cache_;
  ObjectStore* primary_ = nullptr;            // As Find gives it.
  std::unique_ptr<ObjectStore> error_store_;  // Of FromStores.

  mutable Mutex mutex_;
  // Mutable: what is found out about provisioned buckets while they are looked for.
  mutable Buckets buckets_ GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<Bucket>> removed_ GUARDED_BY(mutex_);
  enum class Loading { kWanted, kRunning, kDone };
  mutable Loading loading_ GUARDED_BY(mutex_) = Loading::kWanted;
  mutable Status load_error_ GUARDED_BY(mutex_);
  mutable int64_t load_wait_micros_ GUARDED_BY(mutex_) = 0;
  mutable int64_t next_load_micros_ GUARDED_BY(mutex_) = 0;
  Mutex changing_;  // Held by Add and Remove from end to end; taken before mutex_.

  std::unique_ptr<ErrorJournal> errors_;
};

}  // namespace lakehouse::storage
