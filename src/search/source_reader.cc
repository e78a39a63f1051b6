#include "search/source_reader.h"

#include <algorithm>
#include <utility>

namespace lakehouse::search {

namespace {

std::string CastToText(std::string_view column) {
  return StrCat("CAST(", sql::QuoteIdentifier(column), " AS VARCHAR)");
}

std::optional<std::string> TakeText(sql::ColumnVector& column, size_t row) {
  if (column.valid[row] == 0) return std::nullopt;
  return std::move(column.texts[row]);
}

}  // namespace

Result<SourceReader> SourceReader::Open(sql::Engine& engine, const catalog::Dataset& dataset,
                                        const IndexInfo& index, const CancelToken& cancel) {
  if (!HoldsSourceFiles(dataset, index)) {
    return InvalidArgument("dataset ", dataset.name, " no longer has the rows of index ",
                           index.name);
  }
  ASSIGN_OR_RETURN(std::unique_ptr<sql::Session> session, engine.NewSession());
  SourceReader reader(std::move(session));
  catalog::Dataset rest = dataset;
  rest.files.resize(index.source_files.size());
  uint64_t skip = index.rows_done;
  auto first = rest.files.begin();
  while (first != rest.files.end() && first->rows <= skip) skip -= (first++)->rows;
  rest.files.erase(rest.files.begin(), first);
  if (rest.files.empty()) {
    reader.ended_ = true;
    return reader;
  }
  TRY(reader.session_->Start(
      StrCat("SELECT ", CastToText(index.id_column), ", ", CastToText(index.text_column), " FROM ",
             sql::DatasetScan(rest)),
      cancel));
  for (; skip > 0; --skip) {
    ASSIGN_OR_RETURN(const std::optional<SourceRow> row, reader.Next());
    if (!row.has_value()) break;
  }
  return reader;
}

Result<std::optional<SourceRow>> SourceReader::Next() {
  while (!ended_ && position_ == batch_.rows) {
    ASSIGN_OR_RETURN(batch_, session_->Next());
    position_ = 0;
    ended_ = batch_.rows == 0;
  }
  if (ended_) return std::optional<SourceRow>();
  SourceRow row{.id = TakeText(batch_.columns[0], position_),
                .text = TakeText(batch_.columns[1], position_)};
  ++position_;
  return std::optional(std::move(row));
}

std::vector<SourceFile> SourceFilesOf(const catalog::Dataset& dataset) {
  std::vector<SourceFile> files;
  for (const catalog::DataFile& file : dataset.files) files.push_back({file.key, file.rows});
  return files;
}

bool HoldsSourceFiles(const catalog::Dataset& dataset, const IndexInfo& index) {
  const std::vector<SourceFile> files = SourceFilesOf(dataset);
  return index.source_files.size() <= files.size() &&
         std::equal(index.source_files.begin(), index.source_files.end(), files.begin());
}

Result<std::optional<std::string>> FindDuplicateId(sql::Engine& engine,
                                                   const catalog::Dataset& dataset,
                                                   const std::string& id_column) {
  ASSIGN_OR_RETURN(const std::unique_ptr<sql::Session> session, engine.NewSession());
  ASSIGN_OR_RETURN(const sql::ColumnBatch batch,
                   session->Query(StrCat("SELECT id FROM (SELECT ", CastToText(id_column),
                                         " AS id FROM ", sql::DatasetScan(dataset),
                                         ") WHERE id IS NOT NULL GROUP BY id HAVING count(*) > 1 "
                                         "ORDER BY id LIMIT 1")));
  if (batch.rows == 0) return std::optional<std::string>();
  return std::optional(batch.columns[0].texts[0]);
}

}  // namespace lakehouse::search
