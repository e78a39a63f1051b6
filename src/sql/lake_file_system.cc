#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/strings.h"
#include "duckdb/common/multi_file/multi_file_list.hpp"
#include "sql/error.internal.h"
#include "sql/lake_file_system.internal.h"
#include "sql/scope.internal.h"
#include "storage/object_reader.h"

namespace lakehouse::sql {

namespace {

using duckdb::FileHandle;
using duckdb::FileOpener;
using duckdb::FileOpenFlags;
using duckdb::idx_t;
using duckdb::optional_ptr;

bool IsLake(const std::string& path) { return path.starts_with(kLakeScheme); }

// The name of a file in errors: never its place on this machine.
std::string ShownName(const std::string& path) {
  return StrCat(IsLake(path) ? "object " : "working file ", path.substr(path.rfind('/') + 1));
}

[[noreturn]] void ThrowIo(const std::string& path, const char* what, int error) {
  throw duckdb::IOException("Cannot %s %s: %s", what, ShownName(path), std::strerror(error));
}

[[noreturn]] void ThrowForbidden(const std::string& path) {
  throw duckdb::PermissionException("This statement may not open %s", ShownName(path));
}

Scope& CheckMayRead(const std::string& path, optional_ptr<FileOpener> opener) {
  Scope* scope = Scope::Find(opener);
  if (scope == nullptr) ThrowForbidden(path);
  if (IsLake(path) ? !scope->MayRead(path) : !scope->trusted()) ThrowForbidden(path);
  return *scope;
}

void CheckMayWrite(const std::string& path, optional_ptr<FileOpener> opener) {
  const Scope* scope = Scope::Find(opener);
  // Objects are written by storage alone.
  if (scope == nullptr || !scope->trusted() || IsLake(path)) ThrowForbidden(path);
}

// The local path of a working file. Its directories are ours; ".." could leave them.
std::string LocalStagePath(const std::string& path) {
  std::string local = path.substr(std::strlen(kStageScheme));
  const bool inside = local.starts_with('/') && local.find('\0') == std::string::npos &&
                      (local + "/").find("/../") == std::string::npos;
  if (!inside) ThrowForbidden(path);
  return local;
}

// A local file by descriptor.
class LocalHandle : public FileHandle {
 public:
  LocalHandle(duckdb::FileSystem& file_system, const std::string& path, FileOpenFlags flags, int fd)
      : FileHandle(file_system, path, flags), fd_(fd) {}
  ~LocalHandle() override { LocalHandle::Close(); }
  void Close() override {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  struct stat Stat() const {
    struct stat info {};
    if (::fstat(fd_, &info) != 0) ThrowIo(path, "inspect", errno);
    return info;
  }
  // Reads up to `size` bytes; fewer only at the end.
  size_t ReadAt(char* buffer, size_t size, uint64_t offset) const {
    size_t done = 0;
    while (done < size) {
      const ssize_t got =
          ::pread(fd_, buffer + done, size - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) ThrowIo(path, "read", errno);
      if (got == 0) break;
      done += static_cast<size_t>(got);
    }
    return done;
  }
  void WriteAt(const char* buffer, size_t size, uint64_t offset) const {
    size_t done = 0;
    while (done < size) {
      const ssize_t put =
          ::pwrite(fd_, buffer + done, size - done, static_cast<off_t>(offset + done));
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) ThrowIo(path, "write", errno);
      done += static_cast<size_t>(put);
    }
  }
  int fd() const { return fd_; }

  uint64_t position = 0;

 private:
  int fd_;
};

// An object that is no file on this machine.
class ObjectHandle : public FileHandle {
 public:
  ObjectHandle(duckdb::FileSystem& file_system, const std::string& path, FileOpenFlags flags,
               BucketName bucket, std::unique_ptr<storage::ObjectReader> reader)
      : FileHandle(file_system, path, flags),
        bucket_(std::move(bucket)),
        reader_(std::move(reader)),
        info_(reader_->info()) {}
  void Close() override {}

  size_t ReadAt(char* buffer, size_t size, uint64_t offset) const {
    if (offset >= info_.size_bytes) return 0;
    const Result<size_t> got = reader_->ReadAt(offset, buffer, size);
    if (!got.ok()) ThrowStorageError(got.status(), StrCat("read ", ShownName(path)), bucket_);
    return *got;
  }
  const storage::ObjectInfo& info() const { return info_; }

  uint64_t position = 0;

 private:
  const BucketName bucket_;
  const std::unique_ptr<storage::ObjectReader> reader_;
  const storage::ObjectInfo info_;  // As it was opened, so that it stays the same.
};

LocalHandle* AsLocal(FileHandle& handle) { return dynamic_cast<LocalHandle*>(&handle); }
ObjectHandle& AsObject(FileHandle& handle) { return dynamic_cast<ObjectHandle&>(handle); }

LocalHandle& Writable(FileHandle& handle) {
  LocalHandle* local = AsLocal(handle);
  if (local == nullptr || !handle.flags.OpenForWriting()) ThrowForbidden(handle.path);
  return *local;
}

uint64_t& Position(FileHandle& handle) {
  LocalHandle* local = AsLocal(handle);
  return local != nullptr ? local->position : AsObject(handle).position;
}

size_t ReadSome(FileHandle& handle, void* buffer, int64_t size, uint64_t offset) {
  char* bytes = static_cast<char*>(buffer);
  if (const LocalHandle* local = AsLocal(handle)) {
    return local->ReadAt(bytes, static_cast<size_t>(size), offset);
  }
  return AsObject(handle).ReadAt(bytes, static_cast<size_t>(size), offset);
}

int PosixFlags(const FileOpenFlags& flags) {
  int mode = O_RDONLY;
  if (flags.OpenForWriting()) mode = flags.OpenForReading() ? O_RDWR : O_WRONLY;
  if (flags.OverwriteExistingFile()) {
    mode |= O_CREAT | O_TRUNC;
  } else if (flags.CreateFileIfNotExists()) {
    mode |= O_CREAT;
  }
  if (flags.ExclusiveCreate()) mode |= O_EXCL;
  return mode | O_CLOEXEC | O_NOFOLLOW;
}

struct LakeObject {
  BucketName bucket;
  std::string key;
};

LakeObject ParseLakePath(const std::string& path) {
  const size_t start = std::strlen(kLakeScheme);
  const size_t slash = path.find('/', start);
  if (slash == std::string::npos) ThrowForbidden(path);
  Result<BucketName> bucket = BucketName::Parse(path.substr(start, slash - start));
  if (!bucket.ok()) ThrowForbidden(path);
  LakeObject object{*std::move(bucket), path.substr(slash + 1)};
  if (!storage::CheckKey(object.key).ok()) ThrowForbidden(path);
  return object;
}

// Opens a file that holds an object; null when it cannot be opened or has another size than the
// object.
duckdb::unique_ptr<LocalHandle> OpenObjectFile(duckdb::FileSystem& file_system,
                                               const std::string& path, FileOpenFlags flags,
                                               const std::string& local_path,
                                               std::optional<uint64_t> size_bytes) {
  const int fd = ::open(local_path.c_str(), PosixFlags(flags), 0);
  if (fd < 0) return nullptr;
  auto handle = duckdb::make_uniq<LocalHandle>(file_system, path, flags, fd);
  if (size_bytes.has_value() && static_cast<uint64_t>(handle->Stat().st_size) != *size_bytes) {
    return nullptr;
  }
  return handle;
}

}  // namespace

duckdb::unique_ptr<FileHandle> LakeFileSystem::OpenObject(const std::string& path,
                                                          FileOpenFlags flags, Scope& scope) {
  const auto [bucket, key] = ParseLakePath(path);
  const std::optional<uint64_t> size_bytes = scope.SizeOf(path);
  if (const Result<storage::ObjectStore*> store = buckets_.Find(bucket); store.ok()) {
    if (const std::optional<std::string> local = (*store)->LocalPath(key)) {
      auto handle = OpenObjectFile(*this, path, flags, *local, size_bytes);
      if (handle != nullptr) return handle;
    }
  }
  // Objects that SQL reads are data files, whose keys are used once.
  auto reader = storage::ObjectReader::Open(
      buckets_, bucket, key,
      {.write_once = true, .size_bytes = size_bytes, .trace = &scope.rescue_trace()});
  if (reader.status().code() == StatusCode::kNotFound && flags.ReturnNullIfNotExists()) {
    return nullptr;
  }
  if (!reader.ok()) ThrowStorageError(reader.status(), StrCat("open ", ShownName(path)), bucket);
  if (const std::optional<std::string> local = (*reader)->LocalPath()) {
    auto handle = OpenObjectFile(*this, path, flags, *local, (*reader)->info().size_bytes);
    if (handle != nullptr) return handle;
  }
  return duckdb::make_uniq<ObjectHandle>(*this, path, flags, bucket, *std::move(reader));
}

duckdb::unique_ptr<FileHandle> LakeFileSystem::OpenFile(const std::string& path,
                                                        FileOpenFlags flags,
                                                        optional_ptr<FileOpener> opener) {
  if (flags.OpenForWriting()) {
    CheckMayWrite(path, opener);
  } else {
    Scope& scope = CheckMayRead(path, opener);
    if (IsLake(path)) return OpenObject(path, flags, scope);
  }
  const std::string local_path = LocalStagePath(path);
  const int fd = ::open(local_path.c_str(), PosixFlags(flags), 0600);
  if (fd < 0 && errno == ENOENT && flags.ReturnNullIfNotExists()) return nullptr;
  if (fd < 0) ThrowIo(path, "open", errno);
  auto handle = duckdb::make_uniq<LocalHandle>(*this, path, flags, fd);
  if (flags.OpenForAppending()) handle->position = static_cast<uint64_t>(handle->Stat().st_size);
  return handle;
}

void LakeFileSystem::Read(FileHandle& handle, void* buffer, int64_t size, idx_t offset) {
  if (ReadSome(handle, buffer, size, offset) != static_cast<size_t>(size)) {
    throw duckdb::IOException("Cannot read %s: it ended early", ShownName(handle.path));
  }
}

int64_t LakeFileSystem::Read(FileHandle& handle, void* buffer, int64_t size) {
  uint64_t& position = Position(handle);
  const size_t got = ReadSome(handle, buffer, size, position);
  position += got;
  return static_cast<int64_t>(got);
}

void LakeFileSystem::Write(FileHandle& handle, void* buffer, int64_t size, idx_t offset) {
  Writable(handle).WriteAt(static_cast<const char*>(buffer), static_cast<size_t>(size), offset);
}

int64_t LakeFileSystem::Write(FileHandle& handle, void* buffer, int64_t size) {
  LocalHandle& local = Writable(handle);
  local.WriteAt(static_cast<const char*>(buffer), static_cast<size_t>(size), local.position);
  local.position += static_cast<uint64_t>(size);
  return size;
}

int64_t LakeFileSystem::GetFileSize(FileHandle& handle) {
  if (const LocalHandle* local = AsLocal(handle)) return local->Stat().st_size;
  return static_cast<int64_t>(AsObject(handle).info().size_bytes);
}

duckdb::timestamp_t LakeFileSystem::GetLastModifiedTime(FileHandle& handle) {
  if (const LocalHandle* local = AsLocal(handle)) {
    const struct stat info = local->Stat();
    return duckdb::timestamp_t(info.st_mtim.tv_sec * 1'000'000 + info.st_mtim.tv_nsec / 1'000);
  }
  return duckdb::timestamp_t(AsObject(handle).info().modified.micros);
}

std::string LakeFileSystem::GetVersionTag(FileHandle& handle) {
  const LocalHandle* local = AsLocal(handle);
  if (local == nullptr) return AsObject(handle).info().version;
  const struct stat info = local->Stat();
  return StrCat(info.st_dev, ":", info.st_ino, ":", info.st_size, ":", info.st_mtim.tv_sec, ".",
                info.st_mtim.tv_nsec);
}

duckdb::FileType LakeFileSystem::GetFileType(FileHandle&) {
  return duckdb::FileType::FILE_TYPE_REGULAR;
}

void LakeFileSystem::Truncate(FileHandle& handle, int64_t new_size) {
  if (::ftruncate(Writable(handle).fd(), new_size) != 0) ThrowIo(handle.path, "truncate", errno);
}

void LakeFileSystem::FileSync(FileHandle& handle) {
  if (::fsync(Writable(handle).fd()) != 0) ThrowIo(handle.path, "sync", errno);
}

void LakeFileSystem::Seek(FileHandle& handle, idx_t offset) { Position(handle) = offset; }
void LakeFileSystem::Reset(FileHandle& handle) { Position(handle) = 0; }
idx_t LakeFileSystem::SeekPosition(FileHandle& handle) { return Position(handle); }
bool LakeFileSystem::OnDiskFile(FileHandle& handle) { return AsLocal(handle) != nullptr; }

bool LakeFileSystem::FileExists(const std::string& path, optional_ptr<FileOpener> opener) {
  Scope& scope = CheckMayRead(path, opener);
  if (IsLake(path)) {
    return OpenObject(path,
                      duckdb::FileFlags::FILE_FLAGS_READ |
                          duckdb::FileFlags::FILE_FLAGS_NULL_IF_NOT_EXISTS,
                      scope) != nullptr;
  }
  struct stat info {};
  return ::stat(LocalStagePath(path).c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

bool LakeFileSystem::DirectoryExists(const std::string& path, optional_ptr<FileOpener> opener) {
  CheckMayRead(path, opener);
  struct stat info {};
  return !IsLake(path) && ::stat(LocalStagePath(path).c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

bool LakeFileSystem::IsPipe(const std::string&, optional_ptr<FileOpener>) { return false; }

void LakeFileSystem::RemoveFile(const std::string& path, optional_ptr<FileOpener> opener) {
  if (!TryRemoveFile(path, opener)) ThrowIo(path, "remove", ENOENT);
}

bool LakeFileSystem::TryRemoveFile(const std::string& path, optional_ptr<FileOpener> opener) {
  CheckMayWrite(path, opener);
  if (::unlink(LocalStagePath(path).c_str()) == 0) return true;
  if (errno != ENOENT) ThrowIo(path, "remove", errno);
  return false;
}

void LakeFileSystem::MoveFile(const std::string& source, const std::string& target,
                              optional_ptr<FileOpener> opener) {
  CheckMayWrite(source, opener);
  CheckMayWrite(target, opener);
  if (::rename(LocalStagePath(source).c_str(), LocalStagePath(target).c_str()) != 0) {
    ThrowIo(target, "create", errno);
  }
}

duckdb::vector<duckdb::OpenFileInfo> LakeFileSystem::Glob(const std::string& path,
                                                          FileOpener* opener) {
  CheckMayRead(path, opener);
  return {duckdb::OpenFileInfo(path)};
}

bool LakeFileSystem::CanHandleFile(const std::string& path) {
  return IsLake(path) || path.starts_with(kStageScheme);
}

std::string LakeFileSystem::CanonicalizePath(const std::string& path, optional_ptr<FileOpener>) {
  return path;
}

std::string LakeFileSystem::PathSeparator(const std::string&) { return "/"; }
bool LakeFileSystem::IsPathAbsolute(const std::string&) { return true; }

}  // namespace lakehouse::sql
