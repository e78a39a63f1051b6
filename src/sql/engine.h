// SQL over the lakehouse: DuckDB in process, reading through our storage, held by our gate.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/config.h"
#include "base/json.h"
#include "base/status.h"
#include "catalog/catalog.h"
#include "sql/column_batch.h"
#include "storage/bucket_registry.h"

namespace lakehouse::sql {

// One SELECT from outside.
struct QueryRequest {
  std::string sql;
  std::vector<Json> params;    // Scalars, bound to ? or $1 in order.
  int64_t row_limit = 10'000;  // Rows beyond are cut and `truncated` says so.
  int64_t max_result_bytes = 268'435'456;
  CancelToken cancel;  // Carries the timeout.
};

struct ResultColumn {
  std::string name;
  std::string type;
};

// A finished query.
struct QueryResult {
  std::vector<ResultColumn> columns;
  std::string rows_json;  // A JSON array of arrays, ready to be sent.
  uint64_t row_count = 0;
  bool truncated = false;  // Rows beyond a limit of the request were cut.
  // The buckets that were read in place of others that failed, as X-Lakehouse-Rescue-Used says
  // them; "" for none.
  std::string rescue_used;
};

// A trusted connection for `ingest` and `search`: runs any statement over `lake://` and `stage://`
// paths and returns plain columns. SQL text is built only from QuoteIdentifier and QuoteLiteral.
// Not thread-safe.
class Session {
 public:
  virtual ~Session() = default;
  virtual Status Execute(std::string_view sql, const CancelToken& cancel = {}) = 0;
  // Starts a statement; read its rows with Next until it returns a batch without rows. A new
  // statement ends the previous one.
  virtual Status Start(std::string_view sql, const CancelToken& cancel = {}) = 0;
  virtual Result<ColumnBatch> Next() = 0;
  // Start and all of Next in one.
  virtual Result<ColumnBatch> Query(std::string_view sql, const CancelToken& cancel = {}) = 0;
};

// Thread-safe. Owns the DuckDB instance. REQUIRES: outlives its sessions.
class Engine {
 public:
  virtual ~Engine() = default;

  // Opens DuckDB locked down: no external access but our file system, no extension downloads,
  // configuration locked; refuses to start when a setting does not read back. `temp_dir` takes
  // spilled data and is emptied. `buckets` and `catalog` outlive the engine.
  static Result<std::unique_ptr<Engine>> Open(const SqlConfig& config, const std::string& temp_dir,
                                              storage::BucketRegistry& buckets,
                                              catalog::Catalog& catalog);

  // Runs one read-only statement from outside: SELECT, VALUES, SHOW TABLES, DESCRIBE, SUMMARIZE or
  // EXPLAIN (not ANALYZE). It sees datasets by name, in any case and all at their versions of one
  // moment, and no file, setting or system catalog. kInvalidArgument for what the gate or the
  // parser refuses (names what and where), kDeadlineExceeded, kCancelled, kResourceExhausted,
  // kUnavailable when every query slot was busy until the deadline, or names the bucket that could
  // not be read.
  virtual Result<QueryResult> Query(const QueryRequest& request) = 0;

  virtual Result<std::unique_ptr<Session>> NewSession() = 0;

  // Writes batches as one Parquet file at local `path` (zstd), fsynced. Columns of every batch
  // equal those of the first in name, kind and order; `batches` is not empty.
  virtual Status WriteParquet(const std::vector<ColumnBatch>& batches, const std::string& path) = 0;
};

// "a""b" with its quotes.
std::string QuoteIdentifier(std::string_view name);
// 'a''b' with its quotes. REQUIRES: no NUL.
std::string QuoteLiteral(std::string_view text);
// The path under which DuckDB reads an object.
std::string LakePath(const BucketName& bucket, std::string_view key);
// The path under which DuckDB reads or writes a local working file of ours.
std::string StagePath(std::string_view local_path);
// A FROM clause item that reads every row of the dataset, in order of its files.
std::string DatasetScan(const catalog::Dataset& dataset);

}  // namespace lakehouse::sql
