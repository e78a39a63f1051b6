// Runs one parsed statement and writes its rows as JSON while they come.
#pragma once

#include <vector>

#include "base/cancel.h"
#include "base/json.h"
#include "base/status.h"
#include "duckdb.hpp"
#include "sql/engine.h"
#include "sql/query_watcher.h"

namespace lakehouse::sql {

using ParameterValues = duckdb::case_insensitive_map_t<duckdb::BoundParameterData>;

// Matches `params` with the statement's parameters. kInvalidArgument names the one that is missing,
// too many, or no scalar.
Result<ParameterValues> BindParameters(const duckdb::SQLStatement& statement,
                                       const std::vector<Json>& params);

// The names and types of a result.
std::vector<ResultColumn> ResultColumns(const duckdb::QueryResult& result);

// Runs a statement of `connection`, whose scope is attached, within the limits of `request`. Stops
// pulling rows at the first limit. Memory holds the JSON and what DuckDB streams ahead.
Result<QueryResult> RunStatement(duckdb::Connection& connection,
                                 duckdb::unique_ptr<duckdb::SQLStatement> statement,
                                 ParameterValues parameters, const QueryRequest& request,
                                 QueryWatcher& watcher);

}  // namespace lakehouse::sql
