#include "storage/bucket_registry.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "storage/local_store.h"

namespace lakehouse::storage {

namespace {

BucketName PrimaryName() { return *BucketName::Parse("primary"); }

// True when one directory is the other or lies in it. Both exist.
bool Overlap(const std::string& a, const std::string& b) {
  std::error_code error;
  const std::string first = std::filesystem::canonical(a, error).string() + "/";
  const std::string second = std::filesystem::canonical(b, error).string() + "/";
  return first.starts_with(second) || second.starts_with(first);
}

}  // namespace

Result<std::unique_ptr<BucketRegistry>> BucketRegistry::Open(const StorageConfig& config,
                                                             const std::string& data_dir) {
  std::vector<BucketConfig> configured = config.buckets;
  if (configured.empty()) configured.push_back({.name = "primary"});
  std::map<BucketName, Bucket> buckets;
  for (const BucketConfig& bucket : configured) {
    ASSIGN_OR_RETURN(const BucketName name, BucketName::Parse(bucket.name));
    if (bucket.backend != "local") {
      return InvalidArgument("bucket ", name, ": the backend is local, not: ", bucket.backend);
    }
    const std::string root =
        bucket.root.empty() ? StrCat(data_dir, "/buckets/", name) : bucket.root;
    auto store = OpenLocalStore(root);
    TRY(store.status().Annotate(StrCat("bucket ", name)));
    // What one bucket needs is garbage to the other.
    for (const auto& [other, opened] : buckets) {
      if (!Overlap(root, opened.info.location)) continue;
      return InvalidArgument("buckets ", other, " and ", name, " share a directory: ", root);
    }
    const bool inserted =
        buckets.emplace(name, Bucket{{name, bucket.backend, root}, *std::move(store)}).second;
    if (!inserted) return InvalidArgument("two buckets have one name: ", name);
  }
  if (!buckets.contains(PrimaryName())) {
    return InvalidArgument("no bucket is named primary; add one to [[storage.buckets]]");
  }
  return std::unique_ptr<BucketRegistry>(new BucketRegistry(std::move(buckets)));
}

std::unique_ptr<BucketRegistry> BucketRegistry::FromStores(
    std::map<BucketName, std::unique_ptr<ObjectStore>> stores) {
  CHECK(stores.contains(PrimaryName()));
  std::map<BucketName, Bucket> buckets;
  for (auto& [name, store] : stores) {
    const std::string backend = store->LocalPath("object") ? "local" : "memory";
    buckets.emplace(name, Bucket{{name, backend, ""}, std::move(store)});
  }
  return std::unique_ptr<BucketRegistry>(new BucketRegistry(std::move(buckets)));
}

Result<ObjectStore*> BucketRegistry::Find(const BucketName& name) const {
  const auto found = buckets_.find(name);
  if (found != buckets_.end()) return found->second.store.get();
  std::vector<std::string> names;
  for (const auto& [other, bucket] : buckets_) names.push_back(other.str());
  return NotFound("there is no bucket ", name, "; the buckets are: ", JoinStrings(names, ", "));
}

ObjectStore& BucketRegistry::primary() const { return *buckets_.at(PrimaryName()).store; }

std::vector<BucketInfo> BucketRegistry::List() const {
  std::vector<BucketInfo> list;
  for (const auto& [name, bucket] : buckets_) list.push_back(bucket.info);
  return list;
}

}  // namespace lakehouse::storage
