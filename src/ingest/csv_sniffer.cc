#include "ingest/csv_sniffer.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/strings.h"
#include "ingest/column_profile.h"

namespace lakehouse::ingest {
namespace {

constexpr size_t kMaxRecordBytes = 1 << 20;
constexpr size_t kMaxNameBytes = 128;
constexpr char kDelimiters[] = {',', '\t', ';', '|'};

using Cells = std::vector<std::string>;

// The sample under one dialect.
struct Trial {
  CsvDialect dialect;
  std::vector<Cells> records;  // Readable ones.
  size_t all_records = 0;      // Also unreadable ones.
  size_t columns = 0;
  size_t agreeing = 0;
  uint64_t first_line = 1;

  double agreement() const {
    return all_records == 0 ? 0 : static_cast<double>(agreeing) / static_cast<double>(all_records);
  }
};

Trial TryDialect(std::string_view sample, const CsvDialect& dialect) {
  Trial trial;
  trial.dialect = dialect;
  CsvReader reader(sample, dialect, kMaxRecordBytes);
  std::map<size_t, size_t> widths;
  while (reader.Next()) {
    if (trial.all_records++ == 0) trial.first_line = reader.line();
    if (reader.problem() != CsvProblem::kNone) continue;
    Cells cells;
    for (const CsvField& field : reader.fields()) cells.emplace_back(field.text);
    ++widths[cells.size()];
    trial.records.push_back(std::move(cells));
  }
  for (const auto& [width, count] : widths) {
    if (count < trial.agreeing) continue;
    trial.columns = width;
    trial.agreeing = count;
  }
  return trial;
}

// Several columns that at least half of the records agree on.
bool IsTable(const Trial& trial) {
  return trial.columns >= 2 && 2 * trial.agreeing >= trial.all_records;
}

bool IsBetter(const Trial& a, const Trial& b) {
  if (IsTable(a) != IsTable(b)) return IsTable(a);
  if (!IsTable(a)) return false;
  if (a.agreement() != b.agreement()) return a.agreement() > b.agreement();
  return a.columns > b.columns;
}

Trial BestTrial(std::string_view sample) {
  const bool cr_ends_lines =
      sample.find('\n') == std::string_view::npos && sample.find('\r') != std::string_view::npos;
  CsvDialect base;
  base.cr_ends_lines = cr_ends_lines;
  std::optional<Trial> best;
  const auto consider = [&](char quote, bool backslash_escapes) {
    for (const char delimiter : kDelimiters) {
      CsvDialect dialect = base;
      dialect.delimiter = delimiter;
      dialect.quote = quote;
      dialect.backslash_escapes = backslash_escapes;
      Trial trial = TryDialect(sample, dialect);
      if (!best || IsBetter(trial, *best)) best = std::move(trial);
    }
  };
  consider('"', false);
  // The rarer ways to quote must read the sample strictly better.
  if (best->agreement() < 1 && sample.find("\\\"") != std::string_view::npos) consider('"', true);
  if (best->agreement() < 1 && sample.find('\'') != std::string_view::npos) consider('\'', false);
  return *std::move(best);
}

bool IsTyped(std::string_view cell) {
  ColumnProfile profile;
  profile.Add(cell, 1);
  return profile.values() > 0 && profile.Infer().type != "VARCHAR";
}

// Dates whose order is unknown are text to inference, yet no names.
bool IsData(std::string_view cell) {
  if (IsTyped(cell)) return true;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const std::string_view trimmed = TrimWhitespace(cell);
  return !trimmed.empty() &&
         (is_digit(trimmed.front()) || trimmed.find('@') != std::string_view::npos);
}

// A word or a few that would do as a column's name.
bool LooksLikeName(std::string_view cell) {
  const std::string_view name = TrimWhitespace(cell);
  if (name.size() > kMaxNameBytes || IsData(name)) return false;
  return name.find_first_of("\n\r") == std::string_view::npos;
}

// The same name twice is more likely data, unless it is written as only names are.
bool RepeatsData(const Cells& cells) {
  std::set<std::string_view> distinct;
  bool identifiers = true;
  bool repeats = false;
  for (const std::string& cell : cells) {
    repeats = !distinct.insert(cell).second || repeats;
    identifiers = identifiers && std::all_of(cell.begin(), cell.end(), [](char c) {
                    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
                  });
  }
  return repeats && !identifiers;
}

bool HasHeader(const Trial& trial) {
  if (trial.records.empty()) return false;
  const Cells& first = trial.records.front();
  const bool all_empty =
      std::all_of(first.begin(), first.end(), [](const std::string& cell) { return cell.empty(); });
  if (all_empty || !std::all_of(first.begin(), first.end(), LooksLikeName)) return false;

  bool seen_again = false;
  for (size_t column = 0; column < first.size(); ++column) {
    ColumnProfile below;
    for (size_t row = 1; row < trial.records.size(); ++row) {
      const Cells& cells = trial.records[row];
      if (cells.size() != trial.columns || column >= cells.size()) continue;
      below.Add(cells[column], row);
      seen_again = seen_again || (!first[column].empty() && cells[column] == first[column]);
    }
    if (below.values() > 0 && below.Infer().type != "VARCHAR") return true;
  }
  return !seen_again && !RepeatsData(first);
}

// Sentences have commas too: a table's cells are short, and its lines agree.
bool LooksTabular(const Trial& trial) {
  if (!IsTable(trial) || trial.agreement() < 0.9) return false;
  size_t typed = 0;
  size_t cells = 0;
  size_t prose = 0;
  for (const Cells& record : trial.records) {
    for (const std::string& cell : record) {
      ++cells;
      if (IsTyped(cell)) ++typed;
      // What follows a comma in a sentence begins with one space.
      if (cell.size() > 1 && cell[0] == ' ' && cell[1] != ' ') ++prose;
    }
  }
  if (typed * 10 >= cells) return true;
  if (trial.dialect.delimiter == ',' && prose * 4 >= cells) return false;
  return trial.records.size() >= 2 || trial.columns >= 3;
}

}  // namespace

CsvSniff SniffCsv(std::string_view sample) {
  const Trial trial = BestTrial(sample);
  CsvSniff sniff;
  sniff.dialect = trial.dialect;
  sniff.columns = trial.columns;
  sniff.records = trial.all_records;
  sniff.agreement = trial.agreement();
  sniff.has_header = HasHeader(trial);
  sniff.first_line = trial.first_line;
  sniff.looks_tabular = LooksTabular(trial);
  return sniff;
}

Result<std::vector<std::string>> CsvColumnNames(std::string_view text, const CsvSniff& sniff,
                                                size_t max_columns) {
  std::vector<std::string> names;
  CsvReader reader(text, sniff.dialect, kMaxRecordBytes);
  if (!reader.Next()) return InvalidArgument("the file holds no rows");
  const std::string where = StrCat("line ", reader.line());
  if (sniff.has_header) {
    for (const CsvField& field : reader.fields()) names.emplace_back(TrimWhitespace(field.text));
    if (names.size() != sniff.columns) {
      return InvalidArgument("the header in ", where, " has this many cells: ", names.size(),
                             "; most rows have: ", sniff.columns);
    }
  } else {
    names.resize(sniff.columns);
  }
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty()) names[i] = StrCat("column_", i + 1);
  }
  TRY(CheckColumnNames(names, where, max_columns));
  return names;
}

Status CheckColumnNames(const std::vector<std::string>& names, std::string_view where,
                        size_t max_columns) {
  if (names.size() > max_columns) {
    return InvalidArgument("too many columns in ", where, ": ", names.size(),
                           "; ingest.max_columns is ", max_columns);
  }
  std::map<std::string, size_t> seen;
  for (size_t i = 0; i < names.size(); ++i) {
    const auto [first, inserted] = seen.emplace(ToLowerAscii(names[i]), i);
    if (inserted) continue;
    return InvalidArgument("duplicate column name in ", where, ": column ", first->second + 1, " ",
                           QuoteForMessage(names[first->second]), " and column ", i + 1, " ",
                           QuoteForMessage(names[i]), "; SQL cannot tell them apart, rename one");
  }
  return OkStatus();
}

}  // namespace lakehouse::ingest
