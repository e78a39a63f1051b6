// Which columns look like they identify people.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lakehouse::ingest {

// One column as the detector sees it.
struct PiiColumn {
  std::string name;
  std::string type;                 // DuckDB's name.
  std::vector<std::string> sample;  // Some values that are neither NULL nor empty.
};

// Returns for each column what it looks like, sorted: "address", "credit_card", "date_of_birth",
// "email", "ip", "person_name", "phone", "ssn"; empty: nothing. Values decide where they can (an
// address with @, a card number that passes the Luhn check); names of columns decide where values
// cannot (a person's name, a birthday). Better to miss a few than to mark everything.
std::vector<std::vector<std::string>> DetectPii(const std::vector<PiiColumn>& columns);

// Single values.
bool ContainsEmail(std::string_view text);
bool IsPhoneNumber(std::string_view text);  // With a sign of being one: +, brackets, separators.
bool IsSsn(std::string_view text);          // ddd-dd-dddd with a valid area.
bool IsCardNumber(std::string_view text);   // Luhn (ISO/IEC 7812) and a known first digit.
bool IsIpAddress(std::string_view text);    // IPv4 or IPv6.

}  // namespace lakehouse::ingest
