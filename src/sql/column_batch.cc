#include "sql/column_batch.h"

#include <algorithm>

#include "base/strings.h"
#include "duckdb/common/types/column/column_data_collection.hpp"
#include "duckdb/common/vector_operations/vector_operations.hpp"
#include "sql/column_batch.internal.h"

namespace lakehouse::sql {

namespace {

using duckdb::idx_t;
using duckdb::LogicalType;
using duckdb::LogicalTypeId;
using duckdb::UnifiedVectorFormat;
using duckdb::Vector;

ColumnKind KindOf(const LogicalType& type) {
  switch (type.id()) {
    case LogicalTypeId::BOOLEAN:
      return ColumnKind::kBool;
    case LogicalTypeId::TINYINT:
    case LogicalTypeId::SMALLINT:
    case LogicalTypeId::INTEGER:
    case LogicalTypeId::BIGINT:
    case LogicalTypeId::UTINYINT:
    case LogicalTypeId::USMALLINT:
    case LogicalTypeId::UINTEGER:
      return ColumnKind::kInt64;
    case LogicalTypeId::FLOAT:
    case LogicalTypeId::DOUBLE:
      return ColumnKind::kDouble;
    case LogicalTypeId::LIST:
      return duckdb::ListType::GetChildType(type).id() == LogicalTypeId::FLOAT
                 ? ColumnKind::kFloatList
                 : ColumnKind::kText;
    case LogicalTypeId::ARRAY:
      return duckdb::ArrayType::GetChildType(type).id() == LogicalTypeId::FLOAT
                 ? ColumnKind::kFloatList
                 : ColumnKind::kText;
    default:
      return ColumnKind::kText;
  }
}

// Appends `count` values of type T to `out`, widened; a NULL becomes a default value.
template <typename T, typename Out>
void AppendNumbers(const UnifiedVectorFormat& format, idx_t count, std::vector<Out>& out) {
  const T* values = UnifiedVectorFormat::GetData<T>(format);
  for (idx_t row = 0; row < count; ++row) {
    const idx_t at = format.sel->get_index(row);
    out.push_back(format.validity.RowIsValid(at) ? static_cast<Out>(values[at]) : Out{});
  }
}

void AppendIntegers(const LogicalType& type, const UnifiedVectorFormat& format, idx_t count,
                    std::vector<int64_t>& out) {
  switch (type.id()) {
    case LogicalTypeId::TINYINT:
      return AppendNumbers<int8_t>(format, count, out);
    case LogicalTypeId::SMALLINT:
      return AppendNumbers<int16_t>(format, count, out);
    case LogicalTypeId::INTEGER:
      return AppendNumbers<int32_t>(format, count, out);
    case LogicalTypeId::UTINYINT:
      return AppendNumbers<uint8_t>(format, count, out);
    case LogicalTypeId::USMALLINT:
      return AppendNumbers<uint16_t>(format, count, out);
    case LogicalTypeId::UINTEGER:
      return AppendNumbers<uint32_t>(format, count, out);
    default:
      return AppendNumbers<int64_t>(format, count, out);
  }
}

void AppendTexts(duckdb::ClientContext& context, Vector& source, idx_t count,
                 ColumnVector& column) {
  Vector text(LogicalType::VARCHAR, count);
  Vector* vector = &source;
  if (source.GetType().id() != LogicalTypeId::VARCHAR) {
    duckdb::VectorOperations::Cast(context, source, text, count);
    vector = &text;
  }
  UnifiedVectorFormat format;
  vector->ToUnifiedFormat(count, format);
  const auto* values = UnifiedVectorFormat::GetData<duckdb::string_t>(format);
  for (idx_t row = 0; row < count; ++row) {
    const idx_t at = format.sel->get_index(row);
    if (format.validity.RowIsValid(at)) {
      column.texts.emplace_back(values[at].GetData(), values[at].GetSize());
    } else {
      column.texts.emplace_back();
    }
  }
}

// Copies fixed-length float lists, NULL elements as 0. A NULL row waits as zeros until the column's
// list length is known.
Status AppendFloatLists(Vector& source, idx_t count, size_t rows_before, ColumnVector& column) {
  UnifiedVectorFormat format;
  source.ToUnifiedFormat(count, format);
  const bool is_array = source.GetType().id() == LogicalTypeId::ARRAY;
  Vector& child =
      is_array ? duckdb::ArrayVector::GetEntry(source) : duckdb::ListVector::GetEntry(source);
  const idx_t array_size = is_array ? duckdb::ArrayType::GetSize(source.GetType()) : 0;
  const idx_t child_count = is_array ? duckdb::ArrayVector::GetTotalSize(source)
                                     : duckdb::ListVector::GetListSize(source);
  UnifiedVectorFormat child_format;
  child.ToUnifiedFormat(child_count, child_format);
  const auto* entries =
      is_array ? nullptr : UnifiedVectorFormat::GetData<duckdb::list_entry_t>(format);
  const auto* values = UnifiedVectorFormat::GetData<float>(child_format);
  for (idx_t row = 0; row < count; ++row) {
    const idx_t at = format.sel->get_index(row);
    if (!format.validity.RowIsValid(at)) {
      column.floats.resize(column.floats.size() + column.list_size);
      continue;
    }
    const idx_t offset = is_array ? at * array_size : entries[at].offset;
    const idx_t length = is_array ? array_size : entries[at].length;
    if (column.list_size == 0) {
      column.list_size = length;
      column.floats.resize((rows_before + row) * length);
    }
    if (length != column.list_size) {
      return InvalidArgument("The float lists of column ", column.name,
                             " differ in length: expected ", column.list_size, ", found ", length);
    }
    for (idx_t i = 0; i < length; ++i) {
      const idx_t value_at = child_format.sel->get_index(offset + i);
      column.floats.push_back(child_format.validity.RowIsValid(value_at) ? values[value_at] : 0.0F);
    }
  }
  return OkStatus();
}

LogicalType TypeOf(const ColumnVector& column) {
  switch (column.kind) {
    case ColumnKind::kBool:
      return LogicalType::BOOLEAN;
    case ColumnKind::kInt64:
      return LogicalType::BIGINT;
    case ColumnKind::kDouble:
      return LogicalType::DOUBLE;
    case ColumnKind::kText:
      return LogicalType::VARCHAR;
    case ColumnKind::kFloatList:
      return LogicalType::LIST(LogicalType::FLOAT);
  }
  CHECK(false);
}

size_t StoredRows(const ColumnVector& column) {
  switch (column.kind) {
    case ColumnKind::kBool:
      return column.bools.size();
    case ColumnKind::kInt64:
      return column.ints.size();
    case ColumnKind::kDouble:
      return column.doubles.size();
    case ColumnKind::kText:
      return column.texts.size();
    case ColumnKind::kFloatList:
      return column.list_size == 0 ? column.valid.size() : column.floats.size() / column.list_size;
  }
  CHECK(false);
}

Status CheckBatch(const ColumnBatch& batch, const ColumnBatch& first) {
  if (batch.columns.size() != first.columns.size()) {
    return InvalidArgument("A batch has ", batch.columns.size(), " columns; expected ",
                           first.columns.size());
  }
  for (size_t i = 0; i < batch.columns.size(); ++i) {
    const ColumnVector& column = batch.columns[i];
    if (column.name != first.columns[i].name || column.kind != first.columns[i].kind) {
      return InvalidArgument("Column ", i, " of a batch is ", column.name, "; expected ",
                             first.columns[i].name, " of the same kind");
    }
    if (column.valid.size() != batch.rows || StoredRows(column) != batch.rows) {
      return InvalidArgument("Column ", column.name, " of a batch holds ", StoredRows(column),
                             " values; expected ", batch.rows);
    }
    for (const std::string& text : column.texts) {
      if (!IsValidUtf8(text))
        return InvalidArgument("Column ", column.name, " holds text that is not UTF-8");
    }
  }
  return OkStatus();
}

void FillFloatLists(const ColumnVector& column, size_t from, idx_t count, Vector& target) {
  auto* entries = duckdb::FlatVector::GetData<duckdb::list_entry_t>(target);
  const idx_t size = column.list_size;
  duckdb::ListVector::Reserve(target, count * size);
  duckdb::ListVector::SetListSize(target, count * size);
  auto* values = duckdb::FlatVector::GetData<float>(duckdb::ListVector::GetEntry(target));
  std::copy_n(column.floats.data() + from * size, count * size, values);
  for (idx_t row = 0; row < count; ++row) entries[row] = {row * size, size};
}

// Copies rows [from, from + count) of a column into a flat vector.
void FillVector(const ColumnVector& column, size_t from, idx_t count, Vector& target) {
  switch (column.kind) {
    case ColumnKind::kBool:
      std::transform(column.bools.begin() + static_cast<ptrdiff_t>(from),
                     column.bools.begin() + static_cast<ptrdiff_t>(from + count),
                     duckdb::FlatVector::GetData<bool>(target), [](uint8_t b) { return b != 0; });
      break;
    case ColumnKind::kInt64:
      std::copy_n(column.ints.data() + from, count, duckdb::FlatVector::GetData<int64_t>(target));
      break;
    case ColumnKind::kDouble:
      std::copy_n(column.doubles.data() + from, count, duckdb::FlatVector::GetData<double>(target));
      break;
    case ColumnKind::kText: {
      auto* texts = duckdb::FlatVector::GetData<duckdb::string_t>(target);
      for (idx_t row = 0; row < count; ++row) {
        const std::string& text = column.texts[from + row];
        texts[row] = duckdb::StringVector::AddString(target, text.data(), text.size());
      }
      break;
    }
    case ColumnKind::kFloatList:
      FillFloatLists(column, from, count, target);
      break;
  }
  for (idx_t row = 0; row < count; ++row) {
    if (column.valid[from + row] == 0) duckdb::FlatVector::SetNull(target, row, true);
  }
}

}  // namespace

ColumnVector ColumnFor(const std::string& name, const LogicalType& type) {
  ColumnVector column;
  column.name = name;
  column.kind = KindOf(type);
  return column;
}

Status AppendChunk(duckdb::ClientContext& context, duckdb::DataChunk& chunk, ColumnBatch& batch) {
  const idx_t count = chunk.size();
  for (size_t i = 0; i < batch.columns.size(); ++i) {
    ColumnVector& column = batch.columns[i];
    Vector& source = chunk.data[i];
    UnifiedVectorFormat format;
    source.ToUnifiedFormat(count, format);
    for (idx_t row = 0; row < count; ++row) {
      column.valid.push_back(format.validity.RowIsValid(format.sel->get_index(row)) ? 1 : 0);
    }
    switch (column.kind) {
      case ColumnKind::kBool:
        AppendNumbers<bool>(format, count, column.bools);
        break;
      case ColumnKind::kInt64:
        AppendIntegers(source.GetType(), format, count, column.ints);
        break;
      case ColumnKind::kDouble:
        if (source.GetType().id() == LogicalTypeId::FLOAT) {
          AppendNumbers<float>(format, count, column.doubles);
        } else {
          AppendNumbers<double>(format, count, column.doubles);
        }
        break;
      case ColumnKind::kText:
        AppendTexts(context, source, count, column);
        break;
      case ColumnKind::kFloatList:
        TRY(AppendFloatLists(source, count, batch.rows, column));
        break;
    }
  }
  batch.rows += count;
  return OkStatus();
}

Result<duckdb::unique_ptr<duckdb::ColumnDataCollection>> ToCollection(
    const std::vector<ColumnBatch>& batches) {
  const ColumnBatch& first = batches.front();
  duckdb::vector<LogicalType> types;
  for (const ColumnVector& column : first.columns) types.push_back(TypeOf(column));
  auto& allocator = duckdb::Allocator::DefaultAllocator();
  auto collection = duckdb::make_uniq<duckdb::ColumnDataCollection>(allocator, types);
  duckdb::ColumnDataAppendState append;
  collection->InitializeAppend(append);
  duckdb::DataChunk chunk;
  chunk.Initialize(allocator, types);
  for (const ColumnBatch& batch : batches) {
    TRY(CheckBatch(batch, first));
    for (size_t from = 0; from < batch.rows; from += STANDARD_VECTOR_SIZE) {
      const idx_t count = std::min<idx_t>(STANDARD_VECTOR_SIZE, batch.rows - from);
      chunk.Reset();
      for (size_t i = 0; i < batch.columns.size(); ++i) {
        FillVector(batch.columns[i], from, count, chunk.data[i]);
      }
      chunk.SetCardinality(count);
      collection->Append(append, chunk);
    }
  }
  return collection;
}

}  // namespace lakehouse::sql
