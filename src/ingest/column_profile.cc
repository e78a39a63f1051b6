#include "ingest/column_profile.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/strings.h"
#include "ingest/text_cut.h"
#include "ingest/value_syntax.h"
#include "sql/engine.h"

namespace lakehouse::ingest {
namespace {

constexpr size_t kMisfitBytes = 80;
constexpr size_t kSampleValues = 512;
constexpr size_t kSampleValueBytes = 1024;
constexpr int kMinFixedScale = 2;
constexpr int kMaxFixedScale = 6;
constexpr int kFixedWidth = 18;

std::string_view TrimSpaces(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

Status MisfitError(std::string_view type, uint64_t line, std::string_view what) {
  return InvalidArgument("a value does not fit the column's type ", type, " in line ", line, ": ",
                         what);
}

// Takes "DECIMAL(w,s)" apart.
struct DecimalType {
  int width = 0;
  int scale = 0;
};

std::optional<DecimalType> ParseDecimalType(std::string_view type) {
  constexpr std::string_view kPrefix = "DECIMAL(";
  if (!type.starts_with(kPrefix) || !type.ends_with(')')) return std::nullopt;
  const std::string_view inside = type.substr(kPrefix.size(), type.size() - kPrefix.size() - 1);
  const char* end = inside.data() + inside.size();
  DecimalType decimal;
  const auto width = std::from_chars(inside.data(), end, decimal.width);
  if (width.ec != std::errc() || width.ptr == end || *width.ptr != ',') return std::nullopt;
  const auto scale = std::from_chars(width.ptr + 1, end, decimal.scale);
  if (scale.ec != std::errc() || scale.ptr != end) return std::nullopt;
  return decimal;
}

struct TypeReading {
  std::string_view type;
  Reading reading;
};

constexpr TypeReading kTypeReadings[] = {
    {"BOOLEAN", Reading::kBoolean},     {"BIGINT", Reading::kInteger},
    {"INTEGER", Reading::kInteger},     {"SMALLINT", Reading::kInteger},
    {"TINYINT", Reading::kInteger},     {"UINTEGER", Reading::kInteger},
    {"USMALLINT", Reading::kInteger},   {"UTINYINT", Reading::kInteger},
    {"DOUBLE", Reading::kDouble},       {"FLOAT", Reading::kDouble},
    {"TIMESTAMP", Reading::kTimestamp}, {"TIMESTAMP WITH TIME ZONE", Reading::kTimestampTz},
};

std::string DateFormat(Reading reading, char separator) {
  switch (reading) {
    case Reading::kDateYmd:
      return StrCat("%Y", separator, "%m", separator, "%d");
    case Reading::kDateDmy:
      return StrCat("%d", separator, "%m", separator, "%Y");
    case Reading::kDateMdy:
      return StrCat("%m", separator, "%d", separator, "%Y");
    default:
      return "";
  }
}

}  // namespace

uint32_t ColumnProfile::AllowedBy(ValueForm form) {
  constexpr uint32_t kNumbers =
      Bit(Reading::kInteger) | Bit(Reading::kFixed) | Bit(Reading::kDouble);
  switch (form) {
    case ValueForm::kText:
      return (1U << kReadings) - 1;
    case ValueForm::kWords:
      return 0;
    case ValueForm::kJsonNumber:
      return kNumbers;
    case ValueForm::kJsonBoolean:
      return Bit(Reading::kBoolean);
    case ValueForm::kJsonString:
      return Bit(Reading::kDateIso) | Bit(Reading::kTimestamp) | Bit(Reading::kTimestampTz);
  }
  return 0;
}

void ColumnProfile::Add(std::string_view value, uint64_t line, ValueForm form) {
  const std::string_view trimmed = TrimSpaces(value);
  if (trimmed.empty()) {
    padded_ = true;
    return;
  }
  Sample(value);
  ++values_;
  if (readings_ == 0) return;
  if (trimmed.size() != value.size()) padded_ = true;

  constexpr uint32_t kNumbers =
      Bit(Reading::kInteger) | Bit(Reading::kFixed) | Bit(Reading::kDouble);
  constexpr uint32_t kDates = Bit(Reading::kDateIso) | Bit(Reading::kDateYmd) |
                              Bit(Reading::kDateDmy) | Bit(Reading::kDateMdy);
  constexpr uint32_t kTimestamps = Bit(Reading::kTimestamp) | Bit(Reading::kTimestampTz);
  const uint32_t wanted = readings_ & AllowedBy(form);
  uint32_t fitting = 0;
  if ((wanted & kNumbers) != 0) fitting |= FittingNumber(trimmed, line, form);
  if ((wanted & kDates) != 0) fitting |= FittingDate(trimmed);
  if ((wanted & kTimestamps) != 0) {
    const TimestampForm timestamp = ParseTimestampForm(trimmed);
    if (timestamp == TimestampForm::kLocal) fitting |= Bit(Reading::kTimestamp);
    if (timestamp == TimestampForm::kZoned) fitting |= Bit(Reading::kTimestampTz);
  }
  if ((wanted & Bit(Reading::kBoolean)) != 0 &&
      (EqualsIgnoreCase(trimmed, "true") || EqualsIgnoreCase(trimmed, "false"))) {
    fitting |= Bit(Reading::kBoolean);
  }
  const uint32_t lost = readings_ & ~(fitting & wanted);
  if (lost != 0) Drop(lost, value, line);
}

uint32_t ColumnProfile::FittingNumber(std::string_view value, uint64_t line, ValueForm form) {
  const auto shape = ParseNumber(value);
  if (!shape) return 0;
  // "12E4" may be a part number; JSON says that it is a number.
  if (shape->has_exponent && !shape->has_point && !shape->exponent_has_sign &&
      form != ValueForm::kJsonNumber) {
    return 0;
  }
  if (!shape->canonical_integer_part && shape->integer_digits > 0) return 0;
  if (shape->has_exponent && exponent_line_ == 0) exponent_line_ = line;
  if (shape->integer_digits > max_integer_digits_) {
    max_integer_digits_ = shape->integer_digits;
    max_integer_digits_line_ = line;
  }
  if (shape->scale > max_scale_) {
    max_scale_ = shape->scale;
    max_scale_line_ = line;
  }
  uint32_t fitting = 0;
  if (IsExactInt64(value, *shape)) fitting |= Bit(Reading::kInteger);
  if (Fits(Reading::kDouble) && IsExactDouble(value, *shape)) fitting |= Bit(Reading::kDouble);
  if (fixed_scale_ == 0) fixed_scale_ = shape->scale;
  if (!shape->has_exponent && shape->canonical_integer_part && shape->scale == fixed_scale_ &&
      shape->scale >= kMinFixedScale && shape->scale <= kMaxFixedScale &&
      shape->integer_digits + shape->scale <= kFixedWidth) {
    fitting |= Bit(Reading::kFixed);
  }
  return fitting;
}

uint32_t ColumnProfile::FittingDate(std::string_view value) {
  const auto shape = ParseDateShape(value);
  if (!shape) return 0;
  if (shape->iso) {
    return IsCalendarDay(shape->first, shape->second, shape->third) ? Bit(Reading::kDateIso) : 0;
  }
  if (date_separator_ == '\0') date_separator_ = shape->separator;
  if (shape->separator != date_separator_) return 0;
  if (shape->year_first) {
    return IsCalendarDay(shape->first, shape->second, shape->third) ? Bit(Reading::kDateYmd) : 0;
  }
  uint32_t fitting = 0;
  if (IsCalendarDay(shape->third, shape->second, shape->first)) fitting |= Bit(Reading::kDateDmy);
  if (IsCalendarDay(shape->third, shape->first, shape->second)) fitting |= Bit(Reading::kDateMdy);
  return fitting;
}

void ColumnProfile::Drop(uint32_t readings, std::string_view value, uint64_t line) {
  for (size_t i = 0; i < kReadings; ++i) {
    if ((readings & (1U << i)) != 0)
      misfits_[i] = {line, std::string(CutText(value, kMisfitBytes))};
  }
  readings_ &= ~readings;
}

void ColumnProfile::Sample(std::string_view value) {
  if (values_ != sample_next_) return;
  if (sample_.size() == kSampleValues) {
    // Keeps every second value and takes half as many from here on.
    for (size_t i = 1; 2 * i < sample_.size(); ++i) sample_[i] = std::move(sample_[2 * i]);
    sample_.resize(kSampleValues / 2);
    sample_stride_ *= 2;
  }
  sample_.emplace_back(CutText(value, kSampleValueBytes));
  sample_next_ += sample_stride_;
}

ColumnReading ColumnProfile::Infer() const {
  ColumnReading reading;
  if (values_ == 0) return reading;
  if (Fits(Reading::kBoolean)) {
    reading.type = "BOOLEAN";
  } else if (Fits(Reading::kInteger)) {
    reading.type = "BIGINT";
  } else if (Fits(Reading::kFixed)) {
    reading.type = StrCat("DECIMAL(", kFixedWidth, ",", fixed_scale_, ")");
  } else if (Fits(Reading::kDouble)) {
    reading.type = "DOUBLE";
  } else if (Fits(Reading::kTimestamp)) {
    reading.type = "TIMESTAMP";
  } else if (Fits(Reading::kTimestampTz)) {
    reading.type = "TIMESTAMP WITH TIME ZONE";
  } else if (auto date = ReadAsDate(); date.ok()) {
    return *date;
  } else {
    return reading;
  }
  reading.trim = padded_;
  return reading;
}

Result<ColumnReading> ColumnProfile::ReadAs(std::string_view type) const {
  ColumnReading reading;
  reading.type = type;
  if (type == "VARCHAR") return reading;
  reading.trim = padded_;
  if (values_ == 0) return reading;
  if (type == "DATE") return ReadAsDate();
  if (type.starts_with("DECIMAL(")) return ReadAsDecimal(type);
  for (const TypeReading& known : kTypeReadings) {
    if (known.type != type || Fits(known.reading)) continue;
    const Misfit& misfit = FirstMisfit(known.reading);
    return MisfitError(type, misfit.line, QuoteForMessage(misfit.value));
  }
  return reading;
}

Result<ColumnReading> ColumnProfile::ReadAsDate() const {
  ColumnReading reading;
  reading.type = "DATE";
  reading.trim = padded_;
  if (Fits(Reading::kDateIso)) return reading;
  const bool day_first = Fits(Reading::kDateDmy);
  const bool month_first = Fits(Reading::kDateMdy);
  if (day_first && month_first) {
    return InvalidArgument(
        "every date can be read with the day or the month first; write them as yyyy-mm-dd");
  }
  for (const Reading layout : {Reading::kDateYmd, Reading::kDateDmy, Reading::kDateMdy}) {
    if (!Fits(layout)) continue;
    reading.strptime_format = DateFormat(layout, date_separator_);
    return reading;
  }
  const Misfit& misfit = FirstMisfit(Reading::kDateIso);
  return MisfitError("DATE", misfit.line, QuoteForMessage(misfit.value));
}

Result<ColumnReading> ColumnProfile::ReadAsDecimal(std::string_view type) const {
  const auto decimal = ParseDecimalType(type);
  if (!decimal) return Internal("a dataset's column has a type that cannot be read: ", type);
  if (!Fits(Reading::kDouble) && !Fits(Reading::kFixed) && !Fits(Reading::kInteger)) {
    const Misfit& misfit = FirstMisfit(Reading::kDouble);
    return MisfitError(type, misfit.line, QuoteForMessage(misfit.value));
  }
  if (exponent_line_ != 0) return MisfitError(type, exponent_line_, "a number with an exponent");
  if (max_scale_ > decimal->scale) {
    return MisfitError(type, max_scale_line_, StrCat("a number with decimals: ", max_scale_));
  }
  if (max_integer_digits_ > decimal->width - decimal->scale) {
    return MisfitError(type, max_integer_digits_line_,
                       StrCat("a number with digits before the point: ", max_integer_digits_));
  }
  ColumnReading reading;
  reading.type = type;
  reading.trim = padded_;
  return reading;
}

bool IsInferredType(std::string_view type) {
  constexpr std::string_view kTypes[] = {
      "VARCHAR", "BOOLEAN", "BIGINT", "DOUBLE", "DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"};
  return type.starts_with("DECIMAL(") ||
         std::find(std::begin(kTypes), std::end(kTypes), type) != std::end(kTypes);
}

std::string TrimmedSql(std::string_view expression, const ColumnReading& reading) {
  if (!reading.trim) return std::string(expression);
  return StrCat("nullif(trim(", expression, "), '')");
}

std::string ReadingSql(std::string_view expression, const ColumnReading& reading) {
  if (reading.type == "VARCHAR") return std::string(expression);
  const std::string text = TrimmedSql(expression, reading);
  if (reading.strptime_format.empty()) return StrCat("CAST(", text, " AS ", reading.type, ")");
  return StrCat("CAST(strptime(", text, ", ", sql::QuoteLiteral(reading.strptime_format), ") AS ",
                reading.type, ")");
}

}  // namespace lakehouse::ingest
