// One cached block as a file (docs/formats/block_cache.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "storage/object_store.h"

namespace lakehouse::storage {

inline constexpr size_t kBlockHeaderBytes = 4096;

// What a block is a part of, in clear. Points to what its owner keeps.
struct BlockAddress {
  std::string_view identity;  // Of the bucket.
  const ObjectInfo* object = nullptr;
  size_t block_bytes = 0;
  uint64_t number = 0;

  uint64_t offset() const { return number * block_bytes; }
  // What the object's size says; only the last block is shorter.
  // REQUIRES: offset() < object->size_bytes.
  size_t length() const;
};

// Returns the header of the block that holds `data`; nullopt when its names are too long for one.
std::optional<std::string> EncodeBlockHeader(const BlockAddress& address, std::string_view data);

enum class BlockRead {
  kOk,
  kDamaged,  // The file is not this block, or no longer whole.
  kFailed,   // The disk could not be read; errno says why.
};

// Reads `size` bytes from `begin` of the block into `buffer` and verifies them; they are rubbish
// unless it answers kOk. Notes the use in the file's access time, to the minute.
// REQUIRES: begin + size <= address.length().
BlockRead ReadBlock(int file, const BlockAddress& address, size_t begin, size_t size, char* buffer);

}  // namespace lakehouse::storage
