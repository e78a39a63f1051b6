#include "storage/local_store.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/strings.h"
#include "storage/key_path.h"
#include "storage/local_directories.h"
#include "storage/local_list.h"

namespace lakehouse::storage {

namespace {

constexpr size_t kCopyBytes = 1 << 20;
// Without O_NONBLOCK the open of a foreign FIFO would wait for a writer.
constexpr int kReadFlags = O_RDONLY | O_NONBLOCK;
constexpr std::string_view kTemporaryDirectory = "tmp";
constexpr std::string_view kLockFile = "lock";

// A file that lies in the temporary directory. Holding it open keeps its lock, which tells
// OpenLocalStore that its writer is alive.
struct TemporaryFile {
  std::string name;
  FileDescriptor file;
};

// Invariants:
// 1. A final name only ever leads to a file whose bytes and timestamps are synced.
// 2. A name appears or changes by one link or rename. A replacement by version holds the bucket's
//    lock file alone, every other replacement or deletion shares it: so nothing changes between the
//    comparison and the rename, in any process.
// 3. A write is acknowledged only after every directory on its path is synced.
class LocalStore : public ObjectStore {
 public:
  LocalStore(std::string root_path, FileDescriptor root, FileDescriptor hidden,
             FileDescriptor temporary, FileOps& ops)
      : root_path_(std::move(root_path)),
        hidden_(std::move(hidden)),
        temporary_(std::move(temporary)),
        ops_(ops),
        directories_(std::move(root), ops) {}

  Result<std::string> Get(std::string_view key, ByteRange range) const override {
    struct stat metadata {};
    ASSIGN_OR_RETURN(const FileDescriptor file, OpenObject(key, kReadFlags, metadata));
    const auto size = static_cast<uint64_t>(metadata.st_size);
    if (range.offset > size) return PastEnd(key, range.offset, size);
    std::string bytes(std::min(range.length, size - range.offset), '\0');
    const ssize_t count = ReadFully(file.get(), bytes.data(), bytes.size(), range.offset);
    if (count < 0) return ErrnoStatus(errno, "read the object", key);
    bytes.resize(static_cast<size_t>(count));
    return bytes;
  }

  Result<size_t> ReadAt(const ObjectInfo& object, uint64_t offset, char* buffer,
                        size_t size) const override {
    struct stat metadata {};
    ASSIGN_OR_RETURN(const FileDescriptor file, OpenObject(object.key, kReadFlags, metadata));
    const ObjectInfo opened = ObjectInfoFromStat(object.key, metadata);
    if (opened.version != object.version) {
      return Conflict("another version is stored under the key: ", object.key);
    }
    if (offset > opened.size_bytes) return PastEnd(object.key, offset, opened.size_bytes);
    const ssize_t count = ReadFully(file.get(), buffer, size, offset);
    if (count < 0) return ErrnoStatus(errno, "read the object", object.key);
    return static_cast<size_t>(count);
  }

  Result<ObjectInfo> Head(std::string_view key) const override {
    struct stat metadata {};
    TRY(OpenObject(key, O_PATH, metadata).status());
    return ObjectInfoFromStat(key, metadata);
  }

  Result<ObjectInfo> Put(std::string_view key, std::string_view bytes,
                         const PutCondition& condition) override {
    TRY(CheckKey(key));
    TRY(directories_.CheckWritable());
    ASSIGN_OR_RETURN(const TemporaryFile temporary, CreateTemporary(key));
    const Status written = WriteFully(temporary.file.get(), bytes, key);
    return Finish(temporary, written, key, condition);
  }

  Result<ObjectInfo> PutFile(std::string_view key, const std::string& path,
                             const PutCondition& condition) override {
    TRY(CheckKey(key));
    TRY(directories_.CheckWritable());
    ASSIGN_OR_RETURN(SourceFile source, OpenSourceFile(path, key));
    TemporaryFile moved{NewUuid(Clock::System()), std::move(source.file)};
    if (MoveIn(path, moved)) {
      return Finish(moved, OkStatus(), key, condition, &path);
    }
    ASSIGN_OR_RETURN(const TemporaryFile temporary, CreateTemporary(key));
    const Status written = Copy(moved.file.get(), temporary.file.get(), key);
    return Finish(temporary, written, key, condition);
  }

  Result<std::vector<ObjectInfo>> List(std::string_view prefix, std::string_view start_after,
                                       size_t limit) const override {
    return ListLocalObjects(directories_.root(), prefix, start_after, limit);
  }

  Status Delete(std::string_view key) override {
    TRY(CheckKey(key));
    TRY(directories_.CheckWritable());
    const ObjectPath path = SplitPath(KeyToPath(key));
    const FileDescriptor directory = directories_.Open(path.directory);
    if (!directory.valid()) {
      return errno == ENOENT ? OkStatus() : ErrnoStatus(errno, "delete the object", key);
    }
    {
      ASSIGN_OR_RETURN(const FileDescriptor lock, Lock(LOCK_SH));
      if (ops_.Unlink(directory.get(), path.name) != 0) {
        return errno == ENOENT ? OkStatus() : ErrnoStatus(errno, "delete the object", key);
      }
    }
    return directories_.Sync(directory.get()).Annotate(key);
  }

  std::optional<std::string> LocalPath(std::string_view key) const override {
    if (!CheckKey(key).ok()) return std::nullopt;
    return StrCat(root_path_, "/", KeyToPath(key));
  }

 private:
  struct ObjectPath {
    std::string directory;
    std::string name;
  };

  static ObjectPath SplitPath(const std::string& path) {
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos) return {"", path};
    return {path.substr(0, slash), path.substr(slash + 1)};
  }

  static Status PastEnd(std::string_view key, uint64_t offset, uint64_t size) {
    return InvalidArgument("the range starts past the object's end: offset ", offset, " of ", size,
                           " bytes in ", key);
  }

  Result<FileDescriptor> OpenObject(std::string_view key, int flags, struct stat& metadata) const {
    TRY(CheckKey(key));
    FileDescriptor file(OpenBeneath(directories_.root(), KeyToPath(key), flags));
    if (!file.valid() && (errno == ENOENT || errno == ENOTDIR)) {
      return NotFound("there is no object under the key: ", key);
    }
    if (!file.valid() || ::fstat(file.get(), &metadata) != 0) {
      return ErrnoStatus(errno, "open the object", key);
    }
    if (!S_ISREG(metadata.st_mode)) {
      return Internal("a directory, link or device stands where an object belongs: ", key);
    }
    return file;
  }

  // Opens the lock file anew, because a lock belongs to an open file and not to a thread.
  Result<FileDescriptor> Lock(int kind) const {
    FileDescriptor file(::openat(hidden_.get(), std::string(kLockFile).c_str(),
                                 O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644));
    if (!file.valid()) return ErrnoStatus(errno, "open the bucket's lock file", root_path_);
    while (::flock(file.get(), kind) != 0) {
      if (errno != EINTR) return ErrnoStatus(errno, "lock the bucket", root_path_);
    }
    return file;
  }

  // Creates a temporary file and locks it. OpenLocalStore removes temporary files without a lock,
  // also one that it meets between our two calls; then there is another try.
  Result<TemporaryFile> CreateTemporary(std::string_view key) {
    while (true) {
      TemporaryFile temporary{NewUuid(Clock::System()), {}};
      temporary.file = FileDescriptor(ops_.Create(temporary_.get(), temporary.name));
      if (!temporary.file.valid()) return ErrnoStatus(errno, "create a temporary file for", key);
      struct stat metadata {};
      const int fd = temporary.file.get();
      if (::flock(fd, LOCK_EX | LOCK_NB) == 0 && ::fstat(fd, &metadata) == 0 &&
          metadata.st_nlink > 0) {
        return temporary;
      }
    }
  }

  // Moves the file at `path` into the temporary directory; false when it must be copied: it is on
  // another filesystem, belongs to somebody else, or has another name to write to it by.
  bool MoveIn(const std::string& path, const TemporaryFile& source) {
    struct stat metadata {};
    const int fd = source.file.get();
    return ::fstat(fd, &metadata) == 0 && metadata.st_nlink == 1 &&
           ::flock(fd, LOCK_EX | LOCK_NB) == 0 && Stamp(fd) == 0 &&
           ops_.Rename(AT_FDCWD, path, temporary_.get(), source.name) == 0;
  }

  Status WriteFully(int file, std::string_view bytes, std::string_view key) {
    while (!bytes.empty()) {
      const ssize_t count = ops_.Write(file, bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return ErrnoStatus(errno, "write the object", key);
      if (count == 0) return ErrnoStatus(EIO, "write the object", key);
      bytes.remove_prefix(static_cast<size_t>(count));
    }
    return OkStatus();
  }

  Status Copy(int from, int to, std::string_view key) {
    std::string buffer(kCopyBytes, '\0');
    for (uint64_t offset = 0;;) {
      const ssize_t count = ReadFully(from, buffer.data(), buffer.size(), offset);
      if (count < 0) return ErrnoStatus(errno, "read the file to store under", key);
      if (count == 0) return OkStatus();
      TRY(WriteFully(to, std::string_view(buffer).substr(0, static_cast<size_t>(count)), key));
      offset += static_cast<uint64_t>(count);
    }
  }

  // Sets the modification time of a finished file. The system's own has the resolution of a timer
  // tick, within which an inode may come back; one set by hand counts nanoseconds and so makes the
  // object's version unique.
  static int Stamp(int file) {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    const timespec times[2] = {now, now};
    return ::futimens(file, times);
  }

  // Syncs and publishes a temporary file after its bytes were `written`. On failure the file is
  // discarded, or moved back to `origin` when it has one.
  Result<ObjectInfo> Finish(const TemporaryFile& temporary, Status written, std::string_view key,
                            const PutCondition& condition, const std::string* origin = nullptr) {
    if (written.ok()) written = Seal(temporary.file.get(), key);
    const ObjectPath path = SplitPath(KeyToPath(key));
    Result<FileDescriptor> directory =
        written.ok() ? directories_.OpenDurable(path.directory) : Result<FileDescriptor>(written);
    Status published = directory.status();
    if (published.ok()) {
      published = condition.if_absent
                      ? LinkIfAbsent(temporary, directory->get(), path.name, key)
                      : Replace(temporary, directory->get(), path.name, key, condition.if_version);
    }
    if (!published.ok()) {
      if (origin != nullptr) {
        ops_.Rename(temporary_.get(), temporary.name, AT_FDCWD, *origin);
      } else {
        ops_.Unlink(temporary_.get(), temporary.name);
      }
      return published;
    }
    TRY(directories_.Sync(directory->get()).Annotate(key));
    struct stat metadata {};
    if (::fstat(temporary.file.get(), &metadata) != 0) return ErrnoStatus(errno, "look at", key);
    return ObjectInfoFromStat(key, metadata);
  }

  Status Seal(int file, std::string_view key) {
    if (Stamp(file) != 0) return ErrnoStatus(errno, "stamp the object", key);
    if (ops_.Sync(file) != 0) return ErrnoStatus(errno, "sync the object", key);
    return OkStatus();
  }

  Status LinkIfAbsent(const TemporaryFile& temporary, int directory, const std::string& name,
                      std::string_view key) {
    if (ops_.Link(temporary_.get(), temporary.name, directory, name) != 0) {
      if (errno == EEXIST) return Conflict("an object exists under the key: ", key);
      return ErrnoStatus(errno, "publish the object", key);
    }
    ops_.Unlink(temporary_.get(), temporary.name);
    return OkStatus();
  }

  Status Replace(const TemporaryFile& temporary, int directory, const std::string& name,
                 std::string_view key, const std::optional<std::string>& if_version) {
    ASSIGN_OR_RETURN(const FileDescriptor lock, Lock(if_version ? LOCK_EX : LOCK_SH));
    if (if_version) {
      struct stat metadata {};
      if (::fstatat(directory, name.c_str(), &metadata, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) return Conflict("no object holds the expected version: ", key);
        return ErrnoStatus(errno, "look at the object", key);
      }
      if (ObjectInfoFromStat(key, metadata).version != *if_version) {
        return Conflict("another version is stored under the key: ", key);
      }
    }
    if (ops_.Rename(temporary_.get(), temporary.name, directory, name) != 0) {
      return ErrnoStatus(errno, "publish the object", key);
    }
    return OkStatus();
  }

  const std::string root_path_;
  const FileDescriptor hidden_;
  const FileDescriptor temporary_;
  FileOps& ops_;
  LocalDirectories directories_;
};

// Removes what writers that are gone have left. A living writer holds the lock of its file.
Status RemoveOrphans(int temporary, FileOps& ops) {
  FileDescriptor directory(::openat(temporary, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return ErrnoStatus(errno, "open", "the temporary directory");
  ASSIGN_OR_RETURN(const std::vector<DirectoryEntry> entries, ReadDirectory(std::move(directory)));
  for (const auto& [name, type] : entries) {
    const FileDescriptor file(
        ::openat(temporary, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!file.valid() || ::flock(file.get(), LOCK_EX | LOCK_NB) != 0) continue;
    if (ops.Unlink(temporary, name) != 0 && errno != ENOENT) {
      return ErrnoStatus(errno, "remove the temporary file", name);
    }
  }
  return OkStatus();
}

}  // namespace

Result<std::unique_ptr<ObjectStore>> OpenLocalStore(const std::string& root, FileOps& ops) {
  const std::string hidden_path = StrCat(root, "/", kHiddenDirectory);
  ASSIGN_OR_RETURN(FileDescriptor root_directory, CreateDurableDirectory(root, ops));
  ASSIGN_OR_RETURN(FileDescriptor hidden, CreateDurableDirectory(hidden_path, ops));
  ASSIGN_OR_RETURN(FileDescriptor temporary,
                   CreateDurableDirectory(StrCat(hidden_path, "/", kTemporaryDirectory), ops));
  TRY(RemoveOrphans(temporary.get(), ops));
  const std::unique_ptr<char, decltype(&std::free)> resolved(::realpath(root.c_str(), nullptr),
                                                             &std::free);
  if (resolved == nullptr) return ErrnoStatus(errno, "resolve the directory", root);
  return std::unique_ptr<ObjectStore>(std::make_unique<LocalStore>(
      resolved.get(), std::move(root_directory), std::move(hidden), std::move(temporary), ops));
}

}  // namespace lakehouse::storage
