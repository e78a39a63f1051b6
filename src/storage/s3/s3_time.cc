#include "storage/s3/s3_time.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>

#include "base/strings.h"

namespace lakehouse::storage {
namespace {

using std::chrono::days;
using std::chrono::sys_days;

constexpr int64_t kSecondsPerDay = 86'400;
constexpr int64_t kMicrosPerSecond = 1'000'000;
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// Digits only; -1 for anything else.
int Number(std::string_view digits) {
  int value = 0;
  if (digits.empty() || digits.front() == '-') return -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return error == std::errc() && end == digits.data() + digits.size() ? value : -1;
}

// `clock` is "hh:mm:ss".
std::optional<Timestamp> Combine(int year, int month, int day, std::string_view clock) {
  if (clock.size() != 8 || clock[2] != ':' || clock[5] != ':') return std::nullopt;
  const int hour = Number(clock.substr(0, 2));
  const int minute = Number(clock.substr(3, 2));
  const int second = Number(clock.substr(6, 2));
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) {
    return std::nullopt;
  }
  if (year < 0 || month < 1 || day < 1) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day)));
  if (!date.ok()) return std::nullopt;
  const int64_t day_number = sys_days(date).time_since_epoch().count();
  const int64_t seconds = day_number * kSecondsPerDay + hour * 3600 + minute * 60 + second;
  return Timestamp{seconds * kMicrosPerSecond};
}

}  // namespace

std::string FormatAmzTime(Timestamp time) {
  const std::string text = FormatTimestamp(time);  // "2013-05-24T00:00:00.000000Z"
  std::string out;
  for (const char c : std::string_view(text).substr(0, 19)) {
    if (c != '-' && c != ':') out.push_back(c);
  }
  return out + "Z";
}

std::optional<Timestamp> ParseHttpDate(std::string_view text) {
  if (text.size() != 29 || text.substr(3, 2) != ", " || text.substr(25) != " GMT") {
    return std::nullopt;
  }
  const auto* month = std::find(kMonths.begin(), kMonths.end(), text.substr(8, 3));
  if (month == kMonths.end()) return std::nullopt;
  return Combine(Number(text.substr(12, 4)), static_cast<int>(month - kMonths.begin()) + 1,
                 Number(text.substr(5, 2)), text.substr(17, 8));
}

std::optional<Timestamp> ParseIsoTime(std::string_view text) {
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T') return std::nullopt;
  const std::string_view rest = text.substr(19);
  const bool whole = rest == "Z";
  const bool fraction =
      rest.size() > 2 && rest.front() == '.' && rest.back() == 'Z' &&
      rest.substr(1, rest.size() - 2).find_first_not_of("0123456789") == std::string_view::npos;
  if (!whole && !fraction) return std::nullopt;
  return Combine(Number(text.substr(0, 4)), Number(text.substr(5, 2)), Number(text.substr(8, 2)),
                 text.substr(11, 8));
}

}  // namespace lakehouse::storage
