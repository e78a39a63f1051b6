#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "base/strings.h"
#include "duckdb/common/types/column/column_data_collection.hpp"
#include "duckdb/parser/parser.hpp"
#include "duckdb/parser/query_node/select_node.hpp"
#include "duckdb/parser/statement/copy_statement.hpp"
#include "duckdb/parser/tableref/column_data_ref.hpp"
#include "sql/column_batch.internal.h"
#include "sql/engine.h"
#include "sql/error.internal.h"
#include "sql/parquet_writer.internal.h"
#include "sql/scope.internal.h"

namespace lakehouse::sql {

namespace {

// DuckDB flushes what it writes but never syncs it.
Status SyncFile(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Unavailable("Cannot open a written Parquet file: ", std::strerror(errno));
  const int failed = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  if (failed != 0) return Unavailable("Cannot sync a Parquet file: ", std::strerror(failed));
  return OkStatus();
}

// The COPY statement is parsed with an empty query, into which the columns are put as a relation.
duckdb::unique_ptr<duckdb::SQLStatement> CopyStatementFor(
    duckdb::unique_ptr<duckdb::ColumnDataCollection> rows, duckdb::vector<std::string> names,
    const std::string& path) {
  duckdb::Parser parser;
  parser.ParseQuery(StrCat("COPY (SELECT * FROM columns) TO ", QuoteLiteral(StagePath(path)),
                           " (FORMAT parquet, COMPRESSION zstd)"));
  auto& copy = parser.statements.front()->Cast<duckdb::CopyStatement>();
  auto& select = copy.info->select_statement->Cast<duckdb::SelectNode>();
  select.from_table = duckdb::make_uniq<duckdb::ColumnDataRef>(std::move(rows), std::move(names));
  select.from_table->alias = "columns";
  return std::move(parser.statements.front());
}

}  // namespace

Status WriteParquetFile(duckdb::DuckDB& database, const std::vector<ColumnBatch>& batches,
                        const std::string& path) {
  CHECK(!batches.empty());
  try {
    ASSIGN_OR_RETURN(auto rows, ToCollection(batches));
    duckdb::vector<std::string> names;
    for (const ColumnVector& column : batches.front().columns) names.push_back(column.name);
    duckdb::Connection connection(database);
    Scope::Attach(*connection.context, Scope::Trusted());
    const auto result = connection.Query(CopyStatementFor(std::move(rows), std::move(names), path));
    if (result->HasError()) return FromError(result->GetErrorObject());
  } catch (const std::exception& exception) {
    return FromException(exception);
  }
  return SyncFile(path);
}

}  // namespace lakehouse::sql
