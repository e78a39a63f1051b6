#include "storage/local_directories.h"

#include <cerrno>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/strings.h"

namespace lakehouse::storage {

namespace {

constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

}  // namespace

Result<FileDescriptor> CreateDurableDirectory(const std::string& path, FileOps& ops) {
  const std::filesystem::path location(path);
  const std::filesystem::path above = location.parent_path();
  // The working directory is where a relative path begins.
  if (location != "." && location.has_filename() && above != location) {
    const std::string name = location.filename().string();
    const auto parent = CreateDurableDirectory(above.empty() ? "." : above.string(), ops);
    // A directory that exists below one that we may not read is not ours to make durable.
    if (!parent.ok() && ::access(path.c_str(), F_OK) != 0) return parent.status();
    if (parent.ok()) {
      const bool created = ops.MakeDirectory(parent->get(), name) == 0;
      if (!created && errno != EEXIST) return ErrnoStatus(errno, "create the directory", path);
      // One that exists may come from a process that was killed before it could sync.
      if (ops.Sync(parent->get()) != 0 && created) {
        return ErrnoStatus(errno, "sync the directory above", path);
      }
    }
  } else if (!location.has_filename() && above != location) {
    return CreateDurableDirectory(above.string(), ops);  // Ends with "/".
  }
  FileDescriptor directory(::open(path.c_str(), kDirectoryFlags));
  if (!directory.valid()) return ErrnoStatus(errno, "open the directory", path);
  return directory;
}

FileDescriptor LocalDirectories::Open(const std::string& path) const {
  return FileDescriptor(
      OpenBeneath(root_.get(), path.empty() ? "." : path, O_RDONLY | O_DIRECTORY));
}

Result<FileDescriptor> LocalDirectories::OpenDurable(const std::string& path) {
  if (path.empty() || IsDurable(path)) {
    FileDescriptor directory = Open(path);
    if (directory.valid()) return directory;
    if (errno != ENOENT) return ErrnoStatus(errno, "open the directory", path);
  }
  FileDescriptor directory = Open("");
  std::string walked;
  for (const std::string_view piece : SplitString(path, '/')) {
    const std::string name(piece);
    StrAppend(walked, walked.empty() ? "" : "/", piece);
    const bool created = ops_.MakeDirectory(directory.get(), name) == 0;
    if (!created && errno != EEXIST) return ErrnoStatus(errno, "create the directory", walked);
    if (created || !IsDurable(walked)) {
      TRY(Sync(directory.get()));
      SetDurable(walked);
    }
    FileDescriptor next(::openat(directory.get(), name.c_str(), kDirectoryFlags | O_NOFOLLOW));
    if (!next.valid()) return ErrnoStatus(errno, "open the directory", walked);
    directory = std::move(next);
  }
  return directory;
}

Status LocalDirectories::Sync(int directory) {
  if (ops_.Sync(directory) == 0) return OkStatus();
  const Status error = ErrnoStatus(errno, "sync a directory", "the bucket takes no more writes");
  failed_.store(true, std::memory_order_release);
  LogError("A directory could not be synced.", {{"error", error.message()}});
  return Internal("the write may not survive a power loss: ", error.message());
}

Status LocalDirectories::CheckWritable() const {
  if (!failed_.load(std::memory_order_acquire)) return OkStatus();
  return Unavailable(
      "the bucket takes no writes since one of its directories could not be synced: check the "
      "disk, then restart");
}

bool LocalDirectories::IsDurable(const std::string& path) const {
  MutexLock lock(mutex_);
  return durable_.contains(path);
}

void LocalDirectories::SetDurable(const std::string& path) {
  MutexLock lock(mutex_);
  durable_.insert(path);
}

}  // namespace lakehouse::storage
