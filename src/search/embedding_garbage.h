// Embeddings that no index names any more.
#pragma once

#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/status.h"
#include "search/index_registry.h"
#include "storage/bucket_registry.h"

namespace lakehouse::search {

// Finds and deletes objects "vectors/<index>/embeddings/<file>.parquet" that are older than `since`
// and that no version of the index has named since then. Everything else below "vectors/" is never
// touched. The references outlive it. Thread-safe.
class EmbeddingGarbage {
 public:
  // The old objects of one index in one bucket, named or not.
  struct Suspects {
    BucketName bucket;
    IndexName index;
    std::vector<storage::ObjectInfo> objects;
  };

  EmbeddingGarbage(storage::BucketRegistry& buckets, IndexRegistry& registry, Timestamp since)
      : buckets_(buckets), registry_(registry), since_(since) {}

  // Every bucket that was read is listed; the first error ends it.
  Result<std::vector<Suspects>> List() const;
  // Deletes those that are garbage; returns their bytes. REQUIRES: nobody works on the index.
  Result<uint64_t> Delete(const Suspects& suspects) const;

 private:
  storage::BucketRegistry& buckets_;
  IndexRegistry& registry_;
  const Timestamp since_;
};

}  // namespace lakehouse::search
