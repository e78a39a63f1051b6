// Files on their way through ingest.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace lakehouse::ingest {

// A path in the working directory whose file, if there is one, is removed with the object.
class WorkPath {
 public:
  explicit WorkPath(std::string path) : path_(std::move(path)) {}
  ~WorkPath();
  WorkPath(const WorkPath&) = delete;
  WorkPath& operator=(const WorkPath&) = delete;

  const std::string& str() const { return path_; }

 private:
  const std::string path_;
};

// The directory that holds them, and the share of its disk that ingest leaves free. Thread-safe.
class WorkDirectory {
 public:
  // Creates the directory, or removes every file that an earlier process left there.
  static Result<std::unique_ptr<WorkDirectory>> Open(const std::string& path,
                                                     uint64_t min_free_disk_bytes);

  // Returns a path that no other file has, ending in `suffix`.
  std::string NewPath(std::string_view suffix) const;
  // kResourceExhausted, with the numbers, unless the minimum stays free after `more_bytes`.
  Status CheckFreeDisk(uint64_t more_bytes) const;

 private:
  WorkDirectory(std::string path, uint64_t min_free_disk_bytes)
      : path_(std::move(path)), min_free_disk_bytes_(min_free_disk_bytes) {}

  const std::string path_;
  const uint64_t min_free_disk_bytes_;
};

// Writes a new file from front to back through a buffer, watching the free disk. Not thread-safe.
class WorkWriter {
 public:
  // `directory` outlives the writer. The file at `path` must not exist.
  static Result<std::unique_ptr<WorkWriter>> Create(const WorkDirectory& directory,
                                                    const std::string& path);
  ~WorkWriter();
  WorkWriter(const WorkWriter&) = delete;
  WorkWriter& operator=(const WorkWriter&) = delete;

  // kResourceExhausted when the disk is, or would get too, full.
  Status Append(std::string_view bytes);
  // Hands everything to the operating system. REQUIRES: called once, after the last Append.
  Status Finish();
  uint64_t size_bytes() const { return flushed_bytes_ + buffer_.size(); }

 private:
  WorkWriter(const WorkDirectory& directory, int fd) : directory_(directory), fd_(fd) {}
  Status Flush();

  const WorkDirectory& directory_;
  int fd_;
  std::string buffer_;
  uint64_t flushed_bytes_ = 0;
  uint64_t checked_up_to_bytes_ = 0;
};

// Makes the bytes of the file at `path` durable.
Status SyncFile(const std::string& path);
// The checksum of all bytes of the file at `path`.
Result<uint32_t> Crc32cOfFile(const std::string& path);

}  // namespace lakehouse::ingest
