// From JSON to a staged table.
#pragma once

#include <string_view>

#include "base/status.h"
#include "ingest/csv_staging.h"
#include "ingest/staged_table.h"

namespace lakehouse::ingest {

// How the rows stand in the text.
enum class JsonLayout {
  kArray,      // One array of objects.
  kLines,      // An object a line.
  kDocuments,  // One object, or several with white space between them.
};

// One object is one row. Rules:
// 1. The fields of nested objects become columns of their own, named by their path: `a.b`.
// 2. Arrays become their JSON text.
// 3. A field that is an object in one row and something else in another becomes JSON text.
// 4. A field that is missing or null is NULL. Columns come in the order of first sight.
// 5. Numbers stay as they were written until a type is chosen that keeps them.
// In layout kLines a line that is not an object goes into `rejects`; elsewhere it is an error, as
// are duplicate keys, more than config.max_columns columns and rows longer than
// config.max_line_bytes. kInvalidArgument names the line.
Result<StagedTable> StageJson(std::string_view text, JsonLayout layout,
                              const StagingContext& context, Rejects& rejects);

}  // namespace lakehouse::ingest
