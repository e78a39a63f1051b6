// Local copies of remote blocks.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/status.h"
#include "storage/file_ops.h"
#include "storage/object_store.h"

namespace lakehouse::storage {

class CachedBlocks;

struct BlockCacheOptions {
  std::string directory;  // Created; used by one process at a time, and closed to other users.
  uint64_t capacity_bytes = 0;
  size_t block_bytes = 1 << 20;        // 4 KiB to 64 MiB.
  MetricsRegistry* metrics = nullptr;  // Null: none. Outlives the cache.
};

// Counts since Open, of blocks. What a reader gets from another one's fetch is a miss.
struct BlockCacheStats {
  uint64_t hits = 0, misses = 0, evictions = 0, damaged = 0;
  uint64_t disk_errors = 0;  // Calls that failed; the reader was served all the same.
  uint64_t bytes = 0, capacity_bytes = 0;
};

// Blocks of objects on the local disk (docs/formats/block_cache.md). A block is found only by the
// identity of its bucket, its key, its version and its position, so a replaced object is never
// served; every block carries its checksums and its identity, and one that does not verify is
// dropped. Survives restarts and kills; a full disk or a failing one makes it miss, never fail.
// What has not been used for longest goes first, where a block that was used again counts for more
// than one that was scanned once, so that one large scan does not empty the cache, and a table
// larger than the cache keeps a part of itself in it. Thread-safe.
class BlockCache {
 public:
  // kConflict when another process uses the directory. `ops` and `clock` outlive the cache.
  static Result<std::unique_ptr<BlockCache>> Open(const BlockCacheOptions& options,
                                                  FileOps& ops = FileOps::System(),
                                                  const Clock& clock = Clock::System());
  ~BlockCache();

  BlockCacheStats stats() const;
  // Forgets every block of the bucket with this identity, also what is being fetched.
  void Drop(std::string_view bucket_identity);

 private:
  friend class CachingStore;
  explicit BlockCache(std::unique_ptr<CachedBlocks> blocks);
  const std::unique_ptr<CachedBlocks> blocks_;
};

// Serves ReadAt of `target` from `cache`; missing neighbours are fetched in one read, and a block
// that several readers miss is fetched once. Everything else goes to `target`. `identity` tells
// buckets apart across restarts and renames. `cache` outlives the store.
//
// A version that another machine has replaced or deleted may still be read while its blocks are
// here; one that was replaced through this store is forgotten.
std::unique_ptr<ObjectStore> NewCachingStore(std::unique_ptr<ObjectStore> target,
                                             std::string identity, BlockCache& cache);

}  // namespace lakehouse::storage
