#include <cerrno>
#include <map>
#include <string>

#include "base/mutex.h"
#include "storage/file_ops.h"
#include "storage/object_store.h"

namespace lakehouse::storage {

namespace {

Result<std::string> ReadFile(const std::string& path, std::string_view key) {
  ASSIGN_OR_RETURN(const SourceFile source, OpenSourceFile(path, key));
  std::string bytes(source.size_bytes, '\0');
  const ssize_t count = ReadFully(source.file.get(), bytes.data(), bytes.size(), 0);
  if (count < 0) return ErrnoStatus(errno, "read the file to store under", key);
  bytes.resize(static_cast<size_t>(count));
  return bytes;
}

// Invariants:
// 1. An object is immutable; a write replaces the pointer, so a reader copies without the lock.
// 2. Versions come from one counter and never repeat.
class MemoryStore : public ObjectStore {
 public:
  explicit MemoryStore(const Clock& clock) : clock_(clock) {}

  Result<std::string> Get(std::string_view key, ByteRange range) const override {
    ASSIGN_OR_RETURN(const ObjectPtr object, Find(key));
    if (range.offset > object->bytes.size()) return PastEnd(key, range.offset, *object);
    return object->bytes.substr(range.offset, range.length);
  }

  Result<size_t> ReadAt(const ObjectInfo& object, uint64_t offset, char* buffer,
                        size_t size) const override {
    ASSIGN_OR_RETURN(const ObjectPtr found, Find(object.key));
    if (found->version != object.version) {
      return Conflict("another version is stored under the key: ", object.key);
    }
    if (offset > found->bytes.size()) return PastEnd(object.key, offset, *found);
    return found->bytes.copy(buffer, size, offset);
  }

  Result<ObjectInfo> Head(std::string_view key) const override {
    ASSIGN_OR_RETURN(const ObjectPtr object, Find(key));
    return MakeInfo(key, *object);
  }

  Result<ObjectInfo> Put(std::string_view key, std::string_view bytes,
                         const PutCondition& condition) override {
    TRY(CheckKey(key));
    auto object = std::make_shared<Object>();
    object->bytes = bytes;
    object->modified = clock_.Now();
    MutexLock lock(mutex_);
    const auto found = objects_.find(key);
    if (condition.if_absent && found != objects_.end()) {
      return Conflict("an object exists under the key: ", key);
    }
    if (condition.if_version) {
      if (found == objects_.end()) return Conflict("no object holds the expected version: ", key);
      if (found->second->version != *condition.if_version) {
        return Conflict("another version is stored under the key: ", key);
      }
    }
    object->version = StrCat(++last_version_);
    if (found == objects_.end()) {
      objects_.emplace(key, object);
    } else {
      found->second = object;
    }
    return MakeInfo(key, *object);
  }

  Result<ObjectInfo> PutFile(std::string_view key, const std::string& path,
                             const PutCondition& condition) override {
    ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path, key));
    return Put(key, bytes, condition);
  }

  Result<std::vector<ObjectInfo>> List(std::string_view prefix, std::string_view start_after,
                                       size_t limit) const override {
    std::vector<ObjectInfo> infos;
    MutexLock lock(mutex_);
    auto it =
        start_after < prefix ? objects_.lower_bound(prefix) : objects_.upper_bound(start_after);
    for (; it != objects_.end() && infos.size() < limit && it->first.starts_with(prefix); ++it) {
      infos.push_back(MakeInfo(it->first, *it->second));
    }
    return infos;
  }

  Status Delete(std::string_view key) override {
    TRY(CheckKey(key));
    MutexLock lock(mutex_);
    if (const auto found = objects_.find(key); found != objects_.end()) objects_.erase(found);
    return OkStatus();
  }

  std::optional<std::string> LocalPath(std::string_view /*key*/) const override {
    return std::nullopt;
  }

 private:
  struct Object {
    std::string bytes;
    std::string version;
    Timestamp modified;
  };
  using ObjectPtr = std::shared_ptr<const Object>;  // Shared with readers that copy from it.

  static ObjectInfo MakeInfo(std::string_view key, const Object& object) {
    return {std::string(key), object.bytes.size(), object.version, object.modified};
  }

  static Status PastEnd(std::string_view key, uint64_t offset, const Object& object) {
    return InvalidArgument("the range starts past the object's end: offset ", offset, " of ",
                           object.bytes.size(), " bytes in ", key);
  }

  Result<ObjectPtr> Find(std::string_view key) const {
    TRY(CheckKey(key));
    MutexLock lock(mutex_);
    const auto found = objects_.find(key);
    if (found == objects_.end()) return NotFound("there is no object under the key: ", key);
    return found->second;
  }

  const Clock& clock_;
  mutable Mutex mutex_;
  std::map<std::string, ObjectPtr, std::less<>> objects_ GUARDED_BY(mutex_);
  uint64_t last_version_ GUARDED_BY(mutex_) = 0;
};

}  // namespace

std::unique_ptr<ObjectStore> NewMemoryStore(const Clock& clock) {
  return std::make_unique<MemoryStore>(clock);
}

}  // namespace lakehouse::storage
