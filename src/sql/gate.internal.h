// What SQL from outside may be: one SELECT over datasets and listed functions.
//
// The gate looks twice, never at text. CheckStatement sees the parsed statement before anything is
// bound, because binding already evaluates constants and opens files. The hook of InstallGate sees
// the bound plan, where macros and views are gone, before any optimizer. Both list what is allowed:
// what a later DuckDB adds is refused until it is classified in allowed_functions.cc.
#pragma once

#include <string>

#include "base/status.h"
#include "duckdb.hpp"
#include "sql/scope.internal.h"

namespace lakehouse::sql {

// Parses and checks; returns the statement to run. SHOW TABLES becomes a list of the scope's
// datasets. kInvalidArgument names what is refused and where.
Result<duckdb::unique_ptr<duckdb::SQLStatement>> ParseStatement(duckdb::ClientContext& context,
                                                                const Scope& scope,
                                                                const std::string& sql);

// Adds the replacement scan by which dataset names become tables, and the check of bound plans.
// Connections without a scope get nothing; those with a trusted one are not checked.
void InstallGate(duckdb::DBConfig& config);

}  // namespace lakehouse::sql
