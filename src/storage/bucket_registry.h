// The buckets of this server by name.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/ids.h"
#include "storage/object_store.h"

namespace lakehouse::storage {

struct BucketInfo {
  BucketName name;
  std::string backend;   // "local" or "memory".
  std::string location;  // Without secrets; "" for a store that came from outside.
};

// Immutable after Open; thread-safe. Owns the stores.
class BucketRegistry {
 public:
  // Opens every configured bucket, or the default one, `primary`. Creates its root, which defaults
  // to `<data_dir>/buckets/<name>`. kInvalidArgument when `primary` is missing from a non-empty
  // list, a backend is unknown, or two buckets share a name or a directory.
  static Result<std::unique_ptr<BucketRegistry>> Open(const StorageConfig& config,
                                                      const std::string& data_dir);

  // For tests and embedding: takes ready stores. REQUIRES: one is `primary`.
  static std::unique_ptr<BucketRegistry> FromStores(
      std::map<BucketName, std::unique_ptr<ObjectStore>> stores);

  // kNotFound names the buckets there are. The store lives as long as the registry.
  Result<ObjectStore*> Find(const BucketName& name) const;
  ObjectStore& primary() const;
  std::vector<BucketInfo> List() const;

 private:
  struct Bucket {
    BucketInfo info;
    std::unique_ptr<ObjectStore> store;
  };
  explicit BucketRegistry(std::map<BucketName, Bucket> buckets) : buckets_(std::move(buckets)) {}
  std::map<BucketName, Bucket> buckets_;
};

}  // namespace lakehouse::storage
