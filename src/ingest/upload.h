// From the bytes of an upload to rows that SQL can read.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "ingest/csv_staging.h"
#include "ingest/encoding.h"
#include "ingest/format.h"
#include "ingest/parquet_check.h"
#include "ingest/staged_table.h"

namespace lakehouse::ingest {

// What an upload turned out to be. Exactly one of `table` and `parquet` is set.
struct StagedUpload {
  FileFormat format = FileFormat::kCsv;
  Encoding encoding = Encoding::kUtf8;
  std::unique_ptr<WorkPath> transcoded;  // Backs `table` when the upload was not UTF-8.
  std::optional<StagedTable> table;
  std::optional<ParquetSummary> parquet;
  Rejects rejects;
};

// Looks at the file at `path`, which came under the name `file_name`, converts it to UTF-8 where it
// must, and stages its rows. kInvalidArgument for everything that cannot be ingested.
Result<StagedUpload> StageUpload(const std::string& path, const std::string& file_name,
                                 const StagingContext& context);

}  // namespace lakehouse::ingest
