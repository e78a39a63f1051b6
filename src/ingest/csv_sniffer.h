// Finds out how delimited text is written, from a sample of its front.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "ingest/csv_reader.h"

namespace lakehouse::ingest {

// What a sample says about delimited text.
struct CsvSniff {
  CsvDialect dialect;
  size_t columns = 0;    // Fields that most records have.
  size_t records = 0;    // In the sample.
  double agreement = 0;  // Share of the records that have that many fields, 0 to 1.
  bool has_header = false;
  uint64_t first_line = 1;     // Of the first record.
  bool looks_tabular = false;  // Cells rather than sentences with commas in them.
};

// Chooses the delimiter (, ; tab |), the quote and the escape under which most records have the
// same number of fields, at least two; of equals the one with more fields, then the one named
// first. Nothing of the kind gives one column. `sample` ends at the end of a line or of the text.
//
// The first record is a header when none of its cells reads as a number, date or boolean, they are
// short, and either a column has only such values below, or the cells look like names: distinct,
// and none of them seen again in its column.
CsvSniff SniffCsv(std::string_view sample);

// Names for the columns: the header's cells without surrounding spaces, "column_<n>" for empty ones
// and for all without a header. kInvalidArgument when two are equal (ASCII case ignored, as in
// SQL), when there are more than `max_columns`, or when the header has another number of cells than
// most records; names the line.
Result<std::vector<std::string>> CsvColumnNames(std::string_view text, const CsvSniff& sniff,
                                                size_t max_columns);

// kInvalidArgument when two names are equal in SQL; `where` ("line 1") is used in the message.
Status CheckColumnNames(const std::vector<std::string>& names, std::string_view where,
                        size_t max_columns);

}  // namespace lakehouse::ingest
