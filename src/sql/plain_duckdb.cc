#include "sql/plain_duckdb.h"

#include <utility>

#include "base/clock.h"
#include "base/strings.h"
#include "duckdb.hpp"
#include "sql/error.internal.h"
#include "sql/json_rows.internal.h"
#include "sql/statement_runner.internal.h"

namespace lakehouse::sql {

namespace {

class PlainInstance : public PlainDuckDb {
 public:
  explicit PlainInstance(duckdb::DBConfig& config)
      : database_(nullptr, &config), connection_(database_) {}

  Result<PlainResult> Run(std::string_view statement) override {
    try {
      const int64_t start = Clock::System().MonotonicMicros();
      const auto result = connection_.Query(std::string(statement));
      const int64_t end = Clock::System().MonotonicMicros();
      if (result->HasError()) return FromError(result->GetErrorObject());
      PlainResult answer;
      answer.columns = ResultColumns(*result);
      answer.milliseconds = static_cast<double>(end - start) / 1e3;
      return Encode(*result, std::move(answer));
    } catch (const std::exception& exception) {
      return FromException(exception);
    }
  }

 private:
  // Casts of printed types need a transaction, which the statement no longer holds.
  Result<PlainResult> Encode(duckdb::QueryResult& result, PlainResult answer) {
    connection_.BeginTransaction();
    JsonRows rows(*connection_.context, result.types);
    while (const auto chunk = result.Fetch()) {
      answer.row_count += rows.Append(*chunk, UINT64_MAX, UINT64_MAX);
    }
    connection_.Rollback();
    answer.rows_json = std::move(rows).Finish();
    return answer;
  }

  duckdb::DuckDB database_;
  duckdb::Connection connection_;
};

}  // namespace

Result<std::unique_ptr<PlainDuckDb>> PlainDuckDb::Open(
    const std::map<std::string, std::vector<std::string>>& views, int64_t threads) {
  try {
    duckdb::DBConfig config;
    if (threads > 0) config.options.maximum_threads = static_cast<duckdb::idx_t>(threads);
    auto instance = std::make_unique<PlainInstance>(config);
    TRY(instance->Run("SET GLOBAL TimeZone = 'UTC'").status());
    for (const auto& [name, files] : views) {
      std::vector<std::string> quoted;
      for (const std::string& file : files) quoted.push_back(QuoteLiteral(file));
      TRY(instance
              ->Run(StrCat("CREATE VIEW ", QuoteIdentifier(name),
                           " AS SELECT * FROM read_parquet([", JoinStrings(quoted, ", "), "])"))
              .status());
    }
    return std::unique_ptr<PlainDuckDb>(std::move(instance));
  } catch (const std::exception& exception) {
    return FromException(exception);
  }
}

}  // namespace lakehouse::sql
