// Copies immutable objects between buckets.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/cancel.h"
#include "base/ids.h"
#include "base/status.h"
#include "storage/bucket_registry.h"

namespace lakehouse::catalog {

// An object as a document names it.
struct NamedObject {
  std::string key;
  uint64_t size_bytes = 0;
  uint32_t crc32c = 0;
};

// Copies objects that are written once, under the same key. Memory holds one block at a time; the
// bytes go through a file in `work_dir`. Not thread-safe.
class ObjectCopier {
 public:
  struct Options {
    BucketName from;
    BucketName to;
    std::string work_dir;  // Created; the files in it are gone when a copy ends.
    CancelToken cancel;
    std::function<void(uint64_t bytes)> on_bytes;  // Bytes of the copy since the last call.
  };
  // `buckets` outlives the copier.
  ObjectCopier(storage::BucketRegistry& buckets, Options options)
      : buckets_(buckets), options_(std::move(options)) {}

  // Makes `to` hold the object, durable, with exactly the size and checksum that are named; one
  // that is there already is verified and kept. kInternal when the source is damaged: nothing is
  // stored then.
  Status Copy(const NamedObject& object);

 private:
  // True when the target holds the object whole.
  Result<bool> IsThere(const storage::ObjectStore& target, const NamedObject& object);
  Status CopyToFile(const NamedObject& object, const std::string& path);

  storage::BucketRegistry& buckets_;
  const Options options_;
};

}  // namespace lakehouse::catalog
