// Reads objects: whole, in ranges, in parallel, and one version only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/object_store.h"
#include "storage/s3/s3_client.h"

namespace lakehouse::storage {

// The header that says which Put wrote an object.
inline constexpr std::string_view kWriteIdHeader = "x-amz-meta-lakehouse-write";

// Checks `key` and puts the bucket's prefix before it; kInvalidArgument when that gets too long.
Result<std::string> WholeKey(const S3Location& location, std::string_view key);

// Thread-safe. What it returns was complete, came from one version, and agreed with the checksum
// where the server keeps one of the whole object.
class S3Reader {
 public:
  // `client` outlives this object.
  explicit S3Reader(S3Client& client) : client_(client) {}

  struct Found {
    ObjectInfo info;
    std::string write_id;  // "" when somebody else wrote it.
  };
  // `timeout_ms` as in S3Attempts.
  Result<Found> Head(std::string_view key, int64_t timeout_ms = 0) const;
  // As in ObjectStore.
  Result<std::string> Get(std::string_view key, ByteRange range) const;
  Result<size_t> ReadAt(const ObjectInfo& object, uint64_t offset, char* buffer, size_t size) const;

 private:
  struct Beginning;

  S3Outcome ReadBeginning(const std::string& whole_key, ByteRange range,
                          Beginning& beginning) const;
  Result<std::string> GetOnce(std::string_view key, ByteRange range) const;
  // Fill `buffer` with exactly `size` bytes of the object's version.
  Status ReadParallel(const ObjectInfo& object, uint64_t offset, char* buffer, size_t size) const;
  Status ReadPiece(const ObjectInfo& object, uint64_t offset, char* buffer, size_t size) const;

  S3Client& client_;
};

}  // namespace lakehouse::storage
