#include <utility>

#include "duckdb/common/types/uuid.hpp"
#include "duckdb/common/vector_operations/vector_operations.hpp"
#include "sql/json_rows.internal.h"
#include "sql/json_text.internal.h"

namespace lakehouse::sql {

namespace {

using duckdb::idx_t;
using duckdb::LogicalType;
using duckdb::LogicalTypeId;
using duckdb::PhysicalType;
using duckdb::UnifiedVectorFormat;
using duckdb::Vector;

constexpr int64_t kMicrosPerDay = 86'400'000'000;
constexpr int64_t kNanosPerDay = kMicrosPerDay * 1'000;

// Finds values through DuckDB's vector kinds and writes NULLs; a subclass writes the rest.
class VectorEncoder : public ColumnEncoder {
 public:
  void Bind(Vector& vector, idx_t count) override { vector.ToUnifiedFormat(count, format_); }
  void Append(idx_t row, std::string& out) const final {
    const idx_t at = format_.sel->get_index(row);
    if (format_.validity.RowIsValid(at)) {
      AppendValue(at, out);
    } else {
      out += "null";
    }
  }

 protected:
  virtual void AppendValue(idx_t at, std::string& out) const = 0;

  UnifiedVectorFormat format_;
};

// A type whose values of C++ type T are written by `Write`, a callable (const T&, std::string&).
template <typename T, typename Write>
class ScalarEncoder final : public VectorEncoder {
 public:
  explicit ScalarEncoder(Write write) : write_(std::move(write)) {}

 protected:
  void AppendValue(idx_t at, std::string& out) const override {
    write_(UnifiedVectorFormat::GetData<T>(format_)[at], out);
  }

 private:
  const Write write_;
};

template <typename T, typename Write>
std::unique_ptr<ColumnEncoder> Scalar(Write write) {
  return std::make_unique<ScalarEncoder<T, Write>>(std::move(write));
}

template <typename T>
std::unique_ptr<ColumnEncoder> Integer() {
  return Scalar<T>([](T value, std::string& out) { AppendInteger(out, value); });
}

std::string_view View(const duckdb::string_t& text) { return {text.GetData(), text.GetSize()}; }

// Whole numbers beyond 64 bits, and decimals of them, keep every digit: as text.
template <typename T>
void AppendWide(T value, int scale, std::string& out) {
  const std::string digits = value.ToString();
  int64_t narrow = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), narrow);
  const bool fits = parsed.ec == std::errc();
  if (!fits) out.push_back('"');
  AppendScaled(out, digits, scale);
  if (!fits) out.push_back('"');
}

template <typename T>
std::unique_ptr<ColumnEncoder> NarrowDecimal(int scale) {
  return Scalar<T>([scale](T value, std::string& out) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
    AppendScaled(out, {digits, static_cast<size_t>(end - digits)}, scale);
  });
}

std::unique_ptr<ColumnEncoder> Decimal(const LogicalType& type) {
  const int scale = duckdb::DecimalType::GetScale(type);
  switch (type.InternalType()) {
    case PhysicalType::INT16:
      return NarrowDecimal<int16_t>(scale);
    case PhysicalType::INT32:
      return NarrowDecimal<int32_t>(scale);
    case PhysicalType::INT64:
      return NarrowDecimal<int64_t>(scale);
    default:
      return Scalar<duckdb::hugeint_t>([scale](const duckdb::hugeint_t& value, std::string& out) {
        AppendWide(value, scale, out);
      });
  }
}

// Writes an instant given in `per_day` units since the epoch; `nanos` is one unit. DuckDB keeps
// both infinities at the ends of the range.
void AppendInstant(int64_t value, int64_t per_day, int64_t nanos, bool utc, std::string& out) {
  if (value == INT64_MAX || value == -INT64_MAX) {
    out += value > 0 ? "\"infinity\"" : "\"-infinity\"";
    return;
  }
  int64_t days = value / per_day;
  int64_t rest = value % per_day;
  if (rest < 0) {
    --days;
    rest += per_day;
  }
  out.push_back('"');
  AppendDate(out, static_cast<int32_t>(days));
  out.push_back('T');
  AppendTimeOfDay(out, rest * nanos);
  if (utc) out.push_back('Z');
  out.push_back('"');
}

std::unique_ptr<ColumnEncoder> Instant(int64_t per_day, bool utc) {
  const int64_t nanos = kNanosPerDay / per_day;
  return Scalar<int64_t>([per_day, nanos, utc](int64_t value, std::string& out) {
    AppendInstant(value, per_day, nanos, utc, out);
  });
}

std::unique_ptr<ColumnEncoder> Date() {
  return Scalar<int32_t>([](int32_t days, std::string& out) {
    if (days == INT32_MAX || days == -INT32_MAX) {
      out += days > 0 ? "\"infinity\"" : "\"-infinity\"";
      return;
    }
    out.push_back('"');
    AppendDate(out, days);
    out.push_back('"');
  });
}

std::unique_ptr<ColumnEncoder> Time() {
  return Scalar<int64_t>([](int64_t micros, std::string& out) {
    out.push_back('"');
    AppendTimeOfDay(out, micros * 1'000);
    out.push_back('"');
  });
}

std::unique_ptr<ColumnEncoder> TimeWithOffset() {
  return Scalar<duckdb::dtime_tz_t>([](const duckdb::dtime_tz_t& value, std::string& out) {
    out.push_back('"');
    AppendTimeOfDay(out, value.time().micros * 1'000);
    AppendOffset(out, value.offset());
    out.push_back('"');
  });
}

std::unique_ptr<ColumnEncoder> Interval() {
  return Scalar<duckdb::interval_t>([](const duckdb::interval_t& value, std::string& out) {
    out.push_back('"');
    AppendInterval(out, value.months, value.days, value.micros);
    out.push_back('"');
  });
}

std::unique_ptr<ColumnEncoder> Uuid() {
  return Scalar<duckdb::hugeint_t>([](const duckdb::hugeint_t& value, std::string& out) {
    char text[36];
    duckdb::BaseUUID::ToString(value, text);
    AppendText(out, {text, sizeof(text)});
  });
}

template <typename T>
std::unique_ptr<ColumnEncoder> EnumOf(const LogicalType& type) {
  return Scalar<T>([type](T index, std::string& out) {
    AppendText(out, View(duckdb::EnumType::GetString(type, index)));
  });
}

std::unique_ptr<ColumnEncoder> Enum(const LogicalType& type) {
  switch (type.InternalType()) {
    case PhysicalType::UINT8:
      return EnumOf<uint8_t>(type);
    case PhysicalType::UINT16:
      return EnumOf<uint16_t>(type);
    default:
      return EnumOf<uint32_t>(type);
  }
}

// Types without an encoding of their own: as DuckDB prints them.
class PrintedEncoder final : public ColumnEncoder {
 public:
  explicit PrintedEncoder(duckdb::ClientContext& context) : context_(context) {}
  void Bind(Vector& vector, idx_t count) override {
    text_ = duckdb::make_uniq<Vector>(LogicalType::VARCHAR, count);
    duckdb::VectorOperations::Cast(context_, vector, *text_, count);
    text_->ToUnifiedFormat(count, format_);
  }
  void Append(idx_t row, std::string& out) const override {
    const idx_t at = format_.sel->get_index(row);
    if (format_.validity.RowIsValid(at)) {
      AppendText(out, View(UnifiedVectorFormat::GetData<duckdb::string_t>(format_)[at]));
    } else {
      out += "null";
    }
  }

 private:
  duckdb::ClientContext& context_;
  duckdb::unique_ptr<Vector> text_;
  UnifiedVectorFormat format_;
};

// LIST and ARRAY as a JSON array.
class ListEncoder final : public VectorEncoder {
 public:
  ListEncoder(duckdb::ClientContext& context, const LogicalType& type)
      : array_size_(type.id() == LogicalTypeId::ARRAY ? duckdb::ArrayType::GetSize(type) : 0),
        child_(MakeEncoder(context, array_size_ > 0 ? duckdb::ArrayType::GetChildType(type)
                                                    : duckdb::ListType::GetChildType(type))) {}
  void Bind(Vector& vector, idx_t count) override {
    VectorEncoder::Bind(vector, count);
    if (array_size_ > 0) {
      child_->Bind(duckdb::ArrayVector::GetEntry(vector),
                   duckdb::ArrayVector::GetTotalSize(vector));
    } else {
      child_->Bind(duckdb::ListVector::GetEntry(vector), duckdb::ListVector::GetListSize(vector));
    }
  }

 protected:
  void AppendValue(idx_t at, std::string& out) const override {
    duckdb::list_entry_t entry(at * array_size_, array_size_);
    if (array_size_ == 0) entry = UnifiedVectorFormat::GetData<duckdb::list_entry_t>(format_)[at];
    out.push_back('[');
    for (idx_t i = 0; i < entry.length; ++i) {
      if (i > 0) out.push_back(',');
      child_->Append(entry.offset + i, out);
    }
    out.push_back(']');
  }

 private:
  const idx_t array_size_;
  const std::unique_ptr<ColumnEncoder> child_;
};

// STRUCT as a JSON object; ROW, whose fields have no names, as a JSON array.
class StructEncoder final : public VectorEncoder {
 public:
  StructEncoder(duckdb::ClientContext& context, const LogicalType& type)
      : unnamed_(duckdb::StructType::IsUnnamed(type)) {
    for (const auto& [name, child] : duckdb::StructType::GetChildTypes(type)) {
      std::string key;
      AppendText(key, name);
      fields_.push_back({key + ":", MakeEncoder(context, child)});
    }
  }
  void Bind(Vector& vector, idx_t count) override {
    VectorEncoder::Bind(vector, count);
    auto& children = duckdb::StructVector::GetEntries(vector);
    for (size_t i = 0; i < fields_.size(); ++i) fields_[i].encoder->Bind(*children[i], count);
  }

 protected:
  void AppendValue(idx_t at, std::string& out) const override {
    out.push_back(unnamed_ ? '[' : '{');
    for (const Field& field : fields_) {
      if (&field != &fields_.front()) out.push_back(',');
      if (!unnamed_) out += field.key;
      field.encoder->Append(at, out);
    }
    out.push_back(unnamed_ ? ']' : '}');
  }

 private:
  struct Field {
    std::string key;  // As JSON, with its colon.
    std::unique_ptr<ColumnEncoder> encoder;
  };
  const bool unnamed_;
  std::vector<Field> fields_;
};

// MAP as a JSON object when its keys are text, else as an array of [key, value].
class MapEncoder final : public VectorEncoder {
 public:
  MapEncoder(duckdb::ClientContext& context, const LogicalType& type)
      : text_keys_(duckdb::MapType::KeyType(type).id() == LogicalTypeId::VARCHAR),
        key_(MakeEncoder(context, duckdb::MapType::KeyType(type))),
        value_(MakeEncoder(context, duckdb::MapType::ValueType(type))) {}
  void Bind(Vector& vector, idx_t count) override {
    VectorEncoder::Bind(vector, count);
    const idx_t entries = duckdb::ListVector::GetListSize(vector);
    key_->Bind(duckdb::MapVector::GetKeys(vector), entries);
    value_->Bind(duckdb::MapVector::GetValues(vector), entries);
  }

 protected:
  void AppendValue(idx_t at, std::string& out) const override {
    const auto entry = UnifiedVectorFormat::GetData<duckdb::list_entry_t>(format_)[at];
    out.push_back(text_keys_ ? '{' : '[');
    for (idx_t i = 0; i < entry.length; ++i) {
      if (i > 0) out.push_back(',');
      if (!text_keys_) out.push_back('[');
      key_->Append(entry.offset + i, out);
      out.push_back(text_keys_ ? ':' : ',');
      value_->Append(entry.offset + i, out);
      if (!text_keys_) out.push_back(']');
    }
    out.push_back(text_keys_ ? '}' : ']');
  }

 private:
  const bool text_keys_;
  const std::unique_ptr<ColumnEncoder> key_;
  const std::unique_ptr<ColumnEncoder> value_;
};

// UNION as the value that it holds.
class UnionEncoder final : public VectorEncoder {
 public:
  UnionEncoder(duckdb::ClientContext& context, const LogicalType& type) {
    for (idx_t i = 0; i < duckdb::UnionType::GetMemberCount(type); ++i) {
      members_.push_back(MakeEncoder(context, duckdb::UnionType::GetMemberType(type, i)));
    }
  }
  void Bind(Vector& vector, idx_t count) override {
    VectorEncoder::Bind(vector, count);
    duckdb::UnionVector::GetTags(vector).ToUnifiedFormat(count, tags_);
    for (size_t i = 0; i < members_.size(); ++i) {
      members_[i]->Bind(duckdb::UnionVector::GetMember(vector, i), count);
    }
  }

 protected:
  void AppendValue(idx_t at, std::string& out) const override {
    const auto* tags = UnifiedVectorFormat::GetData<duckdb::union_tag_t>(tags_);
    members_[tags[tags_.sel->get_index(at)]]->Append(at, out);
  }

 private:
  UnifiedVectorFormat tags_;
  std::vector<std::unique_ptr<ColumnEncoder>> members_;
};

// Types that hold others, and all that are printed as DuckDB prints them.
std::unique_ptr<ColumnEncoder> MakeNestedEncoder(duckdb::ClientContext& context,
                                                 const LogicalType& type) {
  switch (type.id()) {
    case LogicalTypeId::LIST:
    case LogicalTypeId::ARRAY:
      return std::make_unique<ListEncoder>(context, type);
    case LogicalTypeId::STRUCT:
      return std::make_unique<StructEncoder>(context, type);
    case LogicalTypeId::MAP:
      return std::make_unique<MapEncoder>(context, type);
    case LogicalTypeId::UNION:
      return std::make_unique<UnionEncoder>(context, type);
    default:
      return std::make_unique<PrintedEncoder>(context);
  }
}

}  // namespace

std::unique_ptr<ColumnEncoder> MakeEncoder(duckdb::ClientContext& context,
                                           const LogicalType& type) {
  switch (type.id()) {
    case LogicalTypeId::BOOLEAN:
      return Scalar<bool>([](bool value, std::string& out) { out += value ? "true" : "false"; });
    case LogicalTypeId::TINYINT:
      return Integer<int8_t>();
    case LogicalTypeId::SMALLINT:
      return Integer<int16_t>();
    case LogicalTypeId::INTEGER:
      return Integer<int32_t>();
    case LogicalTypeId::BIGINT:
      return Integer<int64_t>();
    case LogicalTypeId::UTINYINT:
      return Integer<uint8_t>();
    case LogicalTypeId::USMALLINT:
      return Integer<uint16_t>();
    case LogicalTypeId::UINTEGER:
      return Integer<uint32_t>();
    case LogicalTypeId::UBIGINT:
      return Integer<uint64_t>();
    case LogicalTypeId::HUGEINT:
      return Scalar<duckdb::hugeint_t>(
          [](const auto& value, std::string& out) { AppendWide(value, 0, out); });
    case LogicalTypeId::UHUGEINT:
      return Scalar<duckdb::uhugeint_t>(
          [](const auto& value, std::string& out) { AppendWide(value, 0, out); });
    case LogicalTypeId::DECIMAL:
      return Decimal(type);
    case LogicalTypeId::FLOAT:
      return Scalar<float>([](float value, std::string& out) { AppendFloat(out, value); });
    case LogicalTypeId::DOUBLE:
      return Scalar<double>([](double value, std::string& out) { AppendFloat(out, value); });
    case LogicalTypeId::VARCHAR:
      return Scalar<duckdb::string_t>(
          [](const auto& value, std::string& out) { AppendText(out, View(value)); });
    case LogicalTypeId::BLOB:
      return Scalar<duckdb::string_t>(
          [](const auto& value, std::string& out) { AppendBase64(out, View(value)); });
    case LogicalTypeId::UUID:
      return Uuid();
    case LogicalTypeId::ENUM:
      return Enum(type);
    case LogicalTypeId::DATE:
      return Date();
    case LogicalTypeId::TIME:
      return Time();
    case LogicalTypeId::TIME_TZ:
      return TimeWithOffset();
    case LogicalTypeId::TIMESTAMP_SEC:
      return Instant(86'400, false);
    case LogicalTypeId::TIMESTAMP_MS:
      return Instant(86'400'000, false);
    case LogicalTypeId::TIMESTAMP:
      return Instant(kMicrosPerDay, false);
    case LogicalTypeId::TIMESTAMP_NS:
      return Instant(kNanosPerDay, false);
    case LogicalTypeId::TIMESTAMP_TZ:
      return Instant(kMicrosPerDay, true);
    case LogicalTypeId::INTERVAL:
      return Interval();
    default:
      return MakeNestedEncoder(context, type);
  }
}

JsonRows::JsonRows(duckdb::ClientContext& context,
                   const duckdb::vector<duckdb::LogicalType>& types) {
  for (const LogicalType& type : types) columns_.push_back(MakeEncoder(context, type));
}

uint64_t JsonRows::Append(duckdb::DataChunk& chunk, uint64_t max_rows, uint64_t max_bytes) {
  for (size_t i = 0; i < columns_.size(); ++i) columns_[i]->Bind(chunk.data[i], chunk.size());
  uint64_t row = 0;
  for (; row < chunk.size() && row < max_rows; ++row) {
    const size_t row_start = out_.size();
    out_ += row_start == 1 ? "[" : ",[";
    for (const auto& column : columns_) {
      if (&column != &columns_.front()) out_.push_back(',');
      column->Append(row, out_);
    }
    out_.push_back(']');
    if (out_.size() >= max_bytes) {
      out_.resize(row_start);
      break;
    }
  }
  return row;
}

std::string JsonRows::Finish() && {
  out_.push_back(']');
  return std::move(out_);
}

}  // namespace lakehouse::sql
