// From delimited text to a staged table.
#pragma once

#include <string>
#include <string_view>

#include "base/cancel.h"
#include "base/config.h"
#include "base/status.h"
#include "ingest/csv_sniffer.h"
#include "ingest/staged_table.h"

namespace lakehouse::ingest {

// Where the text comes from and what may be made of it.
struct StagingContext {
  const IngestConfig& config;
  const WorkDirectory& directory;
  CancelToken cancel;
};

// Reads all of `text`, the content of the file at `path`, as `sniff` says: finds the rows that have
// another number of fields or cannot be read (into `rejects`), profiles the columns, and stages the
// good rows: the file itself where any reader would understand it the same way, else a strict copy.
// kInvalidArgument for bad column names or when most rows are rejected.
Result<StagedTable> StageCsv(std::string_view text, const std::string& path, const CsvSniff& sniff,
                             const StagingContext& context, Rejects& rejects);

}  // namespace lakehouse::ingest
