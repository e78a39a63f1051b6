// The directory of a block cache.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "storage/block_id.h"
#include "storage/file_ops.h"

namespace lakehouse::storage {

// Holds one file per block. Files appear whole, by a rename, but nothing is synced: after a power
// loss a file may hold anything, which its checksums tell. Everything may be deleted at any time,
// the directory itself included. Thread-safe.
class BlockDirectory {
 public:
  struct Found {
    BlockId id;
    uint64_t file_bytes = 0;
  };

  // Creates the directory, closed to other users, locks it, and removes what killed processes left.
  // kConflict when another process has it. `ops` outlives the answer.
  static Result<std::unique_ptr<BlockDirectory>> Open(const std::string& path, FileOps& ops);

  // Every block, that which was used last at the end. Passes over what it cannot read and what is
  // not a block.
  std::vector<Found> Scan() const;

  // Invalid with errno when there is none.
  FileDescriptor OpenBlock(const BlockId& id) const;
  // Returns 0 or errno; after an error the block is not there.
  int Write(const BlockId& id, std::string_view header, std::string_view data);
  void Remove(const BlockId& id);

 private:
  BlockDirectory(std::string path, FileDescriptor lock, FileOps& ops);

  std::string PathOf(const BlockId& id) const { return path_ + "/" + BlockPath(id); }
  // These return 0 or errno.
  int WriteTemporary(const std::string& path, std::string_view header, std::string_view data);
  int WriteFully(int file, std::string_view bytes);
  int Publish(const std::string& temporary, const std::string& path);
  // Creates the directory of a file in the cache, and those above it up to the cache's own.
  int MakeDirectoriesFor(const std::string& path);

  const std::string path_;
  const FileDescriptor lock_;
  FileOps& ops_;
  std::atomic<uint64_t> last_temporary_{0};
};

}  // namespace lakehouse::storage
