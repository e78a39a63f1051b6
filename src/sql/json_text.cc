#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/strings.h"
#include "duckdb.hpp"
#include "sql/json_text.internal.h"

namespace lakehouse::sql {

namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;
constexpr uint64_t kOnes = 0x0101010101010101;
constexpr uint64_t kHighs = 0x8080808080808080;

// Sets the high bit of every byte below 0x20. Bytes above 0x7F never count.
uint64_t BytesBelowSpace(uint64_t word) { return (word - kOnes * 0x20) & ~word & kHighs; }
uint64_t BytesEqual(uint64_t word, char c) {
  const uint64_t difference = word ^ (kOnes * static_cast<uint8_t>(c));
  return (difference - kOnes) & ~difference & kHighs;
}

bool NeedsEscape(char c) { return static_cast<uint8_t>(c) < 0x20 || c == '"' || c == '\\'; }

// The length of the longest prefix without a byte that JSON escapes.
size_t PlainPrefix(std::string_view text) {
  size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    uint64_t word = 0;
    std::memcpy(&word, text.data() + at, 8);
    if ((BytesBelowSpace(word) | BytesEqual(word, '"') | BytesEqual(word, '\\')) != 0) break;
  }
  while (at < text.size() && !NeedsEscape(text[at])) ++at;
  return at;
}

void AppendEscape(std::string& out, char c) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += "\\u00";
      out.push_back(kHex[static_cast<uint8_t>(c) >> 4]);
      out.push_back(kHex[static_cast<uint8_t>(c) & 15]);
  }
}

// Fixed notation where people write numbers that way, scientific beyond.
template <typename T>
void AppendShortest(std::string& out, T value) {
  if (std::isnan(value)) {
    out += "\"NaN\"";
    return;
  }
  if (std::isinf(value)) {
    out += value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
    return;
  }
  const T magnitude = std::abs(value);
  const bool fixed = magnitude == 0 || (magnitude >= T(1e-6) && magnitude < T(1e17));
  char buffer[64];
  const auto format = fixed ? std::chars_format::fixed : std::chars_format::scientific;
  const std::string_view text(
      buffer, static_cast<size_t>(
                  std::to_chars(buffer, buffer + sizeof(buffer), value, format).ptr - buffer));
  out += text;
  if (fixed && text.find('.') == std::string_view::npos) out += ".0";
}

}  // namespace

void AppendDigits(std::string& out, int64_t value, int width) {
  char buffer[24];
  const auto size = std::to_chars(buffer, buffer + sizeof(buffer), value).ptr - buffer;
  if (size < width) out.append(static_cast<size_t>(width - size), '0');
  out.append(buffer, static_cast<size_t>(size));
}

void AppendFloat(std::string& out, float value) { AppendShortest(out, value); }
void AppendFloat(std::string& out, double value) { AppendShortest(out, value); }

void AppendScaled(std::string& out, std::string_view digits, int scale) {
  if (digits.starts_with('-')) {
    out.push_back('-');
    digits.remove_prefix(1);
  }
  const auto fraction = static_cast<size_t>(scale);
  const size_t whole = digits.size() > fraction ? digits.size() - fraction : 0;
  if (whole == 0) {
    out.push_back('0');
  } else {
    out.append(digits.substr(0, whole));
  }
  if (fraction == 0) return;
  out.push_back('.');
  if (digits.size() < fraction) out.append(fraction - digits.size(), '0');
  out.append(digits.substr(whole));
}

void AppendText(std::string& out, std::string_view text) {
  out.push_back('"');
  while (true) {
    const size_t plain = PlainPrefix(text);
    out.append(text.data(), plain);
    if (plain == text.size()) break;
    AppendEscape(out, text[plain]);
    text.remove_prefix(plain + 1);
  }
  out.push_back('"');
}

void AppendBase64(std::string& out, std::string_view bytes) {
  static constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  out.push_back('"');
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t left = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) {
      group = group << 8 | (j < left ? static_cast<uint8_t>(bytes[i + j]) : 0);
    }
    for (size_t j = 0; j < 4; ++j) {
      out.push_back(j <= left ? kAlphabet[group >> (18 - 6 * j) & 63] : '=');
    }
  }
  out.push_back('"');
}

void AppendDate(std::string& out, int32_t days) {
  int32_t year = 0;
  int32_t month = 0;
  int32_t day = 0;
  duckdb::Date::Convert(duckdb::date_t(days), year, month, day);
  const bool expanded = year < 0 || year > 9999;
  if (expanded) out.push_back(year < 0 ? '-' : '+');
  AppendDigits(out, std::abs(static_cast<int64_t>(year)), expanded ? 6 : 4);
  out.push_back('-');
  AppendDigits(out, month, 2);
  out.push_back('-');
  AppendDigits(out, day, 2);
}

void AppendTimeOfDay(std::string& out, int64_t nanos) {
  const int64_t seconds = nanos / kNanosPerSecond;
  AppendDigits(out, seconds / 3600, 2);
  out.push_back(':');
  AppendDigits(out, seconds / 60 % 60, 2);
  out.push_back(':');
  AppendDigits(out, seconds % 60, 2);
  const int64_t fraction = nanos % kNanosPerSecond;
  if (fraction == 0) return;
  out.push_back('.');
  if (fraction % 1'000'000 == 0) {
    AppendDigits(out, fraction / 1'000'000, 3);
  } else if (fraction % 1'000 == 0) {
    AppendDigits(out, fraction / 1'000, 6);
  } else {
    AppendDigits(out, fraction, 9);
  }
}

void AppendOffset(std::string& out, int32_t seconds) {
  if (seconds == 0) {
    out.push_back('Z');
    return;
  }
  out.push_back(seconds < 0 ? '-' : '+');
  const int32_t magnitude = std::abs(seconds);
  AppendDigits(out, magnitude / 3600, 2);
  out.push_back(':');
  AppendDigits(out, magnitude / 60 % 60, 2);
  if (magnitude % 60 == 0) return;
  out.push_back(':');
  AppendDigits(out, magnitude % 60, 2);
}

void AppendInterval(std::string& out, int32_t months, int32_t days, int64_t micros) {
  const size_t start = out.size();
  const auto part = [&out](int64_t value, char unit) {
    if (value == 0) return;
    AppendInteger(out, value);
    out.push_back(unit);
  };
  out.push_back('P');
  part(months / 12, 'Y');
  part(months % 12, 'M');
  part(days, 'D');
  const size_t date_end = out.size();
  out.push_back('T');
  part(micros / 3'600'000'000, 'H');
  part(micros / 60'000'000 % 60, 'M');
  const int64_t rest = micros % 60'000'000;
  if (rest % 1'000'000 == 0) {
    part(rest / 1'000'000, 'S');
  } else {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof(digits), rest).ptr;
    AppendScaled(out, {digits, static_cast<size_t>(end - digits)}, 6);
    out.erase(out.find_last_not_of('0') + 1);
    out.push_back('S');
  }
  if (out.size() == date_end + 1) out.pop_back();
  if (out.size() == start + 1) out += "T0S";
}

}  // namespace lakehouse::sql
