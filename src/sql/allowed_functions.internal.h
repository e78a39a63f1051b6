// The functions that SQL from outside may call.
#pragma once

#include <string_view>

namespace lakehouse::sql {

// Scalar, aggregate, window functions and macros; the name in any case.
bool IsAllowedFunction(std::string_view name);

// Functions in FROM; the name in any case. All are pure: they read their arguments only.
bool IsAllowedTableFunction(std::string_view name);

}  // namespace lakehouse::sql
