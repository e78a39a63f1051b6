// How a BucketRegistry opens its buckets.
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "storage/bucket_registry.h"
#include "storage/bucket_registry.internal.h"
#include "storage/lazy_store.h"
#include "storage/local_store.h"
#include "storage/s3/credentials.h"

namespace lakehouse::storage {

namespace {

S3StoreOptions MakeS3Options(const BucketRegistryOptions& options, const BucketConfig& bucket,
                             const S3Location& location) {
  const StorageConfig& storage = options.config;
  return {.location = location,
          .credentials = nullptr,
          .http = {.ca_file = bucket.ca_file,
                   .connect_timeout_ms = storage.connect_timeout_ms,
                   .answer_timeout_ms = storage.stall_timeout_ms,
                   .stall_timeout_ms = storage.stall_timeout_ms,
                   .refuse_link_local = true},
          .retry = {.max_retries = storage.max_retries,
                    .operation_timeout_ms = storage.request_timeout_ms},
          .metrics_label = bucket.name,
          .metrics = options.metrics,
          .clock = options.clock};
}

// What is wrong with lakehouse.toml is not a matter of something that can be found elsewhere.
Status AsMistake(const Status& status) { return {StatusCode::kInvalidArgument, status.message()}; }

}  // namespace

Result<std::unique_ptr<BucketRegistry>> BucketRegistry::Open(const BucketRegistryOptions& options) {
  std::unique_ptr<BucketRegistry> registry(new BucketRegistry(options));
  registry->OpenCache();
  TRY(registry->OpenConfigured());
  const Status loaded = registry->LoadProvisioned();
  if (!loaded.ok()) {
    LogWarning("provisioned buckets are not known yet", {{"error", loaded.message()}});
  }
  return registry;
}

void BucketRegistry::OpenCache() {
  if (options_.config.cache_bytes == 0) return;
  auto cache =
      BlockCache::Open({.directory = options_.data_dir + "/cache/blocks",
                        .capacity_bytes = static_cast<uint64_t>(options_.config.cache_bytes),
                        .metrics = options_.metrics});
  if (cache.ok()) {
    cache_ = *std::move(cache);
  } else {
    LogWarning("remote blocks are not cached", {{"error", cache.status().message()}});
  }
}

Status BucketRegistry::OpenConfigured() {
  std::vector<BucketConfig> configured = options_.config.buckets;
  const bool from_config = !configured.empty();
  if (!from_config) configured.push_back({.name = PrimaryName().str()});
  std::map<std::string, Bucket*> opened;
  for (const BucketConfig& config : configured) {
    if (opened.contains(config.name)) {
      return InvalidArgument("two buckets have one name: ", config.name);
    }
    const Result<BucketPlace> place = CheckPlace(config);
    if (!place.ok()) return AsMistake(place.status());
    auto bucket = OpenBucket(config, *place);
    if (!bucket.ok()) return AsMistake(bucket.status());
    (*bucket)->info.from_config = from_config;
    opened.emplace(config.name, bucket->get());
    Insert(*std::move(bucket));
  }
  const auto primary = opened.find(PrimaryName().str());
  if (primary == opened.end()) {
    return InvalidArgument("no bucket is named primary; add one to [[storage.buckets]]");
  }
  const std::string& rescue = options_.config.rescue;
  if (!rescue.empty() && (!opened.contains(rescue) || rescue == PrimaryName().str())) {
    return InvalidArgument(
        "storage.rescue must name a bucket of [[storage.buckets]] other than primary, not: ",
        rescue);
  }
  // The journal writes below the reporting, for its own errors are not for it, and without
  // patience, for what fails is written later and nobody waits for a dead bucket at the end.
  errors_ = std::make_unique<ErrorJournal>(primary->second->impatient(), *options_.clock);
  for (const auto& [name, bucket] : opened) StartReporting(*bucket);
  primary_ = primary->second->store.get();
  return OkStatus();
}

Result<BucketPlace> BucketRegistry::CheckPlace(const BucketConfig& config) const {
  TRY(BucketName::Parse(config.name).status());
  ASSIGN_OR_RETURN(BucketPlace place,
                   FindPlace(config, {options_.data_dir, options_.config.profile_root}));
  MutexLock lock(mutex_);
  for (const auto& [name, other] : buckets_) {
    if (!other->place.has_value()) continue;
    if (Overlap(place, *other->place)) {
      return Conflict("buckets ", name, " and ", config.name, " share a place: ", place.ToString());
    }
    if (!place.s3.has_value() || !other->place->s3.has_value()) continue;
    const std::string identity = SigningIdentity(config.credentials);
    if (!identity.empty() && identity == SigningIdentity(other->config->credentials) &&
        SigningServer(*place.s3) != SigningServer(*other->place->s3)) {
      return Conflict("bucket ", config.name, ": the credentials ", config.credentials,
                      " sign for the server of bucket ", name,
                      " only; give the other server's bucket a secret of its own");
    }
  }
  TRY(CheckOutsideOfDataDirectory(place, options_.data_dir));
  return place;
}

Result<std::unique_ptr<BucketRegistry::Bucket>> BucketRegistry::OpenBucket(
    const BucketConfig& config, const BucketPlace& place) const {
  const BucketName name = *BucketName::Parse(config.name);
  auto bucket = std::make_unique<Bucket>(
      Bucket{.info = {name, config.backend, place.ToString(), RoleOf(name), false},
             .config = config,
             .place = place});
  if (place.s3.has_value()) {
    TRY(OpenS3(config, *bucket).Annotate(StrCat("bucket ", name)));
  } else {
    bucket->store = NewLazyStore([root = place.directory] { return OpenLocalStore(root); });
  }
  bucket->plain = bucket->store.get();
  return bucket;
}

Status BucketRegistry::OpenS3(const BucketConfig& config, Bucket& bucket) const {
  const S3Location& location = *bucket.place->s3;
  const SecretStore& secrets = options_.secrets != nullptr ? *options_.secrets : no_secrets_;
  TRY(CheckSecretEndpoint(config, location, secrets));
  S3StoreOptions options = MakeS3Options(options_, config, location);
  ASSIGN_OR_RETURN(options.credentials, OpenCredentials(config.credentials, secrets,
                                                        {.region = location.region,
                                                         .bucket_url = location.ToString(),
                                                         .clock = options_.clock}));
  S3StoreOptions quick = options;
  quick.retry.max_retries = 0;
  quick.retry.operation_timeout_ms = std::min(kQuickTimeoutMs, options.retry.operation_timeout_ms);
  quick.http.max_idle_connections = 1;
  ASSIGN_OR_RETURN(bucket.quick, S3Store::Open(std::move(quick)));
  ASSIGN_OR_RETURN(bucket.store, S3Store::Open(std::move(options)));
  if (cache_ != nullptr) {
    bucket.store = NewCachingStore(std::move(bucket.store), bucket.place->Identity(), *cache_);
  }
  return OkStatus();
}

std::unique_ptr<BucketRegistry::Bucket> BucketRegistry::BrokenBucket(const BucketConfig& config,
                                                                     const Status& why) const {
  const BucketName name = *BucketName::Parse(config.name);
  auto bucket = std::make_unique<Bucket>(
      Bucket{.info = {name, config.backend, "", RoleOf(name), false}, .config = config});
  bucket->store = NewLazyStore([why]() -> Result<std::unique_ptr<ObjectStore>> { return why; });
  bucket->plain = bucket->store.get();
  return bucket;
}

}  // namespace lakehouse::storage
