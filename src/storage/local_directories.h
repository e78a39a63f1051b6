// The directories of a local bucket, made durable before anything is published in them.
#pragma once

#include <atomic>
#include <set>
#include <string>
#include <string_view>

#include <sys/stat.h>

#include "base/mutex.h"
#include "base/status.h"
#include "storage/file_ops.h"

namespace lakehouse::storage {

// Creates the directory at `path` with every missing ancestor, syncs each directory that got a new
// entry, and opens it.
Result<FileDescriptor> CreateDurableDirectory(const std::string& path, FileOps& ops);

// Thread-safe. Nobody ever removes a directory of a bucket, so one that is known to be durable
// stays so.
class LocalDirectories {
 public:
  LocalDirectories(FileDescriptor root, FileOps& ops) : root_(std::move(root)), ops_(ops) {}

  int root() const { return root_.get(); }

  // Opens an existing directory by its path relative to the root ("" is the root itself). Invalid
  // with errno set when it cannot be opened.
  FileDescriptor Open(const std::string& path) const;
  // Opens a directory, creates what is missing of its path, and syncs every ancestor whose entry
  // for it may not be durable yet: also one that another process has just created.
  Result<FileDescriptor> OpenDurable(const std::string& path);
  // Makes a directory's entries durable. After one failure nothing is known about what the disk
  // holds, so every later CheckWritable fails.
  Status Sync(int directory);
  // kUnavailable after a failed Sync.
  Status CheckWritable() const;

 private:
  bool IsDurable(const std::string& path) const;
  void SetDurable(const std::string& path);

  const FileDescriptor root_;
  FileOps& ops_;
  std::atomic<bool> failed_{false};
  mutable Mutex mutex_;
  std::set<std::string> durable_ GUARDED_BY(mutex_);
};

}  // namespace lakehouse::storage
