#include "storage/bucket_registry.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "storage/local_store.h"

namespace lakehouse::storage {

struct BucketRegistry::Bucket {
  BucketInfo info;
  std::unique_ptr<ObjectStore> store;
};

namespace {

BucketName PrimaryName() { return *BucketName::Parse("primary"); }
BucketName RescueName() { return *BucketName::Parse("rescue"); }

BucketRole RoleOf(const BucketName& name) {
  if (name == PrimaryName()) return BucketRole::kPrimary;
  if (name == RescueName()) return BucketRole::kRescue;
  return name.str().starts_with("profile:") ? BucketRole::kProfile : BucketRole::kNone;
}

// True when one directory is the other or lies in it. Both exist.
bool Overlap(const std::string& a, const std::string& b) {
  std::error_code error;
  const std::string first = std::filesystem::canonical(a, error).string() + "/";
  const std::string second = std::filesystem::canonical(b, error).string() + "/";
  return first.starts_with(second) || second.starts_with(first);
}

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

BucketRegistry::BucketRegistry() = default;
BucketRegistry::~BucketRegistry() = default;

Result<std::unique_ptr<BucketRegistry>> BucketRegistry::Open(const BucketRegistryOptions& options) {
  std::vector<BucketConfig> configured = options.config.buckets;
  if (configured.empty()) configured.push_back({.name = "primary"});
  std::unique_ptr<BucketRegistry> registry(new BucketRegistry);
  MutexLock lock(registry->mutex_);
  auto& buckets = registry->buckets_;
  for (const BucketConfig& bucket : configured) {
    ASSIGN_OR_RETURN(const BucketName name, BucketName::Parse(bucket.name));
    if (bucket.backend != "local") {
      return InvalidArgument("bucket ", name, ": the backend is local, not: ", bucket.backend);
    }
    const std::string root =
        bucket.root.empty() ? StrCat(options.data_dir, "/buckets/", name) : bucket.root;
    auto store = OpenLocalStore(root);
    TRY(store.status().Annotate(StrCat("bucket ", name)));
    // What one bucket needs is garbage to the other.
    for (const auto& [other, opened] : buckets) {
      if (!Overlap(root, opened->info.location)) continue;
      return InvalidArgument("buckets ", other, " and ", name, " share a directory: ", root);
    }
    auto made = std::make_unique<Bucket>(
        Bucket{{name, bucket.backend, root, RoleOf(name), !options.config.buckets.empty()},
               *std::move(store)});
    if (!buckets.emplace(name, std::move(made)).second) {
      return InvalidArgument("two buckets have one name: ", name);
    }
  }
  if (!buckets.contains(PrimaryName())) {
    return InvalidArgument("no bucket is named primary; add one to [[storage.buckets]]");
  }
  return registry;
}

std::unique_ptr<BucketRegistry> BucketRegistry::FromStores(
    std::map<BucketName, std::unique_ptr<ObjectStore>> stores) {
  CHECK(stores.contains(PrimaryName()));
  std::unique_ptr<BucketRegistry> registry(new BucketRegistry);
  MutexLock lock(registry->mutex_);
  for (auto& [name, store] : stores) {
    const std::string backend = store->LocalPath("object") ? "local" : "memory";
    auto made = std::make_unique<Bucket>(
        Bucket{{name, backend, "", RoleOf(name), false}, std::move(store)});
    registry->buckets_.emplace(name, std::move(made));
  }
  return registry;
}

Result<ObjectStore*> BucketRegistry::Find(const BucketName& name) const {
  MutexLock lock(mutex_);
  const auto found = buckets_.find(name);
  if (found != buckets_.end()) return found->second->store.get();
  std::vector<std::string> names;
  for (const auto& [other, bucket] : buckets_) names.push_back(other.str());
  return NotFound("there is no bucket ", name, "; the buckets are: ", JoinStrings(names, ", "));
}

ObjectStore& BucketRegistry::primary() const { return **Find(PrimaryName()); }

std::vector<BucketInfo> BucketRegistry::List() const {
  MutexLock lock(mutex_);
  std::vector<BucketInfo> list;
  for (const auto& [name, bucket] : buckets_) list.push_back(bucket->info);
  return list;
}

std::optional<BucketName> BucketRegistry::rescue() const {
  MutexLock lock(mutex_);
  return buckets_.contains(RescueName()) ? std::optional(RescueName()) : std::nullopt;
}

}  // namespace lakehouse::storage
