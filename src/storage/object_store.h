// Bytes under keys: the seam between Lakehouse and every disk and bucket.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"

namespace lakehouse::storage {

// What a store says about one object.
struct ObjectInfo {
  std::string key;
  uint64_t size_bytes = 0;
  // Opaque; two writes of a key with different bytes have different versions. The ETag on S3.
  std::string version;
  Timestamp modified;  // By the store's clock. Whole seconds on S3; of a Put, when it was answered.
};

// A part of an object: `length` bytes from `offset`; shorter at the object's end.
struct ByteRange {
  uint64_t offset = 0;
  uint64_t length = UINT64_MAX;
};

// When a write may happen. Default: always.
struct PutCondition {
  bool if_absent = false;  // Only when the key holds nothing.
  std::optional<std::string> if_version =
      std::nullopt;  // Only when the key holds exactly this version.
};

// Checks a key: 1 to 1,024 bytes of UTF-8 without NUL, no empty, "." or ".." segment, no leading
// or trailing "/", no backslash.
Status CheckKey(std::string_view key);

// A flat map from key to bytes. Every write is atomic (a reader sees the old or the new bytes,
// whole) and durable when it returns ok. Thread-safe, also between processes on one bucket.
//
// Errors: kInvalidArgument (a bad key, one that this store cannot hold, or a range start past the
// end), kNotFound, kConflict (a condition failed), kPermissionDenied (the bucket's credentials may
// not do this), kResourceExhausted (no space), kUnavailable and kDeadlineExceeded (may be retried;
// a write that answers so has not happened), kCommitStateUnknown (the write may or may not have
// happened).
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  virtual Result<std::string> Get(std::string_view key, ByteRange range = {}) const = 0;
  // Reads from `offset` of exactly the version that `object` (of Head, Put or List) names into
  // `buffer`; returns the bytes read (short only at the end). kConflict when the key holds another
  // version by now.
  virtual Result<size_t> ReadAt(const ObjectInfo& object, uint64_t offset, char* buffer,
                                size_t size) const = 0;
  virtual Result<ObjectInfo> Head(std::string_view key) const = 0;
  virtual Result<ObjectInfo> Put(std::string_view key, std::string_view bytes,
                                 const PutCondition& condition = {}) = 0;
  // Stores the file at local `path`; the store may move the file instead of copying it, so it may
  // be gone afterwards.
  virtual Result<ObjectInfo> PutFile(std::string_view key, const std::string& path,
                                     const PutCondition& condition = {}) = 0;
  // Returns up to `limit` objects whose key starts with `prefix` and sorts after `start_after`,
  // sorted by bytes.
  virtual Result<std::vector<ObjectInfo>> List(std::string_view prefix,
                                               std::string_view start_after = {},
                                               size_t limit = SIZE_MAX) const = 0;
  // Deleting what is not there is ok.
  virtual Status Delete(std::string_view key) = 0;
  // As Delete of every key, in as few requests as the store can; stops at the first error, when
  // some may be deleted.
  virtual Status DeleteMany(const std::vector<std::string>& keys);

  // A local path that reads the object's bytes directly for as long as the object lives, or
  // nullopt when the store is not on this machine's disk. For readers that must map or pread.
  virtual std::optional<std::string> LocalPath(std::string_view key) const = 0;
};

std::unique_ptr<ObjectStore> NewMemoryStore(const Clock& clock = Clock::System());

}  // namespace lakehouse::storage
