// What all values of one column have in common: which types they fit, and where the first one
// stands that does not.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace lakehouse::ingest {

// A way to read text. A column starts with all and loses those that a value does not fit.
enum class Reading {
  kBoolean,    // true, false in any case.
  kInteger,    // Printed again by BIGINT as it was written.
  kFixed,      // Decimals, all with the same two to six digits after the point.
  kDouble,     // Kept by DOUBLE.
  kDateIso,    // yyyy-mm-dd
  kDateYmd,    // yyyy/m/d or with dots
  kDateDmy,    // d/m/yyyy, or with dots or dashes
  kDateMdy,    // m/d/yyyy, or with dots or dashes
  kTimestamp,  // ISO without a zone
  kTimestampTz,
};
inline constexpr size_t kReadings = 10;

// What the format already says about a value. kWords are never anything but VARCHAR.
enum class ValueForm { kText, kWords, kJsonString, kJsonNumber, kJsonBoolean };

// The first value that did not fit a reading.
struct Misfit {
  uint64_t line = 0;  // 0: every value fits.
  std::string value;  // At most 80 bytes.
};

// A type with the way to get there from text.
struct ColumnReading {
  std::string type = "VARCHAR";  // As DuckDB prints it.
  std::string strptime_format;   // For dates that CAST does not read; else empty.
  bool trim = false;             // Some value has spaces around it or is only spaces.
};

// Fed with every value of one column in the order of lines. Rules:
// 1. A type is inferred only if every non-empty value fits it and keeps what was written: zip codes
//    and ids with leading zeros, "+1", "12E4", long numbers and mixed columns stay VARCHAR.
// 2. Surrounding spaces and empty text do not count against a type: they are trimmed, and empty
//    means NULL there. VARCHAR keeps them.
// 3. Dates with the day or month first are dates only when one order fits every value.
// Not thread-safe.
class ColumnProfile {
 public:
  void Add(std::string_view value, uint64_t line, ValueForm form = ValueForm::kText);
  void AddNull() { ++nulls_; }

  uint64_t values() const { return values_; }
  uint64_t nulls() const { return nulls_; }
  bool Fits(Reading reading) const { return (readings_ & Bit(reading)) != 0; }
  // REQUIRES: !Fits(reading).
  const Misfit& FirstMisfit(Reading reading) const {
    return misfits_[static_cast<size_t>(reading)];
  }

  // The most precise type that every value fits.
  ColumnReading Infer() const;
  // How to read the values as `type`. kInvalidArgument names the first line and value that do not
  // fit. For types that inference never chooses the cast itself has the last word.
  Result<ColumnReading> ReadAs(std::string_view type) const;

  // Values spread evenly over the column, for what looks at content.
  const std::vector<std::string>& sample() const { return sample_; }

 private:
  static constexpr uint32_t Bit(Reading reading) { return 1U << static_cast<uint32_t>(reading); }
  static uint32_t AllowedBy(ValueForm form);

  uint32_t FittingNumber(std::string_view value, uint64_t line, ValueForm form);
  uint32_t FittingDate(std::string_view value);
  void Drop(uint32_t readings, std::string_view value, uint64_t line);
  void Sample(std::string_view value);
  Result<ColumnReading> ReadAsDate() const;
  Result<ColumnReading> ReadAsDecimal(std::string_view type) const;

  uint32_t readings_ = (1U << kReadings) - 1;
  uint64_t values_ = 0;  // Neither NULL nor only spaces.
  uint64_t nulls_ = 0;
  bool padded_ = false;
  int fixed_scale_ = 0;         // 0: no number yet.
  char date_separator_ = '\0';  // '\0': no date yet.
  int max_integer_digits_ = 0;
  int max_scale_ = 0;
  uint64_t max_integer_digits_line_ = 0;
  uint64_t max_scale_line_ = 0;
  uint64_t exponent_line_ = 0;  // 0: none.
  std::array<Misfit, kReadings> misfits_;
  std::vector<std::string> sample_;
  uint64_t sample_stride_ = 1;
  uint64_t sample_next_ = 0;
};

// True for the types whose every value a profile can vouch for; other casts may still fail.
bool IsInferredType(std::string_view type);

// The SQL of text `expression` with spaces trimmed and empty text as NULL where `reading` says so.
std::string TrimmedSql(std::string_view expression, const ColumnReading& reading);
// The SQL that reads text `expression` that way.
std::string ReadingSql(std::string_view expression, const ColumnReading& reading);

}  // namespace lakehouse::ingest
