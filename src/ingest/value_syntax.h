// What one piece of text looks like, without reading anything into it: the words of type inference.
// All functions are pure; none accepts surrounding white space.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace lakehouse::ingest {

// A number as it is written: [-]digits[.digits][exponent].
struct NumberShape {
  bool negative = false;
  bool has_point = false;
  bool has_exponent = false;
  bool exponent_has_sign = false;
  bool canonical_integer_part = false;  // "0" or digits without a leading zero; never empty.
  int integer_digits = 0;
  int scale = 0;               // Digits after the point.
  int significant_digits = 0;  // Without leading zeros.
};

// Nothing when `text` is not a number in that form. A plus sign, "1." and a bare "." are not;
// ".5" is.
std::optional<NumberShape> ParseNumber(std::string_view text);

// True for what BIGINT prints again as it was written: no leading zero, no "-0", within 64 bits.
bool IsExactInt64(std::string_view text, const NumberShape& shape);

// True when DOUBLE keeps the value: finite, and at most 15 significant digits or printed again as
// it was written. REQUIRES: `shape` is that of `text`.
bool IsExactDouble(std::string_view text, const NumberShape& shape);

// Three numbers with one separator; which is the day is for the column to decide.
struct DateShape {
  int first = 0;
  int second = 0;
  int third = 0;
  char separator = '-';
  bool year_first = false;  // Four digits, then two times one or two.
  bool iso = false;         // yyyy-mm-dd exactly.
};

// Takes "yyyy?m?d" and "d?m?yyyy", ? being one of - / . twice. Does not check the calendar.
std::optional<DateShape> ParseDateShape(std::string_view text);

// True for a day of the proleptic Gregorian calendar in the years 1 to 9999.
bool IsCalendarDay(int year, int month, int day);

enum class TimestampForm {
  kNone,
  kLocal,  // yyyy-mm-dd[T ]hh:mm[:ss[.f]], up to six decimals.
  kZoned,  // yyyy-mm-dd[T ]hh:mm:ss[.f] and Z, ±hh, ±hhmm or ±hh:mm.
};

TimestampForm ParseTimestampForm(std::string_view text);

}  // namespace lakehouse::ingest
