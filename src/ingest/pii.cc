#include "ingest/pii.h"

#include <algorithm>
#include <array>

#include <arpa/inet.h>

#include "base/strings.h"

namespace lakehouse::ingest {
namespace {

using Words = std::vector<std::string>;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsLetter(char c) { return IsUpper(c) || (c >= 'a' && c <= 'z'); }

// "homeAddress", "home_address" and "Home Address" are the same two words.
Words NameWords(std::string_view name) {
  Words words;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty()) words.push_back(ToLowerAscii(word));
    word.clear();
  };
  for (size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (!IsLetter(c) && !IsDigit(c)) {
      end_word();
      continue;
    }
    if (IsUpper(c) && i > 0 && !IsUpper(name[i - 1])) end_word();
    word.push_back(c);
  }
  end_word();
  return words;
}

bool HasWord(const Words& words, std::initializer_list<std::string_view> wanted) {
  return std::any_of(words.begin(), words.end(), [&](const std::string& word) {
    return std::find(wanted.begin(), wanted.end(), word) != wanted.end();
  });
}

// True when the words, written together, are one of `wanted`.
bool IsName(const Words& words, std::initializer_list<std::string_view> wanted) {
  const std::string joined = JoinStrings(words, "");
  return std::find(wanted.begin(), wanted.end(), joined) != wanted.end();
}

size_t CountDigits(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), IsDigit));
}

// Share of the sample that passes, 0 for an empty one.
template <typename Predicate>
double Share(const std::vector<std::string>& sample, Predicate passes) {
  if (sample.empty()) return 0;
  const auto count = std::count_if(sample.begin(), sample.end(), passes);
  return static_cast<double>(count) / static_cast<double>(sample.size());
}

bool IsTextType(const PiiColumn& column) { return column.type == "VARCHAR"; }

bool IsNumberOrText(const PiiColumn& column) {
  return IsTextType(column) || column.type == "BIGINT";
}

bool LooksLikePhone(const PiiColumn& column, const Words& words) {
  if (!IsNumberOrText(column)) return false;
  const bool named = HasWord(words, {"phone", "telephone", "tel", "mobile", "cell", "cellphone",
                                     "fax", "msisdn", "phonenumber"});
  if (named) {
    return Share(column.sample, [](const std::string& value) {
             const size_t digits = CountDigits(value);
             return digits >= 7 && digits <= 15;
           }) >= 0.5;
  }
  return IsTextType(column) && Share(column.sample, IsPhoneNumber) >= 0.6;
}

bool LooksLikeSsn(const PiiColumn& column, const Words& words) {
  if (!IsNumberOrText(column)) return false;
  const bool named =
      HasWord(words, {"ssn"}) || IsName(words, {"socialsecurity", "socialsecuritynumber"});
  if (named) {
    return Share(column.sample, [](const std::string& value) { return CountDigits(value) == 9; }) >=
           0.5;
  }
  return IsTextType(column) && Share(column.sample, IsSsn) >= 0.6;
}

bool LooksLikeBirthday(const PiiColumn& column, const Words& words) {
  const bool named = HasWord(words, {"dob", "birthday", "birthdate", "geburtsdatum"}) ||
                     IsName(words, {"dateofbirth", "birthdate", "borndate", "dateborn"});
  const bool dates = column.type == "DATE" || column.type.starts_with("TIMESTAMP");
  return named && (dates || IsTextType(column));
}

bool LooksLikePersonName(const PiiColumn& column, const Words& words) {
  if (!IsTextType(column)) return false;
  if (HasWord(words, {"firstname", "lastname", "fullname", "surname", "forename", "maidenname",
                      "middlename"})) {
    return true;
  }
  if (!HasWord(words, {"name"})) return false;
  return HasWord(
      words, {"first", "last", "full", "family", "given", "middle", "maiden", "person", "candidate",
              "employee", "contact", "patient", "applicant", "customer", "recruiter", "manager"});
}

bool LooksLikeAddress(const PiiColumn& column, const Words& words) {
  if (!IsTextType(column)) return false;
  if (HasWord(words, {"ip", "mac", "email", "mail", "web", "url", "wallet", "memory"}))
    return false;
  return HasWord(words, {"address", "street", "addr", "streetaddress", "homeaddress"});
}

std::vector<std::string> DetectColumn(const PiiColumn& column) {
  const Words words = NameWords(column.name);
  std::vector<std::string> found;
  const auto add = [&](bool looks_like, std::string_view what) {
    if (looks_like) found.emplace_back(what);
  };
  const bool text = IsTextType(column);
  add(LooksLikeAddress(column, words), "address");
  add(IsNumberOrText(column) && Share(column.sample, IsCardNumber) >= 0.8, "credit_card");
  add(LooksLikeBirthday(column, words), "date_of_birth");
  add(text && Share(column.sample, ContainsEmail) >= 0.05, "email");
  add(text && !HasWord(words, {"version"}) && Share(column.sample, IsIpAddress) >= 0.6, "ip");
  add(LooksLikePersonName(column, words), "person_name");
  const bool ssn = LooksLikeSsn(column, words);
  add(!ssn && LooksLikePhone(column, words), "phone");
  add(ssn, "ssn");
  return found;
}

}  // namespace

bool ContainsEmail(std::string_view text) {
  const auto is_local = [](char c) {
    return IsLetter(c) || IsDigit(c) || std::string_view("._%+-").find(c) != std::string_view::npos;
  };
  const auto is_host = [](char c) { return IsLetter(c) || IsDigit(c) || c == '-' || c == '.'; };
  for (size_t at = text.find('@'); at != std::string_view::npos; at = text.find('@', at + 1)) {
    if (at == 0 || !is_local(text[at - 1])) continue;
    size_t end = at + 1;
    while (end < text.size() && is_host(text[end])) ++end;
    std::string_view host = text.substr(at + 1, end - at - 1);
    while (host.ends_with('.')) host.remove_suffix(1);
    const size_t dot = host.rfind('.');
    if (dot == std::string_view::npos || dot == 0) continue;
    const std::string_view top = host.substr(dot + 1);
    if (top.size() >= 2 && std::all_of(top.begin(), top.end(), IsLetter)) return true;
  }
  return false;
}

bool IsPhoneNumber(std::string_view text) {
  const std::string_view trimmed = TrimWhitespace(text);
  if (trimmed.empty() || trimmed.size() > 24) return false;
  const size_t digits = CountDigits(trimmed);
  if (digits < 10 || digits > 15) return false;
  size_t separators = 0;
  size_t points = 0;
  for (size_t i = 0; i < trimmed.size(); ++i) {
    const char c = trimmed[i];
    if (IsDigit(c)) continue;
    if (c == '+' && i == 0) continue;
    if (std::string_view(" -()./").find(c) == std::string_view::npos) return false;
    ++separators;
    points += c == '.' ? 1 : 0;
  }
  if (trimmed.front() == '+') return true;
  // Without a plus sign, only what ends like (312) 555-0100: dates and decimals have other groups.
  const bool grouped = separators >= 2 && points != 1 && digits <= 11;
  return grouped && CountDigits(trimmed.substr(trimmed.size() - 4)) == 4 &&
         !IsDigit(trimmed[trimmed.size() - 5]);
}

bool IsSsn(std::string_view text) {
  const std::string_view trimmed = TrimWhitespace(text);
  if (trimmed.size() != 11 || trimmed[3] != '-' || trimmed[6] != '-') return false;
  if (CountDigits(trimmed) != 9) return false;
  const std::string_view area = trimmed.substr(0, 3);
  return area != "000" && area != "666" && area[0] != '9' && trimmed.substr(4, 2) != "00" &&
         trimmed.substr(7) != "0000";
}

bool IsCardNumber(std::string_view text) {
  const std::string_view trimmed = TrimWhitespace(text);
  std::string digits;
  for (const char c : trimmed) {
    if (IsDigit(c)) {
      digits.push_back(c);
    } else if (c != ' ' && c != '-') {
      return false;
    }
  }
  if (digits.size() < 13 || digits.size() > 19) return false;
  if (digits[0] < '3' || digits[0] > '6') return false;
  int sum = 0;
  for (size_t i = 0; i < digits.size(); ++i) {
    int digit = digits[digits.size() - 1 - i] - '0';
    if (i % 2 == 1) digit = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
    sum += digit;
  }
  return sum % 10 == 0;
}

bool IsIpAddress(std::string_view text) {
  const std::string address(TrimWhitespace(text));
  std::array<unsigned char, 16> parsed{};
  if (inet_pton(AF_INET, address.c_str(), parsed.data()) == 1) return true;
  return address.size() >= 3 && inet_pton(AF_INET6, address.c_str(), parsed.data()) == 1;
}

std::vector<std::vector<std::string>> DetectPii(const std::vector<PiiColumn>& columns) {
  std::vector<std::vector<std::string>> found;
  for (const PiiColumn& column : columns) found.push_back(DetectColumn(column));
  // A column called just "name" is a person's beside other signs of one.
  const bool person = std::any_of(found.begin(), found.end(), [](const auto& kinds) {
    return std::any_of(kinds.begin(), kinds.end(),
                       [](const std::string& kind) { return kind != "address" && kind != "ip"; });
  });
  for (size_t i = 0; person && i < columns.size(); ++i) {
    if (found[i].empty() && IsTextType(columns[i]) &&
        IsName(NameWords(columns[i].name), {"name"})) {
      found[i].emplace_back("person_name");
    }
  }
  return found;
}

}  // namespace lakehouse::ingest
