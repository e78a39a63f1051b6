// The buckets of a BucketRegistry that come and go at run time.
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "storage/bucket_documents.h"
#include "storage/bucket_registry.h"
#include "storage/bucket_registry.internal.h"

namespace lakehouse::storage {

namespace {

constexpr int64_t kFirstLoadWaitMicros = 250'000;
constexpr int64_t kMaxLoadWaitMicros = 5'000'000;

// True when two settings are of one bucket: nothing but spelling differs.
bool SameSettings(const BucketConfig& a, const BucketConfig& b) {
  return EncodeBucketSettings(a) == EncodeBucketSettings(b);
}

}  // namespace

Status BucketRegistry::LoadProvisioned() const {
  const Bucket* primary = nullptr;
  {
    MutexLock lock(mutex_);
    if (loading_ == Loading::kDone) return OkStatus();
    const bool waiting = options_.clock->MonotonicMicros() < next_load_micros_;
    if (loading_ == Loading::kRunning || (waiting && !load_error_.ok())) {
      return load_error_.ok() ? Unavailable("the primary bucket is still being read") : load_error_;
    }
    loading_ = Loading::kRunning;
    primary = buckets_.at(PrimaryName()).get();
  }
  const auto configs = BucketDocuments(primary->impatient()).ReadAll();
  if (configs.ok()) {
    for (const BucketConfig& config : *configs) InsertProvisioned(config);
  }
  MutexLock lock(mutex_);
  if (configs.ok()) {
    loading_ = Loading::kDone;
    return OkStatus();
  }
  loading_ = Loading::kWanted;
  load_error_ = configs.status().Annotate("the primary bucket cannot be read");
  load_wait_micros_ = std::clamp(2 * load_wait_micros_, kFirstLoadWaitMicros, kMaxLoadWaitMicros);
  next_load_micros_ = options_.clock->MonotonicMicros() + load_wait_micros_;
  return load_error_;
}

void BucketRegistry::InsertProvisioned(const BucketConfig& config) const {
  {
    MutexLock lock(mutex_);
    if (buckets_.contains(*BucketName::Parse(config.name))) {
      LogWarning("a provisioned bucket gives way to the one of lakehouse.toml",
                 {{"bucket", config.name}});
      return;
    }
  }
  const Result<BucketPlace> place = CheckPlace(config);
  auto opened = place.ok() ? OpenBucket(config, *place) : place.status();
  if (!opened.ok()) {
    LogError("a provisioned bucket cannot be used",
             {{"bucket", config.name}, {"error", opened.status().message()}});
  }
  std::unique_ptr<Bucket> bucket =
      opened.ok() ? *std::move(opened) : BrokenBucket(config, opened.status());
  StartReporting(*bucket);
  Insert(std::move(bucket));
}

Result<BucketInfo> BucketRegistry::Add(const BucketConfig& config) {
  ASSIGN_OR_RETURN(const BucketName name, BucketName::Parse(config.name));
  if (options_.data_dir.empty()) {
    return PermissionDenied("this server cannot provision buckets");
  }
  if (!config.root.empty() && !config.root.starts_with('/')) {
    return InvalidArgument("root must be an absolute path, not: ", QuoteForMessage(config.root));
  }
  MutexLock changing(changing_);
  TRY(LoadProvisioned());
  {
    MutexLock lock(mutex_);
    if (const auto found = buckets_.find(name); found != buckets_.end()) {
      const Bucket& bucket = *found->second;
      if (bucket.config.has_value() && SameSettings(*bucket.config, config)) return bucket.info;
      return Conflict("there is a bucket with other settings; remove it first: ", name);
    }
  }
  ASSIGN_OR_RETURN(const BucketPlace place, CheckPlace(config));
  ASSIGN_OR_RETURN(std::unique_ptr<Bucket> bucket, OpenBucket(config, place));
  BucketConfig probed = config;
  if (!place.s3.has_value()) probed.root = place.directory;
  const SecretStore& secrets = options_.secrets != nullptr ? *options_.secrets : no_secrets_;
  TRY(ProbeBucket(probed, secrets, options_.data_dir).status().Annotate(StrCat("bucket ", name)));
  TRY(BucketDocuments(primary()).Write(name, config));
  const BucketInfo info = bucket->info;
  LogInfo("bucket provisioned", {{"bucket", name.str()}, {"location", info.location}});
  StartReporting(*bucket);
  Insert(std::move(bucket));
  return info;
}

Status BucketRegistry::CheckRemovable(const BucketName& name) const {
  ASSIGN_OR_RETURN(const BucketInfo info, Describe(name));
  if (info.role == BucketRole::kPrimary || info.role == BucketRole::kRescue) {
    return PermissionDenied("the ", BucketRoleName(info.role), " bucket is never removed: ", name);
  }
  if (info.from_config) {
    return PermissionDenied("the bucket stands in lakehouse.toml; remove it there: ", name);
  }
  return OkStatus();
}

Status BucketRegistry::Remove(const BucketName& name, const BucketUsers& users) {
  const auto check_unused = [&]() -> Status {
    const std::vector<std::string> lines = users(name);
    if (lines.empty()) return OkStatus();
    return Conflict("bucket ", name,
                    " is in use; move or delete first: ", JoinStrings(lines, ", "));
  };
  MutexLock changing(changing_);
  TRY(LoadProvisioned());
  TRY(CheckRemovable(name));
  TRY(check_unused());
  // Somebody may have begun to use it since: nobody can once it is hidden.
  std::unique_ptr<Bucket> hidden;
  {
    MutexLock lock(mutex_);
    hidden = std::move(buckets_.at(name));
    buckets_.erase(name);
  }
  Status status = check_unused();
  if (status.ok()) status = BucketDocuments(primary()).Delete(name);
  MutexLock lock(mutex_);
  if (!status.ok()) {
    buckets_.emplace(name, std::move(hidden));
    return status;
  }
  if (cache_ != nullptr && hidden->place.has_value() && hidden->quick != nullptr) {
    cache_->Drop(hidden->place->Identity());
  }
  removed_.push_back(std::move(hidden));
  return OkStatus();
}

}  // namespace lakehouse::storage
