// What a BucketRegistry keeps of one bucket.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/config.h"
#include "storage/bucket_place.h"
#include "storage/bucket_registry.h"
#include "storage/object_store.h"
#include "storage/s3/s3_store.h"

namespace lakehouse::storage {

// How long a bucket may take to say whether it is there.
inline constexpr int64_t kQuickTimeoutMs = 3'000;

struct BucketRegistry::Bucket {
  BucketInfo info;
  std::optional<BucketConfig> config;  // As it was given; nullopt for a store from outside.
  std::optional<BucketPlace> place;    // Nullopt for one from outside, or that has no valid place.
  std::unique_ptr<ObjectStore> store;  // What Find gives; reports to the journal.
  ObjectStore* plain = nullptr;        // The same below the reporting; part of `store`.
  std::unique_ptr<S3Store> quick;      // The same bucket without patience; null unless on S3.

  // The store for what must not take long.
  ObjectStore& impatient() const { return quick != nullptr ? *quick : *plain; }
};

inline BucketName PrimaryName() { return *BucketName::Parse("primary"); }
inline BucketName RescueName() { return *BucketName::Parse("rescue"); }

}  // namespace lakehouse::storage
