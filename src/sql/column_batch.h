// Plain columns: how rows cross the border of `sql` without a DuckDB type in sight.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lakehouse::sql {

enum class ColumnKind {
  kBool,       // bools
  kInt64,      // ints: every integer type that fits.
  kDouble,     // doubles: FLOAT, DOUBLE.
  kText,       // texts: VARCHAR, and every other type as DuckDB prints it.
  kFloatList,  // floats, `list_size` of them a row: FLOAT[].
};

// One column of a batch. Only the vector of its kind is filled; a NULL row holds a default there.
struct ColumnVector {
  ColumnKind kind = ColumnKind::kText;
  std::string name;
  std::vector<uint8_t> valid;  // 1 a row; 0: NULL.
  std::vector<uint8_t> bools;
  std::vector<int64_t> ints;
  std::vector<double> doubles;
  std::vector<std::string> texts;
  std::vector<float> floats;
  size_t list_size = 0;
};

// Rows as columns of equal length.
struct ColumnBatch {
  std::vector<ColumnVector> columns;
  size_t rows = 0;
};

}  // namespace lakehouse::sql
