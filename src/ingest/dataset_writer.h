// From rows to a durable data file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "catalog/dataset.h"
#include "ingest/row_source.h"
#include "ingest/work_files.h"
#include "sql/engine.h"

namespace lakehouse::ingest {

// A Parquet file in the working directory, synced.
struct WrittenFile {
  std::unique_ptr<WorkPath> path;
  uint64_t size_bytes = 0;
  uint32_t crc32c = 0;
  std::vector<catalog::Column> columns;  // As the file holds them, with the targets' findings.
};

// Selects `targets` from `source` into one Parquet file (zstd). Exactly source.rows rows are
// written, or it is an error: what was read and what was stored must agree.
Result<WrittenFile> WriteRows(const RowSource& source, const std::vector<TargetColumn>& targets,
                              const WorkDirectory& directory, sql::Session& session,
                              const CancelToken& cancel);

}  // namespace lakehouse::ingest
