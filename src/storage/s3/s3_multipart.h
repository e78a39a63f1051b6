// Large objects, sent in parts that become one object at the end.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "storage/s3/s3_commit.h"

namespace lakehouse::storage {

// Returns `size` bytes from `offset` of what is to be stored: a view of them, or of `buffer`, which
// it has filled. Called from several threads.
using S3PartSource =
    std::function<Result<std::string_view>(uint64_t offset, size_t size, std::string& buffer)>;

// Stores `write.size_bytes` bytes of `source` in parts of at least `part_bytes`, several at a time.
// The condition is the completion's. Whatever fails, the parts are removed, except where the
// completion may still be under way; what cannot be removed is logged.
Result<ObjectInfo> WriteInParts(S3Client& client, const S3Reader& reader, const S3Write& write,
                                const S3PartSource& source);

}  // namespace lakehouse::storage
