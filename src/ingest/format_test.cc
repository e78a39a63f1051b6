#include "ingest/format.h"

#include <gtest/gtest.h>

#include "ingest/dataset_name.h"
#include "ingest/text_staging.h"

namespace lakehouse::ingest {
namespace {

using namespace std::string_literals;

std::string FormatOf(std::string_view text, std::string_view file_name = "data") {
  const auto format = DetectTextFormat(text, file_name);
  return format.ok() ? std::string(FormatName(format->format)) : format.status().message();
}

TEST(FormatTest, ContentDecides) {
  EXPECT_EQ(FormatOf("id,name\n1,a\n", "notes.txt"), "csv");
  EXPECT_EQ(FormatOf("id\tname\n1\ta\n", "x.csv"), "tsv");
  EXPECT_EQ(FormatOf("[{\"a\":1}]", "x.csv"), "json");
  EXPECT_EQ(FormatOf("{\"a\":1}\n{\"a\":2}\n", "x.json"), "ndjson");
  EXPECT_EQ(FormatOf("{\"a\":1}\n\n"), "json");
  EXPECT_EQ(FormatOf("{\n \"a\": 1\n}\n"), "json");
  EXPECT_EQ(FormatOf("{\"a\":1\n{\"a\":2}\n"), "json");
  EXPECT_EQ(FormatOf("[\"a\", \"b\"]"), "json");
  EXPECT_EQ(FormatOf("[1] Smith, J.: On things\n[2] Doe\n"), "text");
  EXPECT_EQ(FormatOf("[link](http://x)\n"), "text");
  EXPECT_EQ(FormatOf("{name} is here\n"), "text");
  EXPECT_EQ(FormatOf("Plain words.\nMore of them.\n"), "text");
  EXPECT_EQ(FormatOf("# Title\n\n- one\n- two\n"), "markdown");
  EXPECT_EQ(FormatOf("# Title\n\n| a | b |\n|---|---|\n| 1 | 2 |\n", "x.csvish"), "markdown");
}

TEST(FormatTest, TheNameBreaksTies) {
  EXPECT_EQ(FormatOf("name\nBob\nAnn\n", "x.csv"), "csv");
  EXPECT_EQ(FormatOf("name\nBob\nAnn\n", "x.txt"), "text");
  EXPECT_EQ(FormatOf("Just words.\n", "x.md"), "markdown");
  EXPECT_EQ(FormatOf("# Title\n\n- one\n", "x.txt"), "text");
  EXPECT_EQ(FormatOf("Hello, world\nThis is, a test\n", "x.txt"), "text");
}

TEST(FormatTest, RefusesMarkupByName) {
  EXPECT_NE(FormatOf("  <!doctype HTML>\n").find("an HTML page"), std::string::npos);
  EXPECT_NE(FormatOf("<html lang=en>").find("an HTML page"), std::string::npos);
  EXPECT_NE(FormatOf("<?xml version='1.0'?>").find("an XML document"), std::string::npos);
  EXPECT_NE(FormatOf("{\\rtf1\\ansi").find("an RTF document"), std::string::npos);
  EXPECT_EQ(FormatOf(" \n\t\n"), "the file is empty");
}

TEST(FormatTest, NamesWhatItCannotTake) {
  EXPECT_TRUE(*IsParquet("PAR1....PAR1"));
  EXPECT_TRUE(*IsParquet("PAR1\x15\x04 cut off"));
  EXPECT_FALSE(*IsParquet("PAR1,PAR2\n3,4\n"));
  EXPECT_FALSE(*IsParquet("id,name\n1,PAR1"));
  EXPECT_FALSE(*IsParquet("id,name\n"));
  EXPECT_FALSE(*IsParquet(""));
  struct Case {
    std::string bytes;
    std::string name;
  };
  const Case cases[] = {
      {"PK\x03\x04....word/document.xml", "docx"},
      {"PK\x03\x04....mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "ods"},
      {"PK\x03\x04....", "ZIP archive"},
      {"SQLite format 3\0"s, "SQLite"},
      {"12345678DUCK", "DuckDB"},
      {std::string(257, 'x') + "ustar", "tar archive"},
      {"\x28\xB5\x2F\xFD....", "zstd"},
      {"PARE....", "encrypted Parquet"},
  };
  for (const Case& test : cases) {
    const auto answer = IsParquet(test.bytes);
    ASSERT_FALSE(answer.ok()) << test.name;
    EXPECT_EQ(answer.status().code(), StatusCode::kInvalidArgument);
    EXPECT_NE(answer.status().message().find(test.name), std::string::npos)
        << answer.status().message();
    EXPECT_NE(answer.status().message().find("supported are CSV"), std::string::npos);
  }
}

TEST(TextStagingTest, FindsTitles) {
  EXPECT_EQ(TitleOf("\n\n First line \nsecond", FileFormat::kText), "First line");
  EXPECT_EQ(TitleOf("intro\n\n## The Title\n", FileFormat::kMarkdown), "The Title");
  EXPECT_EQ(TitleOf("---\ntitle: \"From Matter\"\ntags: x\n---\n# Other\n", FileFormat::kMarkdown),
            "From Matter");
  EXPECT_EQ(TitleOf("---\ntags: x\n---\n# Other\n", FileFormat::kMarkdown), "Other");
  EXPECT_EQ(TitleOf("#hashtag only\n", FileFormat::kMarkdown), "#hashtag only");
  EXPECT_EQ(TitleOf(std::string(199, 'a') + "é", FileFormat::kText), std::string(199, 'a'));
  EXPECT_EQ(TitleOf("", FileFormat::kText), "");
}

TEST(DatasetNameTest, FollowsTheIdGrammar) {
  struct Case {
    std::string file_name;
    std::string name;  // "": none.
  };
  const Case cases[] = {
      {"people.csv", "people"},
      {"/home/x/People List.CSV", "people_list"},
      {"C:\\x\\Q3 (final).xlsx", "q3_final"},
      {"../../etc/passwd", "passwd"},
      {"2024-01-31_calls.ndjson", "2024-01-31_calls"},
      {"a.tar.gz", "a_tar"},
      {".hidden", "hidden"},
      {"Über.csv", "ber"},
      {"日本.csv", ""},
      {"-", ""},
      {"", ""},
      {std::string(100, 'x') + ".csv", std::string(63, 'x')},
  };
  for (const Case& test : cases) {
    const auto name = DatasetNameFor(test.file_name);
    EXPECT_EQ(name.ok() ? name->str() : "", test.name) << test.file_name;
  }
}

}  // namespace
}  // namespace lakehouse::ingest
