// Result rows as JSON text, straight from DuckDB's vectors. The rules are in engine.h.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "duckdb.hpp"

namespace lakehouse::sql {

// Writes the values of one column. Not thread-safe.
class ColumnEncoder {
 public:
  virtual ~ColumnEncoder() = default;
  // Points at `count` rows of a vector, which stays alive and unchanged while Append is called.
  virtual void Bind(duckdb::Vector& vector, duckdb::idx_t count) = 0;
  // Appends the value of a row.
  virtual void Append(duckdb::idx_t row, std::string& out) const = 0;
};

// `context` outlives the encoder; it casts values of types that have no encoding of their own.
std::unique_ptr<ColumnEncoder> MakeEncoder(duckdb::ClientContext& context,
                                           const duckdb::LogicalType& type);

// A JSON array of row arrays that grows chunk by chunk. Not thread-safe.
class JsonRows {
 public:
  JsonRows(duckdb::ClientContext& context, const duckdb::vector<duckdb::LogicalType>& types);

  // Appends rows until the chunk ends or a limit is reached; returns how many it took. The row that
  // would pass `max_bytes` is not taken.
  uint64_t Append(duckdb::DataChunk& chunk, uint64_t max_rows, uint64_t max_bytes);
  // Closes the array. REQUIRES: called once, last.
  std::string Finish() &&;

 private:
  std::vector<std::unique_ptr<ColumnEncoder>> columns_;
  std::string out_ = "[";
};

}  // namespace lakehouse::sql
