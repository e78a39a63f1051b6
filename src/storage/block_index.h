// Which blocks the cache holds, and which of them goes first.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <vector>

#include "storage/block_id.h"

namespace lakehouse::storage {

// The cache's memory; knows nothing of the disk. Not thread-safe.
//
// Ages are counted in requests. The block that goes is the one that has been idle for longest,
// where the idle time of a block that came to be used again counts once, that of a block that was
// used once, four times. Blocks that have left are remembered for a while. One that comes back has
// been used again, unless that took longer than any block here has been idle: then it is part of a
// loop over more than fits. Such a block only passes: it is kept for the readers next to it, but
// its idle time counts 64 times, so that the others of the loop stay.
//
// Invariants:
// 1. bytes() is at most the capacity.
// 2. A block's bytes count from Reserve until Release, so also while its file is being removed.
class BlockIndex {
 public:
  struct Block {
    BlockId id;
    uint64_t bytes = 0;
  };

  // `capacity_blocks` is about how many blocks fit.
  BlockIndex(uint64_t capacity_bytes, size_t capacity_blocks);

  // Notes that somebody wants the block; true when it is here.
  bool Request(const BlockId& id);

  // Takes free space; false when there is not so much.
  bool Reserve(uint64_t bytes);
  // REQUIRES: so many bytes are reserved or belong to blocks that have left.
  void Release(uint64_t bytes);
  // Forgets blocks until `bytes` will be free once these are released; fewer when there are none.
  std::vector<Block> Evict(uint64_t bytes);

  // Adds a block whose bytes are reserved. REQUIRES: it is not here.
  void Insert(const Block& block);
  bool Contains(const BlockId& id) const;
  // Forgets blocks; the caller releases their bytes.
  std::vector<Block> Erase(const BlockIdRange& range);

  uint64_t bytes() const { return bytes_; }
  uint64_t capacity_bytes() const { return capacity_bytes_; }

 private:
  enum Place { kPassing, kUsedOnce, kReused, kRemembered, kPlaces };
  using Order = std::list<const BlockId*>;  // Last used first; points to keys of `entries_`.
  struct Entry {
    Place place = kRemembered;
    Order::iterator position;
    uint64_t bytes = 0;
    uint64_t entered = 0;   // The request by which it came here.
    uint64_t last = 0;      // The latest request.
    uint64_t previous = 0;  // The latest before it that was not part of the same use; 0: none.
  };
  using Entries = std::map<BlockId, Entry>;

  void Move(Entry& entry, Place place);
  void Remember(Entry& entry);
  // REQUIRES: there is a block at `place`.
  Entry& Oldest(Place place);
  // Returns the block that goes next, or null.
  Entry* Coldest();
  // Where a new block goes.
  Place PlaceOf(const Entry& entry, uint64_t bytes);

  const uint64_t capacity_bytes_;
  const size_t remembered_limit_;
  // Requests within so many of each other are one use: readers take a block in several pieces.
  const uint64_t same_use_;
  uint64_t now_;  // Counts requests.
  uint64_t bytes_ = 0;
  Entries entries_;
  std::array<Order, kPlaces> orders_;
};

}  // namespace lakehouse::storage
