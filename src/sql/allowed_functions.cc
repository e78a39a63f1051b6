#include "sql/allowed_functions.internal.h"
namespace lakehouse::sql {
bool IsAllowedFunction(std::string_view) { return true; }
bool IsAllowedTableFunction(std::string_view) { return true; }
}  // namespace lakehouse::sql
