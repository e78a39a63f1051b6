// Single values as JSON text, without a heap allocation of their own.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace lakehouse::sql {

template <typename T>
void AppendInteger(std::string& out, T value) {
  char buffer[24];
  out.append(buffer, std::to_chars(buffer, buffer + sizeof(buffer), value).ptr);
}

// Appends at least `width` digits. REQUIRES: value >= 0.
void AppendDigits(std::string& out, int64_t value, int width);

// The shortest text that reads back as the same number, always with a point or an exponent;
// "NaN", "Infinity" and "-Infinity" as strings.
void AppendFloat(std::string& out, float value);
void AppendFloat(std::string& out, double value);

// Appends digits with a decimal point before the last `scale` of them. `digits` may start with '-'.
void AppendScaled(std::string& out, std::string_view digits, int scale);

// Appends `text` with quotes and escapes. REQUIRES: valid UTF-8, as every VARCHAR of DuckDB is.
void AppendText(std::string& out, std::string_view text);

// Appends bytes as base64 (RFC 4648, padded) with quotes.
void AppendBase64(std::string& out, std::string_view bytes);

// ISO 8601 without quotes. Years outside 0000 to 9999 have a sign and six digits or more.
void AppendDate(std::string& out, int32_t days);
// The fraction has 0, 3, 6 or 9 digits.
void AppendTimeOfDay(std::string& out, int64_t nanos);
// "+01:00"; "Z" for none.
void AppendOffset(std::string& out, int32_t seconds);
// "P1Y2M3DT4H5M6.5S"; "PT0S" when empty.
void AppendInterval(std::string& out, int32_t months, int32_t days, int64_t micros);

}  // namespace lakehouse::sql
