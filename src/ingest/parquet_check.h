// A look at a Parquet file before a decoder opens it: what comes from outside must not make the
// decoder allocate, jump or decompress beyond reason.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace lakehouse::ingest {

// What the footer says.
struct ParquetSummary {
  std::vector<std::string> columns;  // Top level, in order.
  uint64_t rows = 0;
};

// Checks the whole structure of the Parquet file in `bytes` (parquet.thrift of Apache Parquet): the
// magic at both ends, the footer's length and syntax, the shape of the schema, that the row groups
// add up to the rows, that every column chunk lies in the file and is cut into pages without a gap,
// and that no page asks for unreasonable memory. kInvalidArgument says what is broken. Refused:
// encryption, columns in other files, the codecs BROTLI (DuckDB 1.5.6 carries a decoder with a
// known out-of-bounds write, CVE-2026-111497) and LZO.
Result<ParquetSummary> CheckParquet(std::string_view bytes);

}  // namespace lakehouse::ingest
