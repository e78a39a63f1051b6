// What a file is, by its content.
#pragma once

#include <optional>
#include <string_view>

#include "base/status.h"
#include "ingest/csv_sniffer.h"
#include "ingest/json_staging.h"

namespace lakehouse::ingest {

enum class FileFormat { kCsv, kTsv, kJson, kNdjson, kParquet, kText, kMarkdown };

// "csv", "tsv", "json", "ndjson", "parquet", "text" or "markdown".
std::string_view FormatName(FileFormat format);

// True for Parquet; false for what may be text. kInvalidArgument for every other kind of file that
// has a signature: names what the file is and what can be ingested. `bytes` is the whole file.
Result<bool> IsParquet(std::string_view bytes);

// What a text is, with all that is needed to read it.
struct TextFormat {
  FileFormat format = FileFormat::kText;
  CsvSniff csv;                                 // For kCsv and kTsv.
  JsonLayout json_layout = JsonLayout::kArray;  // For kJson and kNdjson.
};

// Looks at the front of a text in UTF-8. The extension of `file_name` decides only between kinds
// that the content leaves open: a table without numbers, lines of words, Markdown without headings.
// kInvalidArgument for HTML, XML and RTF, and when there is nothing but white space.
Result<TextFormat> DetectTextFormat(std::string_view text, std::string_view file_name);

}  // namespace lakehouse::ingest
