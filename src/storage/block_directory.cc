#include "storage/block_directory.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <tuple>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/strings.h"

namespace lakehouse::storage {

namespace {

constexpr std::string_view kTemporaryDirectory = "tmp";
constexpr std::string_view kLockFile = "lock";
constexpr mode_t kOwnerOnly = 0700;
// Without O_NONBLOCK the open of a foreign FIFO would wait for a writer.
constexpr int kReadFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;

// The names in a directory; none when it cannot be read.
std::vector<std::string> NamesIn(const std::string& path) {
  std::vector<std::string> names;
  FileDescriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory.valid()) return names;
  const auto entries = ReadDirectory(std::move(directory));
  if (!entries.ok()) return names;
  for (const DirectoryEntry& entry : *entries) names.push_back(entry.name);
  return names;
}

bool IsNumber(std::string_view name) {
  return name.find_first_not_of("0123456789") == std::string_view::npos;
}

using UseTime = std::pair<time_t, long>;  // Seconds and nanoseconds.

// A new file was used when it was written; not every filesystem sets both times then.
UseTime LastUse(const struct stat& metadata) {
  return std::max(UseTime(metadata.st_atim.tv_sec, metadata.st_atim.tv_nsec),
                  UseTime(metadata.st_mtim.tv_sec, metadata.st_mtim.tv_nsec));
}

}  // namespace

Result<std::unique_ptr<BlockDirectory>> BlockDirectory::Open(const std::string& path,
                                                             FileOps& ops) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return ErrnoStatus(error.value(), "create the cache directory", path);
  if (::chmod(path.c_str(), kOwnerOnly) != 0) {
    return ErrnoStatus(errno, "close the cache directory to others", path);
  }
  const std::string lock_path = StrCat(path, "/", kLockFile);
  FileDescriptor lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!lock.valid()) return ErrnoStatus(errno, "open the lock file of the cache", path);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return Conflict("another process uses the cache directory: ", path);
    return ErrnoStatus(errno, "lock the cache directory", path);
  }
  const std::string temporary = StrCat(path, "/", kTemporaryDirectory);
  for (const std::string& name : NamesIn(temporary)) {
    if (IsNumber(name)) ops.Unlink(AT_FDCWD, StrCat(temporary, "/", name));
  }
  return std::unique_ptr<BlockDirectory>(new BlockDirectory(path, std::move(lock), ops));
}

BlockDirectory::BlockDirectory(std::string path, FileDescriptor lock, FileOps& ops)
    : path_(std::move(path)), lock_(std::move(lock)), ops_(ops) {}

std::vector<BlockDirectory::Found> BlockDirectory::Scan() const {
  std::vector<std::pair<UseTime, Found>> found;
  for (const std::string& bucket : NamesIn(path_)) {
    for (const std::string& fan : NamesIn(StrCat(path_, "/", bucket))) {
      const std::string directory = StrCat(bucket, "/", fan);
      for (const std::string& name : NamesIn(StrCat(path_, "/", directory))) {
        const std::string relative = StrCat(directory, "/", name);
        const std::optional<BlockId> id = ParseBlockPath(relative);
        struct stat metadata {};
        if (!id || ::lstat(StrCat(path_, "/", relative).c_str(), &metadata) != 0) continue;
        const auto bytes = static_cast<uint64_t>(metadata.st_size);
        found.push_back({LastUse(metadata), {*id, bytes}});
      }
    }
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return std::tie(a.first, a.second.id) < std::tie(b.first, b.second.id);
  });
  std::vector<Found> blocks;
  blocks.reserve(found.size());
  for (const auto& [time, block] : found) blocks.push_back(block);
  return blocks;
}

FileDescriptor BlockDirectory::OpenBlock(const BlockId& id) const {
  return FileDescriptor(::open(PathOf(id).c_str(), kReadFlags));
}

int BlockDirectory::Write(const BlockId& id, std::string_view header, std::string_view data) {
  const std::string temporary = StrCat(path_, "/", kTemporaryDirectory, "/", ++last_temporary_);
  int error = WriteTemporary(temporary, header, data);
  if (error == 0) error = Publish(temporary, PathOf(id));
  if (error != 0) ops_.Unlink(AT_FDCWD, temporary);
  return error;
}

int BlockDirectory::WriteTemporary(const std::string& path, std::string_view header,
                                   std::string_view data) {
  FileDescriptor file(ops_.Create(AT_FDCWD, path));
  if (!file.valid() && errno == ENOENT) {
    if (const int error = MakeDirectoriesFor(path); error != 0) return error;
    file = FileDescriptor(ops_.Create(AT_FDCWD, path));
  }
  if (!file.valid()) return errno;
  const int error = WriteFully(file.get(), header);
  return error != 0 ? error : WriteFully(file.get(), data);
}

int BlockDirectory::WriteFully(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ops_.Write(file, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    if (count == 0) return EIO;
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return 0;
}

int BlockDirectory::Publish(const std::string& temporary, const std::string& path) {
  if (ops_.Rename(AT_FDCWD, temporary, AT_FDCWD, path) == 0) return 0;
  if (errno != ENOENT) return errno;
  if (const int error = MakeDirectoriesFor(path); error != 0) return error;
  return ops_.Rename(AT_FDCWD, temporary, AT_FDCWD, path) == 0 ? 0 : errno;
}

int BlockDirectory::MakeDirectoriesFor(const std::string& path) {
  for (size_t slash = path_.size(); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const std::string directory = path.substr(0, slash);
    if (ops_.MakeDirectory(AT_FDCWD, directory) != 0) {
      if (errno != EEXIST) return errno;
    } else if (directory == path_ && ::chmod(path_.c_str(), kOwnerOnly) != 0) {
      return errno;
    }
  }
  return 0;
}

void BlockDirectory::Remove(const BlockId& id) { ops_.Unlink(AT_FDCWD, PathOf(id)); }

}  // namespace lakehouse::storage
