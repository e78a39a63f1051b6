#include "storage/file_ops.h"

#include <atomic>
#include <cerrno>
#include <memory>
#include <system_error>

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/strings.h"

namespace lakehouse::storage {

namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

}  // namespace

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  if (this != &other) {
    Close();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void FileDescriptor::Close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

int FileOps::Create(int directory, const std::string& name) {
  return ::openat(directory, name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                  0644);
}

ssize_t FileOps::Write(int file, const char* bytes, size_t size) {
  return ::write(file, bytes, size);
}

int FileOps::Sync(int file_or_directory) { return ::fsync(file_or_directory); }

int FileOps::Link(int from_directory, const std::string& from, int to_directory,
                  const std::string& to) {
  return ::linkat(from_directory, from.c_str(), to_directory, to.c_str(), 0);
}

int FileOps::Rename(int from_directory, const std::string& from, int to_directory,
                    const std::string& to) {
  return ::renameat(from_directory, from.c_str(), to_directory, to.c_str());
}

int FileOps::Unlink(int directory, const std::string& name) {
  return ::unlinkat(directory, name.c_str(), 0);
}

int FileOps::MakeDirectory(int directory, const std::string& name) {
  return ::mkdirat(directory, name.c_str(), 0755);
}

FileOps& FileOps::System() {
  static FileOps ops;
  return ops;
}

int OpenBeneath(int root, const std::string& path, int flags) {
  // A sandbox answers EPERM for a call that it does not know, an old kernel ENOSYS.
  static std::atomic<bool> has_openat2{true};
  if (has_openat2.load(std::memory_order_relaxed)) {
    open_how how{};
    how.flags = static_cast<uint64_t>(flags | O_NOFOLLOW | O_CLOEXEC);
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
    const long fd = ::syscall(SYS_openat2, root, path.c_str(), &how, sizeof(how));
    if (fd >= 0) return static_cast<int>(fd);
    if (errno != ENOSYS && errno != EPERM) return -1;
    has_openat2.store(false, std::memory_order_relaxed);
  }
  return OpenBeneathByWalking(root, path, flags);
}

int OpenBeneathByWalking(int root, const std::string& path, int flags) {
  FileDescriptor directory;
  size_t begin = 0;
  while (true) {
    const int parent = directory.valid() ? directory.get() : root;
    const size_t slash = path.find('/', begin);
    const std::string name = path.substr(begin, slash - begin);
    if (slash == std::string::npos) {
      return ::openat(parent, name.c_str(), flags | O_NOFOLLOW | O_CLOEXEC);
    }
    FileDescriptor next(
        ::openat(parent, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next.valid()) return -1;
    directory = std::move(next);
    begin = slash + 1;
  }
}

Status ErrnoStatus(int error, std::string_view action, std::string_view subject) {
  const std::string message =
      StrCat("cannot ", action, ": ", std::generic_category().message(error), ": ", subject);
  switch (error) {
    case ENOENT:
      return {StatusCode::kNotFound, message};
    case EEXIST:
      return {StatusCode::kConflict, message};
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case EMLINK:
      return {StatusCode::kResourceExhausted, message};
    case EIO:
    case EISDIR:
    case ENOTDIR:
    case ELOOP:
    case EBADF:
    case EINVAL:
    case EUCLEAN:
      return {StatusCode::kInternal, message};
    default:
      return {StatusCode::kUnavailable, message};
  }
}

ssize_t ReadFully(int file, char* buffer, size_t size, uint64_t offset) {
  size_t done = 0;
  while (done < size) {
    const ssize_t count =
        ::pread(file, buffer + done, size - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return -1;
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  return static_cast<ssize_t>(done);
}

Result<SourceFile> OpenSourceFile(const std::string& path, std::string_view key) {
  SourceFile source;
  source.file = FileDescriptor(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  struct stat metadata {};
  if (!source.file.valid() || ::fstat(source.file.get(), &metadata) != 0) {
    return InvalidArgument(
        "cannot open the file to store: ", std::generic_category().message(errno), ": ", key);
  }
  if (!S_ISREG(metadata.st_mode)) {
    return InvalidArgument("the file to store is not a regular file: ", key);
  }
  source.size_bytes = static_cast<uint64_t>(metadata.st_size);
  return source;
}

Result<std::vector<DirectoryEntry>> ReadDirectory(FileDescriptor directory) {
  const std::unique_ptr<DIR, CloseDirectory> stream(::fdopendir(directory.get()));
  if (stream == nullptr) return ErrnoStatus(errno, "list", "a directory of the bucket");
  directory.Release();  // The stream owns it now.
  std::vector<DirectoryEntry> entries;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") entries.push_back({std::string(name), entry->d_type});
  }
  if (errno != 0) return ErrnoStatus(errno, "list", "a directory of the bucket");
  return entries;
}

ObjectInfo ObjectInfoFromStat(std::string_view key, const struct stat& metadata) {
  ObjectInfo info;
  info.key = key;
  info.size_bytes = static_cast<uint64_t>(metadata.st_size);
  const auto seconds = static_cast<int64_t>(metadata.st_mtim.tv_sec);
  const auto nanos = static_cast<int64_t>(metadata.st_mtim.tv_nsec);
  info.version = StrCat(static_cast<uint64_t>(metadata.st_ino), "-", seconds, ".", nanos, "-",
                        info.size_bytes);
  info.modified = {seconds * 1'000'000 + nanos / 1'000};
  return info;
}

}  // namespace lakehouse::storage
