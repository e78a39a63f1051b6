#include "ingest/csv_reader.h"

#include <optional>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "base/strings.h"

namespace lakehouse::ingest {
namespace {

using Row = std::vector<std::string>;

std::vector<Row> ReadAllRows(std::string_view text, const CsvDialect& dialect = {}) {
  std::vector<Row> rows;
  CsvReader reader(text, dialect, 1 << 20);
  while (reader.Next()) {
    EXPECT_EQ(reader.problem(), CsvProblem::kNone) << text;
    Row row;
    for (const CsvField& field : reader.fields()) row.emplace_back(field.text);
    rows.push_back(std::move(row));
  }
  return rows;
}

bool IsStrict(std::string_view text, const CsvDialect& dialect = {}) {
  CsvReader reader(text, dialect, 1 << 20);
  while (reader.Next()) {
  }
  return reader.strict();
}

TEST(CsvReaderTest, ReadsWhatRfc4180Says) {
  struct Case {
    std::string text;
    std::vector<Row> rows;
    bool strict;
  };
  const Case cases[] = {
      {"", {}, true},
      {"a,b\n1,2\n", {{"a", "b"}, {"1", "2"}}, true},
      {"a,b\r\n1,2\r\n", {{"a", "b"}, {"1", "2"}}, true},
      {"a,b\n1,2", {{"a", "b"}, {"1", "2"}}, true},
      {"a,\n,b\n", {{"a", ""}, {"", "b"}}, true},
      {"\"a,b\",\"c\"\"d\"\n", {{"a,b", "c\"d"}}, true},
      {"\"\"\"\",\"\"\n", {{"\"", ""}}, true},
      {"\"two\nlines\",x\n", {{"two\nlines", "x"}}, true},
      {"a,b\n1,2\r\n", {{"a", "b"}, {"1", "2"}}, false},
      {"\n\na,b\n\n", {{"a", "b"}}, false},
      {"5\" pipe,x\n", {{"5\" pipe", "x"}}, false},
      {"a, \"b, c\"\n", {{"a", "b, c"}}, false},
      {"a, b\n", {{"a", " b"}}, true},
      {"\"a\" ,b\n", {{"a", "b"}}, false},
      {"a, \"b\" c\n", {{"a", " \"b\" c"}}, false},
      {"a\rb,c\n", {{"a\rb", "c"}}, false},
  };
  for (const Case& test : cases) {
    EXPECT_EQ(ReadAllRows(test.text), test.rows) << QuoteForMessage(test.text);
    EXPECT_EQ(IsStrict(test.text), test.strict) << QuoteForMessage(test.text);
  }
}

TEST(CsvReaderTest, ReadsOtherDialects) {
  EXPECT_EQ(ReadAllRows("a;b\n1,5;2\n", {.delimiter = ';'}),
            (std::vector<Row>{{"a", "b"}, {"1,5", "2"}}));
  EXPECT_EQ(ReadAllRows("'a,''b',c\n", {.quote = '\''}), (std::vector<Row>{{"a,'b", "c"}}));
  EXPECT_EQ(ReadAllRows("\"say \\\"hi\\\" \\n \\\\\",c\n", {.backslash_escapes = true}),
            (std::vector<Row>{{"say \"hi\" \\n \\", "c"}}));
  EXPECT_EQ(ReadAllRows("a,b\r1,2\r", {.cr_ends_lines = true}),
            (std::vector<Row>{{"a", "b"}, {"1", "2"}}));
}

struct Seen {
  CsvProblem problem;
  uint64_t line;
  std::string raw;
  bool operator==(const Seen&) const = default;
};

std::vector<Seen> Scan(std::string_view text, size_t max_record_bytes = 1 << 20) {
  std::vector<Seen> seen;
  CsvReader reader(text, {}, max_record_bytes);
  while (reader.Next())
    seen.push_back({reader.problem(), reader.line(), std::string(reader.raw())});
  return seen;
}

TEST(CsvReaderTest, AStrayQuoteCostsOneLine) {
  EXPECT_EQ(Scan("1,a\n2,\"b\n3,c\n4,d\n"),
            (std::vector<Seen>{{CsvProblem::kNone, 1, "1,a"},
                               {CsvProblem::kUnclosedQuote, 2, "2,\"b"},
                               {CsvProblem::kNone, 3, "3,c"},
                               {CsvProblem::kNone, 4, "4,d"}}));
  EXPECT_EQ(Scan("\"a\"b,1\n2,c\n"),
            (std::vector<Seen>{{CsvProblem::kTextAfterQuote, 1, "\"a\"b,1"},
                               {CsvProblem::kNone, 2, "2,c"}}));
}

TEST(CsvReaderTest, LinesCountThroughQuotedLineEnds) {
  EXPECT_EQ(Scan("\"a\nb\",1\r\n\n\"c\r\nd\",2\ne,3"),
            (std::vector<Seen>{{CsvProblem::kNone, 1, "\"a\nb\",1"},
                               {CsvProblem::kNone, 4, "\"c\r\nd\",2"},
                               {CsvProblem::kNone, 6, "e,3"}}));
}

TEST(CsvReaderTest, TooLongRecordsAreCutAtTheirFirstLine) {
  const std::string long_field(50, 'x');
  EXPECT_EQ(Scan(long_field + ",1\na,2\n", 20),
            (std::vector<Seen>{{CsvProblem::kTooLong, 1, long_field + ",1"},
                               {CsvProblem::kNone, 2, "a,2"}}));
  EXPECT_EQ(Scan("\"" + long_field + "\n\",1\na,2\n", 20).front().problem, CsvProblem::kTooLong);
}

// The plainest parser of RFC 4180: one character at a time. Nothing when the text is not strict.
std::optional<std::vector<Row>> NaiveParse(std::string_view text) {
  std::vector<Row> rows;
  Row row;
  std::string field;
  bool in_quotes = false;
  bool was_quoted = false;
  bool row_open = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_quotes) {
      if (c != '"') {
        field += c;
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        field += c;
        ++i;
      } else {
        in_quotes = false;
      }
      continue;
    }
    if (c == '"') {
      if (was_quoted || !field.empty()) return std::nullopt;
      in_quotes = was_quoted = row_open = true;
    } else if (c == ',' || c == '\n') {
      row.push_back(field);
      field.clear();
      was_quoted = false;
      row_open = c == ',';
      if (c == '\n') {
        if (row.size() == 1 && row[0].empty() && (i == 0 || text[i - 1] == '\n'))
          return std::nullopt;
        rows.push_back(row);
        row.clear();
      }
    } else {
      if (was_quoted) return std::nullopt;
      field += c;
      row_open = true;
    }
  }
  if (in_quotes) return std::nullopt;
  if (row_open || !row.empty()) {
    row.push_back(field);
    rows.push_back(row);
  }
  return rows;
}

TEST(CsvReaderTest, AgreesWithANaiveParserOnRandomText) {
  const uint64_t seed = 20240517;
  RecordProperty("seed", std::to_string(seed));
  Rng rng(seed);
  constexpr std::string_view kAlphabet = "ab,,\"\"\n\n";
  int strict_texts = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    const uint64_t size = rng.Below(24);
    for (uint64_t i = 0; i < size; ++i) text += kAlphabet[rng.Below(kAlphabet.size())];
    const auto expected = NaiveParse(text);
    EXPECT_EQ(IsStrict(text), expected.has_value())
        << "seed " << seed << " " << QuoteForMessage(text);
    if (!expected) continue;
    ++strict_texts;
    ASSERT_EQ(ReadAllRows(text), *expected) << "seed " << seed << " " << QuoteForMessage(text);
  }
  EXPECT_GT(strict_texts, 1000);
}

TEST(CsvReaderTest, ReadsBackWhatAppendCsvFieldWrote) {
  const uint64_t seed = 7;
  Rng rng(seed);
  constexpr std::string_view kAlphabet = "xy ,;\t\"\n\r\\'";
  for (int round = 0; round < 5'000; ++round) {
    std::vector<Row> rows(1 + rng.Below(4), Row(1 + rng.Below(4)));
    std::string text;
    for (Row& row : rows) {
      row.resize(rows[0].size());
      for (size_t i = 0; i < row.size(); ++i) {
        const uint64_t size = rng.Below(6);
        for (uint64_t j = 0; j < size; ++j) row[i] += kAlphabet[rng.Below(kAlphabet.size())];
        if (i > 0) text += ';';
        AppendCsvField(text, row[i], false, ';');
      }
      text += '\n';
    }
    ASSERT_EQ(ReadAllRows(text, {.delimiter = ';'}), rows)
        << "seed " << seed << " " << QuoteForMessage(text);
    ASSERT_TRUE(IsStrict(text, {.delimiter = ';'}))
        << "seed " << seed << " " << QuoteForMessage(text);
  }
}

}  // namespace
}  // namespace lakehouse::ingest
