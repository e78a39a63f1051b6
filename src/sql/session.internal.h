// A trusted connection.
#pragma once

#include <memory>

#include "duckdb.hpp"
#include "sql/engine.h"
#include "sql/query_watcher.h"

namespace lakehouse::sql {

// `database` and `watcher` outlive the session.
Result<std::unique_ptr<Session>> OpenSession(duckdb::DuckDB& database, QueryWatcher& watcher);

}  // namespace lakehouse::sql
