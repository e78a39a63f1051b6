#include "catalog/object_copier.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <utility>

#include "base/clock.h"
#include "base/hash.h"
#include "base/rng.h"
#include "storage/object_reader.h"

namespace lakehouse::catalog {

namespace {

// A read of this size is worth the requests that a remote bucket makes of it.
constexpr size_t kBlockBytes = size_t{16} << 20;

// Removes the file, if it is still there, at the end of a scope.
class ScopedFile {
 public:
  explicit ScopedFile(std::string path) : path_(std::move(path)) {}
  ~ScopedFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  ScopedFile(const ScopedFile&) = delete;
  ScopedFile& operator=(const ScopedFile&) = delete;

  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

Status WriteError(int error) {
  if (error == ENOSPC || error == EDQUOT) {
    return ResourceExhausted("there is no space for a file on its way to another bucket");
  }
  return Unavailable("a file on its way to another bucket cannot be written: ",
                     std::generic_category().message(error));
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using FilePtr = std::unique_ptr<std::FILE, CloseFile>;

}  // namespace

Status ObjectCopier::Copy(const NamedObject& object) {
  ASSIGN_OR_RETURN(storage::ObjectStore * target, buckets_.Find(options_.to));
  ASSIGN_OR_RETURN(const bool there, IsThere(*target, object));
  if (there) return OkStatus();
  std::error_code error;
  std::filesystem::create_directories(options_.work_dir, error);
  if (error) return WriteError(error.value());
  const ScopedFile file(StrCat(options_.work_dir, "/", NewUuid(Clock::System())));
  TRY(CopyToFile(object, file.path()));
  ASSIGN_OR_RETURN(const storage::ObjectInfo stored, target->PutFile(object.key, file.path()));
  if (stored.size_bytes == object.size_bytes) return OkStatus();
  return Unavailable("bucket ", options_.to, " stored ", stored.size_bytes, " bytes instead of ",
                     object.size_bytes, ": ", object.key);
}

Result<bool> ObjectCopier::IsThere(const storage::ObjectStore& target, const NamedObject& object) {
  const Result<storage::ObjectInfo> info = target.Head(object.key);
  if (info.status().code() == StatusCode::kNotFound) return false;
  TRY(info.status());
  if (info->size_bytes != object.size_bytes) return false;
  std::string block(std::min<uint64_t>(kBlockBytes, object.size_bytes), '\0');
  uint32_t crc32c = 0;
  for (uint64_t offset = 0; offset < object.size_bytes;) {
    TRY(options_.cancel.Check());
    ASSIGN_OR_RETURN(const size_t read, target.ReadAt(*info, offset, block.data(), block.size()));
    if (read == 0) return false;
    crc32c = Crc32c(std::string_view(block).substr(0, read), crc32c);
    offset += read;
  }
  if (crc32c != object.crc32c) return false;
  if (options_.on_bytes) options_.on_bytes(object.size_bytes);
  return true;
}

Status ObjectCopier::CopyToFile(const NamedObject& object, const std::string& path) {
  ASSIGN_OR_RETURN(
      const auto source,
      storage::ObjectReader::Open(buckets_, options_.from, object.key, {.write_once = true}));
  const uint64_t size = source->info().size_bytes;
  if (size != object.size_bytes) {
    return Internal("a file is damaged: its document names ", object.size_bytes, " bytes, bucket ",
                    options_.from, " has ", size, ": ", object.key);
  }
  const FilePtr file(std::fopen(path.c_str(), "wbx"));
  if (file == nullptr) return WriteError(errno);
  std::string block(std::min<uint64_t>(kBlockBytes, size), '\0');
  uint32_t crc32c = 0;
  for (uint64_t offset = 0; offset < size;) {
    TRY(options_.cancel.Check());
    ASSIGN_OR_RETURN(const size_t read, source->ReadAt(offset, block.data(), block.size()));
    if (read == 0) return Internal("a file is damaged: it shrank while it was read: ", object.key);
    crc32c = Crc32c(std::string_view(block).substr(0, read), crc32c);
    if (std::fwrite(block.data(), 1, read, file.get()) != read) return WriteError(errno);
    offset += read;
    if (options_.on_bytes) options_.on_bytes(read);
  }
  if (std::fflush(file.get()) != 0) return WriteError(errno);
  if (crc32c == object.crc32c) return OkStatus();
  return Internal("a file is damaged: its checksum differs from its document's: ", object.key,
                  " in bucket ", options_.from);
}

}  // namespace lakehouse::catalog
