// Between DuckDB's vectors and plain columns.
#pragma once

#include <memory>
#include <vector>

#include "base/status.h"
#include "duckdb.hpp"
#include "sql/column_batch.h"

namespace lakehouse::sql {

// Makes an empty column for a result column.
ColumnVector ColumnFor(const std::string& name, const duckdb::LogicalType& type);

// Appends the rows of a chunk. kInvalidArgument when the float lists of one column differ in
// length.
Status AppendChunk(duckdb::ClientContext& context, duckdb::DataChunk& chunk, ColumnBatch& batch);

// Copies batches into a collection that DuckDB can scan. kInvalidArgument when a batch's columns
// differ from those of the first in name, kind or length.
Result<duckdb::unique_ptr<duckdb::ColumnDataCollection>> ToCollection(
    const std::vector<ColumnBatch>& batches);

}  // namespace lakehouse::sql
