// DuckDB's errors as ours.
#pragma once

#include <exception>

#include "base/cancel.h"
#include "base/status.h"
#include "duckdb.hpp"

namespace lakehouse::sql {

// Translates an error. What the writer of the SQL can mend keeps DuckDB's text, without paths;
// everything else gets a text of ours and goes to the log as it was. An interrupted statement
// becomes what `cancel` says.
Status FromError(const duckdb::ErrorData& error, const CancelToken& cancel = {});
Status FromException(const std::exception& exception, const CancelToken& cancel = {});

}  // namespace lakehouse::sql
