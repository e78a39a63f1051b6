// Plain columns to Parquet.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "duckdb.hpp"
#include "sql/column_batch.h"

namespace lakehouse::sql {

// See Engine::WriteParquet.
Status WriteParquetFile(duckdb::DuckDB& database, const std::vector<ColumnBatch>& batches,
                        const std::string& path);

}  // namespace lakehouse::sql
