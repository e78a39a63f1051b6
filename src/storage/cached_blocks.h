// What stands behind BlockCache: the blocks, and who is fetching which.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/metrics.h"
#include "base/mutex.h"
#include "storage/block_cache.h"
#include "storage/block_directory.h"
#include "storage/block_file.h"
#include "storage/block_index.h"

namespace lakehouse::storage {

// A count that is exported when there is somewhere to export it to.
class CacheCounter {
 public:
  CacheCounter(MetricsRegistry* metrics, std::string_view name, std::string_view help);
  void Add(uint64_t amount = 1);
  uint64_t value() const { return since_open_.value(); }

 private:
  Counter since_open_;
  Counter* const exported_;
};

// Thread-safe; no lock is held while the disk or the network works. Invariants:
// 1. The files of blocks, with those on their way, have at most the capacity: a block is removed
//    from the index, then from the disk, and only then its room is given to another.
// 2. Of all readers that want a block that is not here one fetches it; it lands what it took off,
//    also when it fails.
class CachedBlocks {
 public:
  // One fetch that other readers may wait for. They share it with the reader that fetches.
  struct Flight {
    CondVar landed;
    bool done = false;
    int waiters = 0;
    uint64_t drops = 0;  // How many buckets had been dropped when it took off.
    Status status;
    std::string bytes;  // Filled only when somebody waits.
  };

  // What a reader that wants a block has to do: kRead it here, kFetch it and then call Land, or
  // kWait for another.
  struct Claim {
    enum Action { kRead, kFetch, kWait } action = kRead;
    std::shared_ptr<Flight> flight;  // Null for kRead.
  };

  static Result<std::unique_ptr<CachedBlocks>> Open(const BlockCacheOptions& options, FileOps& ops,
                                                    const Clock& clock);

  size_t block_bytes() const { return block_bytes_; }

  struct Want {
    BlockId id;
    bool refuses_disk = false;  // After Read has failed: the answer is never kRead.
  };
  // One claim per block, all taken at once, so that a run of missing blocks stays one run.
  std::vector<Claim> Request(const std::vector<Want>& wants) EXCLUDES_LOCK(mutex_);
  // Reads a part of a block as ReadBlock does; false when the block turns out not to be here.
  bool Read(const BlockId& id, const BlockAddress& address, size_t begin, size_t size, char* buffer)
      EXCLUDES_LOCK(mutex_);
  // Keeps what was fetched, as far as the disk lets it, and hands it to those who wait.
  void Land(const BlockId& id, const BlockAddress& address, Flight& flight, std::string_view data)
      EXCLUDES_LOCK(mutex_);
  void LandFailed(const BlockId& id, Flight& flight, const Status& status) EXCLUDES_LOCK(mutex_);
  // Returns once the flight has landed; flight.bytes are the block when this is ok.
  Status Wait(Flight& flight) EXCLUDES_LOCK(mutex_);

  // Forgets blocks; with `in_flight` also what is being fetched, of any bucket.
  void Drop(const BlockIdRange& range, bool in_flight) EXCLUDES_LOCK(mutex_);
  BlockCacheStats stats() const EXCLUDES_LOCK(mutex_);

 private:
  CachedBlocks(const BlockCacheOptions& options, std::unique_ptr<BlockDirectory> directory,
               const Clock& clock);

  Claim RequestOne(const Want& want) REQUIRES_LOCK(mutex_);
  void Restore() EXCLUDES_LOCK(mutex_);
  // What a file counts for: at least a sixteenth of a whole block, which bounds their number.
  uint64_t Cost(uint64_t file_bytes) const;
  bool Reserve(uint64_t bytes) EXCLUDES_LOCK(mutex_);
  void Store(const BlockId& id, const BlockAddress& address, std::string_view data, uint64_t drops)
      EXCLUDES_LOCK(mutex_);
  void RemoveFiles(const std::vector<BlockIndex::Block>& blocks) EXCLUDES_LOCK(mutex_);
  // From now on nobody joins the flight.
  void EndFlight(const BlockId& id, const Flight& flight) REQUIRES_LOCK(mutex_);
  void ShowBytes() REQUIRES_LOCK(mutex_);
  // True when there was such a block.
  bool Discard(const BlockId& id) EXCLUDES_LOCK(mutex_);
  // Notes a failed or successful write; after a failure there is none for a while.
  void NoteWrite(int error) EXCLUDES_LOCK(mutex_);
  bool MayWrite() const EXCLUDES_LOCK(mutex_);

  const size_t block_bytes_;
  const Clock& clock_;
  const std::unique_ptr<BlockDirectory> directory_;
  CacheCounter hits_, misses_, evictions_, damaged_, disk_errors_;
  Gauge* const bytes_gauge_;  // Null without metrics.

  mutable Mutex mutex_;
  BlockIndex index_ GUARDED_BY(mutex_);
  std::map<BlockId, std::shared_ptr<Flight>> flights_ GUARDED_BY(mutex_);
  uint64_t drops_ GUARDED_BY(mutex_) = 0;
  int64_t no_write_before_micros_ GUARDED_BY(mutex_) = 0;
  int64_t pause_micros_ GUARDED_BY(mutex_) = 0;
};

}  // namespace lakehouse::storage
