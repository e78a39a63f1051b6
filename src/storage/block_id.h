// The names of cached blocks.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "storage/object_store.h"

namespace lakehouse::storage {

// The front of a SHA-256: too long for anybody to find two texts that share it.
using Digest = std::array<uint64_t, 2>;

// One block of one version of one object. Sorted by bucket, key, version and position.
struct BlockId {
  uint64_t bucket = 0;
  Digest key = {};      // Of the bucket's identity and the key.
  Digest version = {};  // Of the version, the object's size and the size of blocks.
  uint64_t number = 0;  // The block begins at number * block_bytes of its object.

  auto operator<=>(const BlockId&) const = default;
};

struct BlockIdRange {
  BlockId first, last;  // Both belong to it.
};

BlockIdRange BlocksOfBucket(std::string_view identity);
// Of every version of the object.
BlockIdRange BlocksOfKey(std::string_view identity, std::string_view key);
// Returns the object's first block.
BlockId FirstBlock(std::string_view identity, const ObjectInfo& object, size_t block_bytes);

// Where a block lies below the cache's directory: "<bucket>/<fan>/<key>-<version>-<number>".
std::string BlockPath(const BlockId& id);
// Reads exactly what BlockPath writes.
std::optional<BlockId> ParseBlockPath(std::string_view path);

}  // namespace lakehouse::storage
