#include "sql/engine.h"

#include <string>
#include <utility>

#include "base/strings.h"
#include "sql/error.internal.h"
#include "sql/gate.internal.h"
#include "sql/instance.internal.h"
#include "sql/parquet_writer.internal.h"
#include "sql/query_slots.h"
#include "sql/query_watcher.h"
#include "sql/scope.internal.h"
#include "sql/session.internal.h"
#include "sql/statement_runner.internal.h"

namespace lakehouse::sql {

namespace {

class DuckDbEngine : public Engine {
 public:
  DuckDbEngine(const SqlConfig& config, std::unique_ptr<duckdb::DuckDB> database,
               catalog::Catalog& catalog)
      : database_(std::move(database)), catalog_(catalog), slots_(config.max_concurrent_queries) {}

  Result<QueryResult> Query(const QueryRequest& request) override {
    if (request.sql.find('\0') != std::string::npos) {
      return InvalidArgument("The query holds a NUL byte");
    }
    if (!IsValidUtf8(request.sql)) return InvalidArgument("The query is not UTF-8");
    ASSIGN_OR_RETURN(const QuerySlots::Slot slot, slots_.Acquire(request.cancel));
    try {
      const auto scope = Scope::ForQuery(catalog_.List(), &catalog_);
      duckdb::Connection connection(*database_);
      Scope::Attach(*connection.context, scope);
      ASSIGN_OR_RETURN(auto statement, ParseStatement(*connection.context, *scope, request.sql));
      ASSIGN_OR_RETURN(ParameterValues parameters, BindParameters(*statement, request.params));
      ASSIGN_OR_RETURN(QueryResult result, RunStatement(connection, std::move(statement),
                                                        std::move(parameters), request, watcher_));
      result.rescue_used = scope->rescue_trace().ToHeader();
      return result;
    } catch (const std::exception& exception) {
      return FromException(exception, request.cancel);
    }
  }

  Result<std::unique_ptr<Session>> NewSession() override {
    return OpenSession(*database_, watcher_);
  }

  Status WriteParquet(const std::vector<ColumnBatch>& batches, const std::string& path) override {
    return WriteParquetFile(*database_, batches, path);
  }

 private:
  const std::unique_ptr<duckdb::DuckDB> database_;
  catalog::Catalog& catalog_;
  QuerySlots slots_;
  QueryWatcher watcher_;
};

}  // namespace

Result<std::unique_ptr<Engine>> Engine::Open(const SqlConfig& config, const std::string& temp_dir,
                                             storage::BucketRegistry& buckets,
                                             catalog::Catalog& catalog) {
  ASSIGN_OR_RETURN(auto database, OpenInstance(config, temp_dir, buckets));
  return std::make_unique<DuckDbEngine>(config, std::move(database), catalog);
}

}  // namespace lakehouse::sql
