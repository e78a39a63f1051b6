// From a plain text or Markdown file to a staged table of one row.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "ingest/csv_staging.h"
#include "ingest/format.h"
#include "ingest/staged_table.h"

namespace lakehouse::ingest {

// Columns: doc_id (the file's name without folders), title, text (all of it). The title is the
// `title` of a Markdown front matter, else the first heading of Markdown, else the first line that
// is not empty, at most 200 bytes. kInvalidArgument when the text is longer than
// config.max_line_bytes.
Result<StagedTable> StageText(std::string_view text, FileFormat format, std::string_view file_name,
                              const StagingContext& context);

// The title alone.
std::string TitleOf(std::string_view text, FileFormat format);

// `file_name` without the folders before it, whichever slash they are written with.
std::string_view BaseName(std::string_view file_name);

}  // namespace lakehouse::ingest
