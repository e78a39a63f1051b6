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
    ColumnBatch batch = EmptyBatch();
    ASSIGN_OR_RETURN(const bool more, FetchInto(batch));
    if (!more) End();
    return batch;
  }

  Result<ColumnBatch> Query(std::string_view sql, const CancelToken& cancel) override {
    TRY(Start(sql, cancel));
    ColumnBatch all = EmptyBatch();
    while (true) {
      ASSIGN_OR_RETURN(const bool more, FetchInto(all));
      if (!more) break;
    }
    End();
    return all;
  }

 private:
  ColumnBatch EmptyBatch() const {
    ColumnBatch batch;
    if (result_ == nullptr) return batch;
    for (size_t i = 0; i < result_->names.size(); ++i) {
      batch.columns.push_back(ColumnFor(result_->names[i], result_->types[i]));
    }
    return batch;
  }

  // Appends the next chunk; false at the end.
  Result<bool> FetchInto(ColumnBatch& batch) {
    if (result_ == nullptr) return false;
    try {
      const auto chunk = result_->Fetch();
      if (result_->HasError()) return Fail(result_->GetErrorObject());
      if (chunk == nullptr || chunk->size() == 0) return false;
      if (const Status status = AppendChunk(*connection_.context, *chunk, batch); !status.ok()) {
        End();
        return status;
      }
      return true;
    } catch (const std::exception& exception) {
      return Fail(duckdb::ErrorData(exception));
    }
  }

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
