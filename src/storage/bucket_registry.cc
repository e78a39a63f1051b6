#include "storage/bucket_registry.h"

#include <algorithm>
#include <utility>

#include <sys/stat.h>

#include "base/log.h"
#include "storage/bucket_registry.internal.h"
#include "storage/reporting_store.h"

namespace lakehouse::storage {

namespace {

constexpr std::string_view kProbePrefix = "_probe/";

}  // namespace

std::string_view BucketRoleName(BucketRole role) {
  switch (role) {
    case BucketRole::kNone:
      return "";
    case BucketRole::kPrimary:
      return "primary";
    case BucketRole::kRescue:
      return "rescue";
    case BucketRole::kProfile:
      return "profile";
  }
  CHECK(false);
}

BucketRegistry::BucketRegistry(const BucketRegistryOptions& options) : options_(options) {}
BucketRegistry::~BucketRegistry() = default;

std::unique_ptr<BucketRegistry> BucketRegistry::FromStores(
    std::map<BucketName, std::unique_ptr<ObjectStore>> stores) {
  CHECK(stores.contains(PrimaryName()));
  std::unique_ptr<BucketRegistry> registry(new BucketRegistry({}));
  registry->error_store_ = NewMemoryStore();
  registry->errors_ =
      std::make_unique<ErrorJournal>(*registry->error_store_, *registry->options_.clock);
  for (auto& entry : stores) {
    const BucketName& name = entry.first;
    std::unique_ptr<ObjectStore> store = std::move(entry.second);
    auto bucket = std::make_unique<Bucket>(
        Bucket{.info = {name, store->LocalPath("object") ? "local" : "memory", "",
                        registry->RoleOf(name), false},
               .store = std::move(store)});
    bucket->plain = bucket->store.get();
    registry->StartReporting(*bucket);
    if (name == PrimaryName()) registry->primary_ = bucket->store.get();
    registry->Insert(std::move(bucket));
  }
  MutexLock lock(registry->mutex_);
  registry->loading_ = Loading::kDone;
  return registry;
}

BucketRole BucketRegistry::RoleOf(const BucketName& name) const {
  if (name == PrimaryName()) return BucketRole::kPrimary;
  const std::string& rescue = options_.config.rescue;
  if (rescue.empty() ? name == RescueName() : name.str() == rescue) return BucketRole::kRescue;
  return name.str().starts_with("profile:") ? BucketRole::kProfile : BucketRole::kNone;
}

void BucketRegistry::StartReporting(Bucket& bucket) const {
  bucket.store = NewReportingStore(std::move(bucket.store), bucket.info.name, *errors_,
                                   *options_.clock, options_.metrics);
}

void BucketRegistry::Insert(std::unique_ptr<Bucket> bucket) const {
  MutexLock lock(mutex_);
  const BucketName name = bucket->info.name;
  buckets_.emplace(name, std::move(bucket));
}

Result<BucketRegistry::Bucket*> BucketRegistry::FindBucket(const BucketName& name) const {
  {
    MutexLock lock(mutex_);
    const auto found = buckets_.find(name);
    if (found != buckets_.end()) return found->second.get();
  }
  const Status loaded = LoadProvisioned();
  MutexLock lock(mutex_);
  const auto found = buckets_.find(name);
  if (found != buckets_.end()) return found->second.get();
  if (!loaded.ok()) {
    return Unavailable("it is not known whether there is a bucket ", name, ": ", loaded.message());
  }
  std::vector<std::string> names;
  for (const auto& [other, bucket] : buckets_) names.push_back(other.str());
  return NotFound("there is no bucket ", name, "; the buckets are: ", JoinStrings(names, ", "));
}

Result<ObjectStore*> BucketRegistry::Find(const BucketName& name) const {
  ASSIGN_OR_RETURN(const Bucket* bucket, FindBucket(name));
  return bucket->store.get();
}

std::optional<BucketName> BucketRegistry::rescue() const {
  MutexLock lock(mutex_);
  for (const auto& [name, bucket] : buckets_) {
    if (bucket->info.role == BucketRole::kRescue) return name;
  }
  return std::nullopt;
}

std::vector<BucketInfo> BucketRegistry::List() const {
  // What cannot be loaded is not listed; who asks for it by name hears why.
  (void)LoadProvisioned();
  MutexLock lock(mutex_);
  std::vector<BucketInfo> list;
  for (const auto& [name, bucket] : buckets_) list.push_back(bucket->info);
  return list;
}

Result<BucketInfo> BucketRegistry::Describe(const BucketName& name) const {
  ASSIGN_OR_RETURN(const Bucket* bucket, FindBucket(name));
  return bucket->info;
}

Result<ProbeReport> BucketRegistry::Probe(const BucketName& name, bool read_only) const {
  ASSIGN_OR_RETURN(const Bucket* bucket, FindBucket(name));
  if (!bucket->config.has_value()) {
    return ProbeReport{{{.name = "list", .status = CheckReachable(name)}}};
  }
  BucketConfig config = *bucket->config;
  if (bucket->place.has_value()) config.root = bucket->place->directory;
  return ProbeBucket(config, options_.secrets != nullptr ? *options_.secrets : no_secrets_,
                     options_.data_dir, read_only);
}

Status BucketRegistry::CheckReachable(const BucketName& name) const {
  ASSIGN_OR_RETURN(const Bucket* bucket, FindBucket(name));
  const std::string context = StrCat("bucket ", name);
  // A directory that is open answers even when nobody else finds it any more.
  if (bucket->place.has_value() && !bucket->place->s3.has_value()) {
    struct stat info {};
    if (::stat(bucket->place->directory.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) {
      return Unavailable(context, ": there is no directory at its root");
    }
  }
  // A list tells a bucket that is missing from an object that is.
  return bucket->impatient().List(kProbePrefix, {}, 1).status().Annotate(context);
}

void BucketRegistry::ReportError(const BucketName& bucket, std::string_view operation,
                                 std::string_view key, const Status& error) const {
  errors_->Record({.at = options_.clock->Now(),
                   .bucket = bucket.str(),
                   .operation = std::string(operation),
                   .key = std::string(key),
                   .status = error,
                   .rescued_by = ""});
}

void BucketRegistry::ReportRescue(const BucketName& bucket, const BucketName& rescue,
                                  std::string_view key, const Status& error) const {
  errors_->Record({.at = options_.clock->Now(),
                   .bucket = bucket.str(),
                   .operation = "rescue",
                   .key = std::string(key),
                   .status = error,
                   .rescued_by = rescue.str()});
  if (options_.metrics == nullptr) return;
  options_.metrics
      ->GetCounter("lakehouse_storage_rescues_total",
                   "Reads that the rescue bucket answered for another one.",
                   {{"bucket", bucket.str()}})
      .Add();
}

void BucketRegistry::AbortStaleUploads(Timestamp before) {
  std::vector<const Bucket*> remote;
  {
    MutexLock lock(mutex_);
    for (const auto& [name, bucket] : buckets_) {
      if (bucket->quick != nullptr) remote.push_back(bucket.get());
    }
  }
  for (const Bucket* bucket : remote) {
    const Result<size_t> ended = bucket->quick->AbortStaleUploads(before);
    if (!ended.ok()) {
      LogWarning("unfinished uploads were not ended",
                 {{"bucket", bucket->info.name.str()}, {"error", ended.status().message()}});
    } else if (*ended > 0) {
      LogInfo("unfinished uploads were ended",
              {{"bucket", bucket->info.name.str()}, {"uploads", *ended}});
    }
  }
}

}  // namespace lakehouse::storage
