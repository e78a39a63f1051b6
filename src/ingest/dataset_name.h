// A dataset's name from a file's.
#pragma once

#include <string_view>

#include "base/ids.h"
#include "base/status.h"

namespace lakehouse::ingest {

// Takes the file's name without folders and extension, lowers ASCII letters and puts one `_` for
// whatever the id grammar does not allow: "Q3 Report (final).csv" gives q3_report_final.
// kInvalidArgument when nothing is left.
Result<DatasetName> DatasetNameFor(std::string_view file_name);

}  // namespace lakehouse::ingest
