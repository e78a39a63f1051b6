// The system calls by which the local store reads and changes a disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/stat.h>
#include <sys/types.h>

#include "base/status.h"
#include "storage/object_store.h"

namespace lakehouse::storage {

// Owns a file descriptor; -1 means none.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() { Close(); }
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  // Gives up ownership.
  int Release() { return std::exchange(fd_, -1); }

 private:
  void Close();
  int fd_ = -1;
};

// Every call that changes the disk, as the system offers it: -1 with errno on failure. Tests
// override single calls to fail, to record their order or to forget what was not synced.
class FileOps {
 public:
  virtual ~FileOps() = default;

  // Creates a file that did not exist; returns its descriptor, open for writing.
  virtual int Create(int directory, const std::string& name);
  virtual ssize_t Write(int file, const char* bytes, size_t size);
  // Makes a file's bytes or a directory's entries durable. Never called again after a failure.
  virtual int Sync(int file_or_directory);
  virtual int Link(int from_directory, const std::string& from, int to_directory,
                   const std::string& to);
  virtual int Rename(int from_directory, const std::string& from, int to_directory,
                     const std::string& to);
  virtual int Unlink(int directory, const std::string& name);
  virtual int MakeDirectory(int directory, const std::string& name);

  // The operating system's calls. Lives as long as the process.
  static FileOps& System();
};

// Opens `path` below the directory `root` without following a symbolic link in any of its
// components and without leaving `root`. Returns -1 with errno; ELOOP names a link.
int OpenBeneath(int root, const std::string& path, int flags);

// OpenBeneath for kernels and sandboxes without openat2: one openat a component.
int OpenBeneathByWalking(int root, const std::string& path, int flags);

// Turns errno into an error about `subject`, usually a key.
Status ErrnoStatus(int error, std::string_view action, std::string_view subject);

// Reads up to `size` bytes at `offset`; short only at the file's end. -1 with errno on failure.
ssize_t ReadFully(int file, char* buffer, size_t size, uint64_t offset);

// One name in a directory; `type` is one of DT_*, which some filesystems leave at DT_UNKNOWN.
struct DirectoryEntry {
  std::string name;
  unsigned char type = 0;
};

// A local file that is about to become an object.
struct SourceFile {
  FileDescriptor file;
  uint64_t size_bytes = 0;
};

// Opens the file that PutFile was given for `key`. kInvalidArgument when it is missing, a symbolic
// link or no regular file.
Result<SourceFile> OpenSourceFile(const std::string& path, std::string_view key);

// Reads the names in a directory, in no order and without "." and "..".
Result<std::vector<DirectoryEntry>> ReadDirectory(FileDescriptor directory);

// What a file's metadata say about the object it holds.
ObjectInfo ObjectInfoFromStat(std::string_view key, const struct stat& metadata);

}  // namespace lakehouse::storage
