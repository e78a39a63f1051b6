// Opens our DuckDB instance, locked down, and proves that it is.
#pragma once

#include <memory>
#include <string>

#include "base/config.h"
#include "base/status.h"
#include "duckdb.hpp"
#include "storage/bucket_registry.h"

namespace lakehouse::sql {

// Opens an in-memory instance with our file systems, our replacement scan and our gate, sets the
// configuration, locks it and reads every setting back. kInternal when one does not hold.
Result<std::unique_ptr<duckdb::DuckDB>> OpenInstance(const SqlConfig& config,
                                                     const std::string& temp_dir,
                                                     storage::BucketRegistry& buckets);

}  // namespace lakehouse::sql
