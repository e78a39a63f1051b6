// The rows that an index embeds, in their fixed order.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/cancel.h"
#include "base/status.h"
#include "catalog/dataset.h"
#include "search/index.h"
#include "sql/engine.h"

namespace lakehouse::search {

struct SourceRow {
  std::optional<std::string> id;    // Empty: NULL.
  std::optional<std::string> text;  // Empty: NULL.
};

// Streams id and text of the rows of index.source_files from row index.rows_done on: whole files
// before it are not opened, rows before it in its file are read and dropped. Not thread-safe.
class SourceReader {
 public:
  // `dataset` has every file that the index names. kInvalidArgument when it has not.
  static Result<SourceReader> Open(sql::Engine& engine, const catalog::Dataset& dataset,
                                   const IndexInfo& index, const CancelToken& cancel);

  // The next row; nullopt at the end.
  Result<std::optional<SourceRow>> Next();

 private:
  explicit SourceReader(std::unique_ptr<sql::Session> session) : session_(std::move(session)) {}

  std::unique_ptr<sql::Session> session_;
  sql::ColumnBatch batch_;
  size_t position_ = 0;
  bool ended_ = false;
};

// The files of a dataset as an index records them.
std::vector<SourceFile> SourceFilesOf(const catalog::Dataset& dataset);

// True when the dataset still begins with the files that the index embeds, so that the rows of the
// index are still its first rows. Files keep their names when a dataset moves.
bool HoldsSourceFiles(const catalog::Dataset& dataset, const IndexInfo& index);

// The first value that stands in more than one row of `id_column`, as text.
Result<std::optional<std::string>> FindDuplicateId(sql::Engine& engine,
                                                   const catalog::Dataset& dataset,
                                                   const std::string& id_column);

}  // namespace lakehouse::search
