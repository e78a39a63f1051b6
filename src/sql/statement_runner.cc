#include <algorithm>
#include <string>
#include <utility>

#include "base/strings.h"
#include "sql/error.internal.h"
#include "sql/json_rows.internal.h"
#include "sql/scope.internal.h"
#include "sql/statement_runner.internal.h"

namespace lakehouse::sql {

namespace {

Result<duckdb::Value> ToValue(const Json& param, size_t position) {
  switch (param.type()) {
    case Json::value_t::null:
      return duckdb::Value();
    case Json::value_t::boolean:
      return duckdb::Value::BOOLEAN(param.get<bool>());
    case Json::value_t::number_integer:
      return duckdb::Value::BIGINT(param.get<int64_t>());
    case Json::value_t::number_unsigned:
      if (param.get<uint64_t>() > INT64_MAX) return duckdb::Value::UBIGINT(param.get<uint64_t>());
      return duckdb::Value::BIGINT(param.get<int64_t>());
    case Json::value_t::number_float:
      return duckdb::Value::DOUBLE(param.get<double>());
    case Json::value_t::string: {
      const std::string& text = param.get_ref<const std::string&>();
      if (!IsValidUtf8(text)) return InvalidArgument("params: value ", position, " is not UTF-8");
      return duckdb::Value(text);
    }
    default:
      return InvalidArgument("params: value ", position, " is ", param.type_name(),
                             "; expected a number, text, true, false or null");
  }
}

// Reads the result until its end or a limit.
Status ReadRows(duckdb::QueryResult& result, duckdb::ClientContext& context,
                const QueryRequest& request, QueryResult& answer) {
  JsonRows rows(context, result.types);
  const auto row_limit = static_cast<uint64_t>(std::max<int64_t>(request.row_limit, 0));
  const auto max_bytes = static_cast<uint64_t>(std::max<int64_t>(request.max_result_bytes, 0));
  while (!answer.truncated) {
    TRY(request.cancel.Check());
    const auto chunk = result.Fetch();
    if (result.HasError()) return FromError(result.GetErrorObject(), request.cancel);
    if (chunk == nullptr || chunk->size() == 0) break;
    const uint64_t taken = rows.Append(*chunk, row_limit - answer.row_count, max_bytes);
    answer.row_count += taken;
    answer.truncated = taken < chunk->size();
  }
  answer.rows_json = std::move(rows).Finish();
  return OkStatus();
}

}  // namespace

Result<ParameterValues> BindParameters(const duckdb::SQLStatement& statement,
                                       const std::vector<Json>& params) {
  ParameterValues values;
  for (size_t i = 0; i < params.size(); ++i) {
    ASSIGN_OR_RETURN(duckdb::Value value, ToValue(params[i], i + 1));
    values.emplace(std::to_string(i + 1), duckdb::BoundParameterData(std::move(value)));
  }
  for (const auto& [name, index] : statement.named_param_map) {
    if (!values.contains(name)) {
      return InvalidArgument("params: no value for parameter $", name, "; ", params.size(),
                             " given, bound to ? or $1, $2 in order");
    }
  }
  if (params.size() > statement.named_param_map.size()) {
    return InvalidArgument("params: ", params.size(), " values given; the query has ",
                           statement.named_param_map.size(), " parameters");
  }
  return values;
}

std::vector<ResultColumn> ResultColumns(const duckdb::QueryResult& result) {
  std::vector<ResultColumn> columns;
  for (size_t i = 0; i < result.names.size(); ++i) {
    columns.push_back({result.names[i], result.types[i].ToString()});
  }
  return columns;
}

Result<QueryResult> RunStatement(duckdb::Connection& connection,
                                 duckdb::unique_ptr<duckdb::SQLStatement> statement,
                                 ParameterValues parameters, const QueryRequest& request,
                                 QueryWatcher& watcher) {
  const QueryWatcher::Watch watch(watcher, request.cancel, [&] { connection.Interrupt(); });
  try {
    auto pending = connection.context->PendingQuery(std::move(statement), parameters, true);
    if (pending->HasError()) return FromError(pending->GetErrorObject(), request.cancel);
    if (!Scope::Find(*connection.context)->plan_approved) {
      return Internal("The plan of this statement was not checked; it will not run");
    }
    const auto result = pending->Execute();
    if (result->HasError()) return FromError(result->GetErrorObject(), request.cancel);
    QueryResult answer;
    answer.columns = ResultColumns(*result);
    TRY(ReadRows(*result, *connection.context, request, answer));
    return answer;
  } catch (const std::exception& exception) {
    return FromException(exception, request.cancel);
  }
}

}  // namespace lakehouse::sql
