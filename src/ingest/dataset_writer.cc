#include "ingest/dataset_writer.h"

#include <filesystem>

#include "base/log.h"
#include "base/strings.h"

namespace lakehouse::ingest {
namespace {

std::string SelectSql(const std::string& from, const std::vector<TargetColumn>& targets) {
  std::string columns;
  for (const TargetColumn& target : targets) {
    StrAppend(columns, columns.empty() ? "" : ", ", target.sql, " AS ",
              sql::QuoteIdentifier(target.column.name));
  }
  return StrCat("SELECT ", columns, " FROM ", from);
}

// Returns how many rows were written.
Result<uint64_t> Copy(const std::string& select, const std::string& path, sql::Session& session,
                      const CancelToken& cancel) {
  const std::string statement =
      StrCat("COPY (", select, ") TO ", sql::QuoteLiteral(sql::StagePath(path)),
             " (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)");
  ASSIGN_OR_RETURN(const sql::ColumnBatch result, session.Query(statement, cancel));
  if (result.rows != 1 || result.columns[0].kind != sql::ColumnKind::kInt64) {
    return Internal("COPY did not say how many rows it wrote");
  }
  return static_cast<uint64_t>(result.columns[0].ints[0]);
}

// Takes the types from the file itself: a few of DuckDB's types come back as others from Parquet.
Result<std::vector<catalog::Column>> StoredColumns(const std::string& path,
                                                   const std::vector<TargetColumn>& targets,
                                                   sql::Session& session,
                                                   const CancelToken& cancel) {
  const std::string from = StrCat("read_parquet(", sql::QuoteLiteral(sql::StagePath(path)), ")");
  ASSIGN_OR_RETURN(std::vector<catalog::Column> columns,
                   DescribeSql(StrCat("SELECT * FROM ", from), session, cancel));
  if (columns.size() != targets.size()) return Internal("the written file lacks columns");
  for (size_t i = 0; i < columns.size(); ++i) columns[i].pii = targets[i].column.pii;
  return columns;
}

}  // namespace

Result<WrittenFile> WriteRows(const RowSource& source, const std::vector<TargetColumn>& targets,
                              const WorkDirectory& directory, sql::Session& session,
                              const CancelToken& cancel) {
  WrittenFile file;
  file.path = std::make_unique<WorkPath>(directory.NewPath(".parquet"));
  ASSIGN_OR_RETURN(uint64_t rows,
                   Copy(SelectSql(source.from, targets), file.path->str(), session, cancel));
  if (rows != source.rows && !source.from_serially.empty()) {
    // Several threads guess where lines begin; one thread does not have to.
    LogWarning("rows were miscounted by parallel reading, reading again",
               {{"expected", source.rows}, {"read", rows}});
    file.path = std::make_unique<WorkPath>(directory.NewPath(".parquet"));
    ASSIGN_OR_RETURN(
        rows, Copy(SelectSql(source.from_serially, targets), file.path->str(), session, cancel));
  }
  if (rows != source.rows) {
    return Internal("the rows that were read and stored do not agree: ", source.rows, " and ",
                    rows);
  }
  ASSIGN_OR_RETURN(file.columns, StoredColumns(file.path->str(), targets, session, cancel));
  TRY(SyncFile(file.path->str()));
  ASSIGN_OR_RETURN(file.crc32c, Crc32cOfFile(file.path->str()));
  std::error_code error;
  file.size_bytes = std::filesystem::file_size(file.path->str(), error);
  if (error) return Internal("the size of a working file cannot be read: ", error.message());
  return file;
}

}  // namespace lakehouse::ingest
