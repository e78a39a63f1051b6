// Staged rows as SQL: what to select, from where, and as which columns.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "catalog/dataset.h"
#include "ingest/upload.h"
#include "sql/engine.h"

namespace lakehouse::ingest {

// One column of the source.
struct SourceColumn {
  std::string name;
  std::string sql;                         // Its value, over the source's FROM clause.
  std::string type;                        // Of that value.
  const ColumnProfile* profile = nullptr;  // For text that is still to be read; else null.
  std::vector<std::string> sample;
};

// The rows of one upload.
struct RowSource {
  std::string from;           // A FROM clause item.
  std::string from_serially;  // The same rows read by one thread; "" when there is no such choice.
  std::vector<SourceColumn> columns;
  uint64_t rows = 0;
};

// One column of the dataset to be.
struct TargetColumn {
  catalog::Column column;
  std::string sql;  // Its value, over the source's FROM clause.
};

// Describes `upload`, whose original lies at `path`. Borrows `upload`. Parquet's structs, maps and
// lists of them become JSON text; lists of plain values stay lists.
Result<RowSource> DescribeUpload(const StagedUpload& upload, const std::string& path,
                                 sql::Session& session, const CancelToken& cancel);

// The columns of a new dataset: types inferred, personal data marked.
std::vector<TargetColumn> ColumnsForNew(const RowSource& source);

// The columns of `dataset`, filled from the source's columns of the same names; a column that the
// source lacks is NULL. kInvalidArgument for a column that the dataset lacks, and for the first
// value that does not fit, with its line or row.
Result<std::vector<TargetColumn>> ColumnsForAppend(const RowSource& source,
                                                   const catalog::Dataset& dataset,
                                                   sql::Session& session,
                                                   const CancelToken& cancel);

// A statement's columns with their types, as DuckDB prints them.
Result<std::vector<catalog::Column>> DescribeSql(const std::string& select, sql::Session& session,
                                                 const CancelToken& cancel);

}  // namespace lakehouse::ingest
