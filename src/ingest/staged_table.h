// The rows of one upload, ready for SQL.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ingest/column_profile.h"
#include "ingest/ingester.h"
#include "ingest/work_files.h"

namespace lakehouse::ingest {

inline constexpr size_t kMaxKeptRejects = 1000;
inline constexpr size_t kMaxRejectBytes = 4096;

// A column of strict CSV, with what its values have in common.
struct StagedColumn {
  std::string name;
  ColumnProfile profile;
};

// Strict RFC 4180 text in UTF-8 on local disk: every record has one field a column, lines end with
// \n or \r\n, an unquoted empty field is NULL.
struct StagedTable {
  std::string path;
  std::unique_ptr<WorkPath> owned;  // Holds `path` when it is a copy of ours; else null.
  char delimiter = ',';
  bool has_header = false;  // The first line is to be skipped.
  uint64_t longest_record_bytes = 0;
  std::vector<StagedColumn> columns;
  uint64_t rows = 0;
};

// The rows that could not be taken: all counted, the first kMaxKeptRejects kept.
struct Rejects {
  uint64_t count = 0;
  std::vector<RejectedRow> first;

  void Add(uint64_t line, std::string reason, std::string_view text);
};

// kInvalidArgument when more than half of all rows were rejected, with the first reason.
Status CheckRejects(const Rejects& rejects, uint64_t good_rows);

}  // namespace lakehouse::ingest
