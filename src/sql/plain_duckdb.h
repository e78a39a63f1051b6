// DuckDB without us: what results and speed are compared with.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "sql/engine.h"

namespace lakehouse::sql {

// Rows in the encoding of Engine::Query.
struct PlainResult {
  std::vector<ResultColumn> columns;
  std::string rows_json;
  uint64_t row_count = 0;
  double milliseconds = 0;  // From the statement's text to its last row, without encoding.
};

// A DuckDB instance of its own with DuckDB's defaults (and the time zone UTC), on which each name
// is a view of Parquet files. For trusted statements and local files only. Not thread-safe.
class PlainDuckDb {
 public:
  virtual ~PlainDuckDb() = default;
  // `views` maps a table name to local paths; `threads` 0 means every core.
  static Result<std::unique_ptr<PlainDuckDb>> Open(
      const std::map<std::string, std::vector<std::string>>& views, int64_t threads = 0);
  virtual Result<PlainResult> Run(std::string_view statement) = 0;
};

}  // namespace lakehouse::sql
