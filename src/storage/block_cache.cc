#include "storage/block_cache.h"

#include <utility>

#include "storage/cached_blocks.h"

namespace lakehouse::storage {

Result<std::unique_ptr<BlockCache>> BlockCache::Open(const BlockCacheOptions& options, FileOps& ops,
                                                     const Clock& clock) {
  ASSIGN_OR_RETURN(std::unique_ptr<CachedBlocks> blocks, CachedBlocks::Open(options, ops, clock));
  return std::unique_ptr<BlockCache>(new BlockCache(std::move(blocks)));
}

BlockCache::BlockCache(std::unique_ptr<CachedBlocks> blocks) : blocks_(std::move(blocks)) {}
BlockCache::~BlockCache() = default;

BlockCacheStats BlockCache::stats() const { return blocks_->stats(); }

void BlockCache::Drop(std::string_view bucket_identity) {
  blocks_->Drop(BlocksOfBucket(bucket_identity), true);
}

}  // namespace lakehouse::storage
