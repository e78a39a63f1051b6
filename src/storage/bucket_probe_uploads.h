// What an S3 server does with checksums and multipart uploads.
#pragma once

#include <cstdint>
#include <string>

#include "storage/bucket_probe_steps.h"
#include "storage/s3/s3_client.h"

namespace lakehouse::storage {

// Writes the key `key` (with the bucket's prefix) with a right and with a wrong CRC-32C. A server
// that takes none or looks at none is noted, not refused.
Finding ProbeChecksum(S3Client& client, const std::string& key, const ProbeWritePlan& plan);

// Uploads 5 MiB and one byte in two parts to `key` and completes it under the condition that the
// key is free: once while it is taken, then while it is free. Leaves no unfinished upload. Every
// request ends `limit_ms` from now at the latest.
Finding ProbeMultipart(S3Client& client, const std::string& key, const ProbeWritePlan& plan,
                       int64_t limit_ms);

}  // namespace lakehouse::storage
