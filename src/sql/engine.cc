#include "sql/engine.h"

#include <utility>

#include "sql/instance.internal.h"
#include "sql/parquet_writer.internal.h"
#include "sql/query_watcher.h"
#include "sql/session.internal.h"

namespace lakehouse::sql {

namespace {

class DuckDbEngine : public Engine {
 public:
  DuckDbEngine(const SqlConfig& config, std::unique_ptr<duckdb::DuckDB> database,
               catalog::Catalog& catalog)
      : config_(config), database_(std::move(database)), catalog_(catalog) {}

  Result<QueryResult> Query(const QueryRequest&) override { return Unavailable("Not yet"); }

  Result<std::unique_ptr<Session>> NewSession() override {
    return OpenSession(*database_, watcher_);
  }

  Status WriteParquet(const std::vector<ColumnBatch>& batches, const std::string& path) override {
    return WriteParquetFile(*database_, batches, path);
  }

 private:
  const SqlConfig config_;
  const std::unique_ptr<duckdb::DuckDB> database_;
  catalog::Catalog& catalog_;
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
