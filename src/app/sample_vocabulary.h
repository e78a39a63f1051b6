// The words of the sample data: people, places, trades and what such people write about themselves.
#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace lakehouse::app {

struct City {
  std::string_view name;
  std::string_view state;
  std::string_view zip_prefix;  // The first three digits.
  std::string_view area_code;
};

// One line of work with what its people know and say.
struct Trade {
  std::string_view industry;
  std::vector<std::string_view> titles;
  std::vector<std::string_view> skills;
  double low_rate;  // Dollars an hour.
  double high_rate;
  std::vector<std::string_view> openings;  // First sentences of a resume.
  std::vector<std::string_view> experiences;
  std::vector<std::string_view> credentials;
};

std::span<const std::string_view> FirstNames();
std::span<const std::string_view> LastNames();
std::span<const std::string_view> Recruiters();
std::span<const std::string_view> CompanyStems();
std::span<const std::string_view> CompanyEndings();
std::span<const std::string_view> LanguageSentences();
std::span<const std::string_view> ShiftSentences();
std::span<const std::string_view> ClosingSentences();
std::span<const City> Cities();
// The first trade is the Java developer.
const std::vector<Trade>& Trades();

}  // namespace lakehouse::app
