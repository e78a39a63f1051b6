// Larger and random tables, checked against what was generated.
#include <cstdlib>

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/rng.h"
#include "base/strings.h"
#include "ingest/column_profile.h"
#include "ingest/ingest_fixture.h"

namespace lakehouse::ingest {
namespace {

class IngesterRandomTest : public IngestTest {
 protected:
  // From LAKEHOUSE_TEST_SEED, else the given one; printed with failures.
  static uint64_t Seed(uint64_t fallback) {
    const char* text = std::getenv("LAKEHOUSE_TEST_SEED");
    return text != nullptr ? std::strtoull(text, nullptr, 10) : fallback;
  }
};

TEST_F(IngesterRandomTest, TwoHundredThousandRowsKeepTheirSums) {
  constexpr int kRows = 200'000;
  std::string csv = "id,state,zip,pay,day,note\n";
  const std::string_view states[] = {"IL", "NY", "CA", "TX"};
  int64_t cents = 0;
  int64_t notes = 0;
  int64_t note_bytes = 0;
  for (int i = 0; i < kRows; ++i) {
    const int pay = i * 37 % 1'000'003;
    cents += pay;
    StrAppend(csv, i, ",", states[i % 4], ",0", 1000 + i % 9000, ",", pay / 100, ".", pay / 10 % 10,
              pay % 10, ",2024-0", 1 + i % 9, "-1", i % 10, ",");
    if (i % 3 == 0) {
      const std::string note = StrCat("line ", i, "\nsays \"hi\", twice\n");
      ++notes;
      note_bytes += static_cast<int64_t>(note.size());
      StrAppend(csv, "\"line ", i, "\nsays \"\"hi\"\", twice\n\"");
    }
    csv += '\n';
  }
  const auto answer = Ingest(csv, {.dataset = "large"});
  ASSERT_TRUE(answer.ok()) << answer.status().ToString();
  EXPECT_EQ(answer->rows_added, static_cast<uint64_t>(kRows));
  EXPECT_EQ(Schema("large"),
            "id BIGINT, state VARCHAR, zip VARCHAR, pay DECIMAL(18,2), day DATE, note VARCHAR");
  EXPECT_EQ(Rows("select count(*), sum(id)::bigint, count(distinct state), sum(pay * 100)::bigint, "
                 "count(note), sum(length(note))::bigint, min(zip), max(day)::varchar from large"),
            StrCat("[[", kRows, ",", int64_t{kRows} * (kRows - 1) / 2, ",4,", cents, ",", notes,
                   ",", note_bytes, ",\"01000\",\"2024-09-19\"]]"));
  // The file keeps the order of the rows.
  EXPECT_EQ(Rows("select count(*) from (select id, row_number() over () - 1 as r from large) where "
                 "id <> r"),
            "[[0]]");
}

TEST_F(IngesterRandomTest, RandomTextComesBackByteForByte) {
  const uint64_t seed = Seed(4242);
  Rng rng(seed);
  constexpr std::string_view kPieces[] = {"a",  "b", "é",  "😀", ",", ";", "\"", "'",  "\n", "\r\n",
                                          "\\", " ", "\t", "|", "0", "1", "-",  "\r", "#",  "NULL"};
  for (int round = 0; round < 40; ++round) {
    const size_t columns = 2 + rng.Below(3);
    const size_t rows = 1 + rng.Below(60);
    const char newline_style = rng.Below(2) == 0 ? '\n' : '\r';
    std::string csv = "id";
    for (size_t c = 0; c < columns; ++c) StrAppend(csv, ",col_", c);
    const std::string_view end = newline_style == '\n' ? "\n" : "\r\n";
    csv += end;
    std::string expected = "[";
    for (size_t r = 0; r < rows; ++r) {
      StrAppend(csv, r);
      StrAppend(expected, r == 0 ? "[" : ",[", r);
      for (size_t c = 0; c < columns; ++c) {
        csv += ',';
        if (rng.Below(8) == 0) {
          expected += ",null";
          continue;
        }
        std::string value = "t";  // Never a number, date or boolean.
        const uint64_t pieces = rng.Below(8);
        for (uint64_t i = 0; i < pieces; ++i) value += kPieces[rng.Below(std::size(kPieces))];
        csv += '"';
        for (const char ch : value) csv += ch == '"' ? std::string("\"\"") : std::string(1, ch);
        csv += '"';
        expected += ',';
        AppendJsonString(expected, value);
      }
      csv += end;
      expected += ']';
    }
    expected += ']';
    const auto answer = Ingest(csv, {.file_name = "x.csv", .mode = catalog::CommitMode::kReplace});
    ASSERT_TRUE(answer.ok()) << "seed " << seed << " round " << round << ": "
                             << answer.status().ToString();
    ASSERT_EQ(answer->rows_rejected, 0u) << "seed " << seed << " round " << round;
    ASSERT_EQ(Rows("select * from people"), expected)
        << "seed " << seed << " round " << round << "\n"
        << csv;
  }
}

// What the profile promises, DuckDB's casts keep.
TEST_F(IngesterRandomTest, InferredTypesCastAndPrintAsWritten) {
  const uint64_t seed = Seed(77);
  Rng rng(seed);
  constexpr std::string_view kAlphabet = "0123456789.-:/ TZ+eE";
  const auto session = Must(engine_->NewSession());
  int inferred = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string value;
    switch (rng.Below(6)) {
      case 0:
        value = StrCat(static_cast<int64_t>(rng.Next()));
        break;
      case 1:
        value = StrCat(static_cast<int64_t>(rng.Below(100000)) - 50000, ".", 10 + rng.Below(90));
        break;
      case 2:
        value = StrCat(rng.NextDouble() * 1e6);
        break;
      case 3:
        value = StrCat(1900 + rng.Below(200), "-0", 1 + rng.Below(9), "-", 10 + rng.Below(22));
        break;
      case 4:
        value =
            StrCat("2024-0", 1 + rng.Below(9), "-1", rng.Below(10), rng.Below(2) == 0 ? "T" : " ",
                   "1", rng.Below(10), ":3", rng.Below(10), ":0", rng.Below(10));
        if (rng.Below(2) == 0) StrAppend(value, ".", rng.Below(1000000));
        if (rng.Below(2) == 0)
          StrAppend(value, "+0", rng.Below(10), rng.Below(2) == 0 ? ":30" : "");
        break;
      default:
        for (uint64_t i = rng.Below(12); i > 0; --i)
          value += kAlphabet[rng.Below(kAlphabet.size())];
    }
    ColumnProfile profile;
    profile.Add(value, 1);
    const ColumnReading reading = profile.Infer();
    if (reading.type == "VARCHAR") continue;
    ++inferred;
    const std::string cast = ReadingSql(sql::QuoteLiteral(value), reading);
    const auto result = session->Query(StrCat("SELECT CAST(", cast, " AS VARCHAR)"));
    ASSERT_TRUE(result.ok()) << "seed " << seed << " " << value << ": "
                             << result.status().ToString();
    if (reading.type == "BIGINT" || reading.type.starts_with("DECIMAL") ||
        (reading.type == "DATE" && reading.strptime_format.empty())) {
      EXPECT_EQ(result->columns[0].texts[0], TrimWhitespace(value)) << "seed " << seed;
    }
  }
  EXPECT_GT(inferred, 1000);
}

TEST_F(IngesterRandomTest, RandomBytesNeverBreakTheServer) {
  const uint64_t seed = Seed(5);
  Rng rng(seed);
  const std::string_view starts[] = {"",         "id,name\n", "[{\"a\":", "{\"a\":1}\n", "PAR1",
                                     "\xFF\xFE", "# T\n",     "\"",       "a\tb\n"};
  for (int round = 0; round < 200; ++round) {
    std::string bytes(starts[rng.Below(std::size(starts))]);
    const uint64_t size = rng.Below(200);
    const bool printable = rng.Below(2) == 0;
    for (uint64_t i = 0; i < size; ++i) {
      bytes.push_back(printable ? "abc,\"\n{}[]:1 \t;"[rng.Below(15)]
                                : static_cast<char>(rng.Below(256)));
    }
    const auto answer = Ingest(bytes, {.file_name = "x", .mode = catalog::CommitMode::kReplace});
    if (!answer.ok()) {
      EXPECT_EQ(answer.status().code(), StatusCode::kInvalidArgument)
          << "seed " << seed << " round " << round << " " << answer.status().ToString()
          << QuoteForMessage(bytes);
    }
    EXPECT_TRUE(WorkIsEmpty());
  }
}

}  // namespace
}  // namespace lakehouse::ingest
