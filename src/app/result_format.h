// Renders the rows of an answer for people and for pipes.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/status.h"

namespace lakehouse::app {

enum class ResultFormat { kTable, kCsv, kJson, kNdjson };

// Parses "table", "csv", "json" or "ndjson".
Result<ResultFormat> ParseResultFormat(std::string_view text);

// Columns and rows of text and numbers.
struct ResultTable {
  std::vector<std::string> columns;
  std::vector<Json> rows;  // Each a JSON array as long as `columns`.
};

// Takes the table out of an answer of /query/sql.
Result<ResultTable> TableFromQueryAnswer(const Json& answer);

// kTable: aligned columns, numbers to the right, cells cut at `max_cell_width` characters, a last
// line with the row count. kCsv: RFC 4180 with a header. kJson: an array of objects. kNdjson: an
// object a line. NULL is empty in tables and CSV.
std::string FormatTable(const ResultTable& table, ResultFormat format, size_t max_cell_width = 60);

// One value as text: strings as they are, everything else as JSON, null as "".
std::string CellText(const Json& value);

// Cuts to `max_width` characters with an ellipsis; control characters become spaces.
std::string ShortenForTerminal(std::string_view text, size_t max_width);

}  // namespace lakehouse::app
