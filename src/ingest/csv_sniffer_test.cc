#include "ingest/csv_sniffer.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace lakehouse::ingest {
namespace {

TEST(CsvSnifferTest, FindsTheDialect) {
  struct Case {
    std::string text;
    CsvDialect dialect;
    size_t columns;
  };
  const Case cases[] = {
      {"id,name\n1,a\n2,b\n", {}, 2},
      {"id\tname\n1\ta, b\n2\tc\n", {.delimiter = '\t'}, 2},
      {"id;price\n1;2,50\n2;3,75\n", {.delimiter = ';'}, 2},
      {"id|name\n1|a\n", {.delimiter = '|'}, 2},
      {"id,note\n1,\"a;b;c\"\n2,\"d\ne\"\n", {}, 2},
      {"id,note\n1,\"say \\\"hi, you\\\"\"\n2,\"x\"\n", {.backslash_escapes = true}, 2},
      {"id,note\n1,'a, b'\n2,'c, d'\n", {.quote = '\''}, 2},
      {"id,note\n1,don't, 90's\n2,x\n3,y\n", {}, 2},
      {"a,b\r1,2\r", {.cr_ends_lines = true}, 2},
      {"name\nBob\nAlice\n", {}, 1},
  };
  for (const Case& test : cases) {
    const CsvSniff sniff = SniffCsv(test.text);
    EXPECT_EQ(sniff.dialect, test.dialect) << QuoteForMessage(test.text);
    EXPECT_EQ(sniff.columns, test.columns) << QuoteForMessage(test.text);
  }
}

TEST(CsvSnifferTest, TellsAHeaderFromData) {
  struct Case {
    std::string text;
    bool has_header;
  };
  const Case cases[] = {
      {"id,name\n1,Ann\n", true},
      {"1,Ann\n2,Bob\n", false},
      {"name,city\nAnn,Chicago\nBob,Boston\n", true},
      {"Ann,IL\nBob,NY\nCid,IL\nDan,IL\nAnn,NY\n", false},
      {"id,name,email\n", true},
      {"2024-01-01,x\n2024-01-02,y\n", false},
      {"ann@example.com,x\nbob@example.com,y\n", false},
      {"true,x\nfalse,y\n", false},
      {",value\n1,2\n", true},
      {"id,id\n1,2\n", true},
      {"CA,CA\nNY,TX\n", false},
  };
  for (const Case& test : cases) {
    EXPECT_EQ(SniffCsv(test.text).has_header, test.has_header) << QuoteForMessage(test.text);
  }
}

TEST(CsvSnifferTest, NamesColumns) {
  const auto names = [](std::string_view text) { return CsvColumnNames(text, SniffCsv(text), 4); };
  using Names = std::vector<std::string>;
  EXPECT_EQ(*names("1,a\n2,b\n"), (Names{"column_1", "column_2"}));
  EXPECT_EQ(*names(" id , name\n1,a\n"), (Names{"id", "name"}));
  EXPECT_EQ(*names(",\"\"\"; drop table\",select\n1,2,3\n"),
            (Names{"column_1", "\"; drop table", "select"}));

  const auto duplicate = names("\nid,name,Name\n1,a,b\n");
  EXPECT_EQ(duplicate.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(duplicate.status().message().find("line 2: column 2 \"name\" and column 3 \"Name\""),
            std::string::npos)
      << duplicate.status().message();
  EXPECT_NE(names("id,name\n1,a,\n2,b,\n3,c,\n")
                .status()
                .message()
                .find("the header in line 1 has this many cells: 2; most rows have: 3"),
            std::string::npos);
  EXPECT_NE(names("1,2,3,4,5\n").status().message().find("ingest.max_columns is 4"),
            std::string::npos);
}

TEST(CsvSnifferTest, ProseIsNotATable) {
  EXPECT_FALSE(SniffCsv("Hello, world\nThis is, a test\nOf some, prose\n").looks_tabular);
  EXPECT_FALSE(SniffCsv("One line, with a comma.\n").looks_tabular);
  EXPECT_FALSE(SniffCsv("no separator at all\nin here\n").looks_tabular);
  EXPECT_TRUE(SniffCsv("id,name\n1,Ann\n2,Bob\n").looks_tabular);
  EXPECT_TRUE(SniffCsv("name,city\nAnn,Chicago\nBob,Boston\n").looks_tabular);
}

}  // namespace
}  // namespace lakehouse::ingest
