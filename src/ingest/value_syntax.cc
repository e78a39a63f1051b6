#include "ingest/value_syntax.h"

#include <charconv>
#include <system_error>

namespace lakehouse::ingest {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Takes up to `max_digits` digits off the front; returns how many.
int TakeDigits(std::string_view& text, int max_digits, int* value = nullptr) {
  int count = 0;
  int number = 0;
  while (count < max_digits && !text.empty() && IsDigit(text.front())) {
    number = number * 10 + (text.front() - '0');
    text.remove_prefix(1);
    ++count;
  }
  if (value != nullptr) *value = number;
  return count;
}

bool TakeChar(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

// Takes exactly two digits with a value up to `max`.
bool TakeTwoDigits(std::string_view& text, int max) {
  int value = 0;
  return TakeDigits(text, 2, &value) == 2 && value <= max;
}

bool TakeIsoDay(std::string_view& text) {
  if (text.size() < 10) return false;
  const auto day = ParseDateShape(text.substr(0, 10));
  if (!day || !day->iso || !IsCalendarDay(day->first, day->second, day->third)) return false;
  text.remove_prefix(10);
  return true;
}

// Takes Z, ±hh, ±hhmm or ±hh:mm.
bool TakeZone(std::string_view& text) {
  if (TakeChar(text, 'Z')) return true;
  if (!TakeChar(text, '+') && !TakeChar(text, '-')) return false;
  if (!TakeTwoDigits(text, 15)) return false;
  if (text.empty()) return true;
  TakeChar(text, ':');
  return TakeTwoDigits(text, 59);
}

// Counts digits without the zeros in front.
struct DigitRun {
  int count = 0;
  int significant = 0;
};

DigitRun TakeDigitRun(std::string_view& text, int significant_before) {
  DigitRun run;
  run.significant = significant_before;
  while (!text.empty() && IsDigit(text.front())) {
    if (run.significant > 0 || text.front() != '0') ++run.significant;
    ++run.count;
    text.remove_prefix(1);
  }
  return run;
}

}  // namespace

std::optional<NumberShape> ParseNumber(std::string_view text) {
  NumberShape shape;
  shape.negative = TakeChar(text, '-');
  const bool leading_zero = !text.empty() && text.front() == '0';
  const DigitRun integer = TakeDigitRun(text, 0);
  shape.integer_digits = integer.count;
  shape.significant_digits = integer.significant;
  shape.canonical_integer_part = integer.count > 0 && (!leading_zero || integer.count == 1);
  if (TakeChar(text, '.')) {
    shape.has_point = true;
    const DigitRun fraction = TakeDigitRun(text, integer.significant);
    if (fraction.count == 0) return std::nullopt;
    shape.scale = fraction.count;
    shape.significant_digits = fraction.significant;
  } else if (integer.count == 0) {
    return std::nullopt;
  }
  if (!text.empty() && (text.front() == 'e' || text.front() == 'E')) {
    text.remove_prefix(1);
    shape.has_exponent = true;
    shape.exponent_has_sign = TakeChar(text, '-') || TakeChar(text, '+');
    if (TakeDigits(text, 4) == 0) return std::nullopt;
  }
  if (!text.empty()) return std::nullopt;
  return shape;
}

bool IsExactInt64(std::string_view text, const NumberShape& shape) {
  if (shape.has_point || shape.has_exponent || !shape.canonical_integer_part) return false;
  if (shape.negative && shape.significant_digits == 0) return false;
  if (shape.integer_digits < 19) return true;
  int64_t value = 0;
  const auto end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  return result.ec == std::errc() && result.ptr == end;
}

bool IsExactDouble(std::string_view text, const NumberShape& shape) {
  // Zeros at the end of a fraction carry no value.
  int significant_digits = shape.significant_digits;
  if (shape.has_point && !shape.has_exponent) {
    for (int i = 0; i < shape.scale && text.back() == '0'; ++i) {
      text.remove_suffix(1);
      --significant_digits;
    }
    if (text.back() == '.') text.remove_suffix(1);
  }
  if (!shape.has_exponent && significant_digits <= 15 && shape.integer_digits <= 300) return true;

  double value = 0;
  const auto end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  // What underflows to zero or overflows is reported as out of range.
  if (parsed.ec != std::errc() || parsed.ptr != end) return false;
  if (significant_digits <= 15) return true;
  char buffer[400];
  const auto printed =
      std::to_chars(buffer, buffer + sizeof(buffer), value,
                    shape.has_exponent ? std::chars_format::scientific : std::chars_format::fixed);
  if (printed.ec != std::errc()) return false;
  const auto mantissa = [](std::string_view number) {
    return number.substr(0, number.find_first_of("eE"));
  };
  return mantissa(std::string_view(buffer, printed.ptr)) == mantissa(text);
}

std::optional<DateShape> ParseDateShape(std::string_view text) {
  if (text.size() < 8 || text.size() > 10) return std::nullopt;
  DateShape shape;
  const size_t whole = text.size();
  const int first_digits = TakeDigits(text, 4, &shape.first);
  if (first_digits == 0 || first_digits == 3 || text.empty()) return std::nullopt;
  shape.separator = text.front();
  if (shape.separator != '-' && shape.separator != '/' && shape.separator != '.') {
    return std::nullopt;
  }
  text.remove_prefix(1);
  const int second_digits = TakeDigits(text, 2, &shape.second);
  if (second_digits == 0 || !TakeChar(text, shape.separator)) return std::nullopt;
  shape.year_first = first_digits == 4;
  const int third_digits = TakeDigits(text, shape.year_first ? 2 : 4, &shape.third);
  if (!text.empty() || third_digits == 0) return std::nullopt;
  if (!shape.year_first && third_digits != 4) return std::nullopt;
  shape.iso = shape.year_first && shape.separator == '-' && whole == 10;
  return shape;
}

bool IsCalendarDay(int year, int month, int day) {
  if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1) return false;
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return day <= kDays[month - 1] + (month == 2 && leap ? 1 : 0);
}

TimestampForm ParseTimestampForm(std::string_view text) {
  if (!TakeIsoDay(text)) return TimestampForm::kNone;
  if (!TakeChar(text, 'T') && !TakeChar(text, ' ')) return TimestampForm::kNone;
  if (!TakeTwoDigits(text, 23) || !TakeChar(text, ':') || !TakeTwoDigits(text, 59)) {
    return TimestampForm::kNone;
  }
  if (text.empty()) return TimestampForm::kLocal;
  if (!TakeChar(text, ':') || !TakeTwoDigits(text, 59)) return TimestampForm::kNone;
  if (TakeChar(text, '.') && TakeDigits(text, 6) == 0) return TimestampForm::kNone;
  if (text.empty()) return TimestampForm::kLocal;
  return TakeZone(text) && text.empty() ? TimestampForm::kZoned : TimestampForm::kNone;
}

}  // namespace lakehouse::ingest
