#include <string>
#include <utility>

#include "sql/column_batch.internal.h"
#include "sql/error.internal.h"
#include "sql/scope.internal.h"
#include "sql/session.internal.h"

namespace lakehouse::sql {

namespace {

class TrustedSession : public Session {
 public:
  TrustedSession(duckdb::DuckDB& database, QueryWatcher& watcher)
      : watcher_(watcher), connection_(database) {
    Scope::Attach(*connection_.context, Scope::Trusted());
  }
  ~TrustedSession() override { End(); }

  Status Execute(std::string_view sql, const CancelToken& cancel) override {
    TRY(Start(sql, cancel));
    while (true) {
      ASSIGN_OR_RETURN(const ColumnBatch batch, Next());
      if (batch.rows == 0) return OkStatus();
    }
  }

  Status Start(std::string_view sql, const CancelToken& cancel) override {
    End();
    TRY(cancel.Check());
    cancel_ = cancel;
    watch_ = std::make_unique<QueryWatcher::Watch>(watcher_, cancel,
                                                   [this] { connection_.Interrupt(); });
    try {
      auto pending = connection_.context->PendingQuery(std::string(sql), true);
      if (pending->HasError()) return Fail(pending->GetErrorObject());
      result_ = pending->Execute();
      if (result_->HasError()) return Fail(result_->GetErrorObject());
    } catch (const std::exception& exception) {
      return Fail(duckdb::ErrorData(exception));
    }
    return OkStatus();
  }

  Result<ColumnBatch> Next() override {
    ColumnBatch batch;
    if (result_ == nullptr) return batch;
    try {
      for (size_t i = 0; i < result_->names.size(); ++i) {
        batch.columns.push_back(ColumnFor(result_->names[i], result_->types[i]));
      }
      const auto chunk = result_->Fetch();
      if (result_->HasError()) return Fail(result_->GetErrorObject());
      if (chunk == nullptr || chunk->size() == 0) {
        End();
        return batch;
      }
      TRY(AppendChunk(*connection_.context, *chunk, batch));
      return batch;
    } catch (const std::exception& exception) {
      return Fail(duckdb::ErrorData(exception));
    }
  }

  Result<ColumnBatch> Query(std::string_view sql, const CancelToken& cancel) override {
    TRY(Start(sql, cancel));
    ColumnBatch all;
    try {
      for (size_t i = 0; i < result_->names.size(); ++i) {
        all.columns.push_back(ColumnFor(result_->names[i], result_->types[i]));
      }
      while (true) {
        const auto chunk = result_->Fetch();
        if (result_->HasError()) return Fail(result_->GetErrorObject());
        if (chunk == nullptr || chunk->size() == 0) break;
        TRY(AppendChunk(*connection_.context, *chunk, all));
      }
    } catch (const std::exception& exception) {
      return Fail(duckdb::ErrorData(exception));
    }
    End();
    return all;
  }

 private:
  Status Fail(const duckdb::ErrorData& error) {
    const Status status = FromError(error, cancel_);
    End();
    return status;
  }
  void End() {
    result_.reset();
    watch_.reset();
  }

  QueryWatcher& watcher_;
  duckdb::Connection connection_;
  CancelToken cancel_;
  std::unique_ptr<QueryWatcher::Watch> watch_;
  duckdb::unique_ptr<duckdb::QueryResult> result_;
};

}  // namespace

Result<std::unique_ptr<Session>> OpenSession(duckdb::DuckDB& database, QueryWatcher& watcher) {
  try {
    return std::make_unique<TrustedSession>(database, watcher);
  } catch (const std::exception& exception) {
    return FromException(exception);
  }
}

}  // namespace lakehouse::sql
