#include "ai/chunker/block_scanner.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"

namespace lakehouse::ai {
namespace {

using ::testing::ElementsAre;

// Each block as its kind, the level of a heading, and its text; the header row stands before a `^`.
std::vector<std::string> BlocksOf(std::string_view text) {
  std::vector<std::string> blocks;
  BlockScanner scanner(text);
  while (const auto block = scanner.Next()) {
    const char* const kNames[] = {"heading", "prose", "rows", "whole"};
    const std::string_view header = text.substr(block->begin, block->header_end - block->begin);
    blocks.push_back(StrCat(kNames[static_cast<size_t>(block->kind)],
                            block->heading_level > 0 ? std::to_string(block->heading_level) : "",
                            ":", header, header.empty() ? "" : "^",
                            text.substr(block->header_end, block->end - block->header_end)));
  }
  return blocks;
}

TEST(BlockScannerTest, BlankLinesDivideParagraphs) {
  EXPECT_THAT(BlocksOf("One.\nStill one.\n\n \t\r\nTwo."),
              ElementsAre("prose:One.\nStill one.\n", "prose:Two."));
  EXPECT_THAT(BlocksOf(""), ElementsAre());
  EXPECT_THAT(BlocksOf("\n\r\n\r \n"), ElementsAre());
}

TEST(BlockScannerTest, HeadingsOfMarkdown) {
  EXPECT_THAT(BlocksOf("Text\n# One\n## Two ##\n#\n####### seven\n#tag\n    # code"),
              ElementsAre("prose:Text\n", "heading1:# One\n", "heading2:## Two ##\n",
                          "heading1:#\n", "prose:####### seven\n#tag\n    # code"));
}

TEST(BlockScannerTest, UnderlinedLinesAreHeadings) {
  EXPECT_THAT(BlocksOf("Title\n=====\nText\n\nPart\n---\n\nTwo\nlines\n---\n\n---\n"),
              ElementsAre("heading1:Title\n=====\n", "prose:Text\n", "heading2:Part\n---\n",
                          "prose:Two\nlines\n---\n", "prose:---\n"));
}

TEST(BlockScannerTest, HeadingsOfHtml) {
  EXPECT_THAT(BlocksOf("<h2 class=\"x\">A</h2>\n<H3>B</H3>\n<h7>C</h7>\n\n<header>D</header>"),
              ElementsAre("heading2:<h2 class=\"x\">A</h2>\n", "heading3:<H3>B</H3>\n",
                          "prose:<h7>C</h7>\n", "prose:<header>D</header>"));
}

TEST(BlockScannerTest, FencesEndWhereTheyAreClosed) {
  EXPECT_THAT(
      BlocksOf("Say:\n```py\n# no heading\n\n~~~\n```` \nAfter"),
      ElementsAre("prose:Say:\n", "whole:```py\n# no heading\n\n~~~\n```` \n", "prose:After"));
  EXPECT_THAT(BlocksOf("~~~~\n~~~\n```\nto the end"),
              ElementsAre("whole:~~~~\n~~~\n```\nto the end"));
  EXPECT_THAT(BlocksOf("```\n```py\n```\nx"), ElementsAre("whole:```\n```py\n```\n", "prose:x"));
}

TEST(BlockScannerTest, TablesHaveAHeaderRow) {
  EXPECT_THAT(
      BlocksOf("Costs:\n| a | b |\n|---|:-:|\n| 1 | 2 |\nEnd."),
      ElementsAre("prose:Costs:\n", "whole:| a | b |\n^|---|:-:|\n| 1 | 2 |\n", "prose:End."));
  EXPECT_THAT(BlocksOf("a|b\n-|-\n1|2"), ElementsAre("whole:a|b\n^-|-\n1|2"));
}

TEST(BlockScannerTest, ItemsOfListsStandAlone) {
  EXPECT_THAT(BlocksOf("- one\n  more\n* two\n10) three\n  - four\n-five\n1.5 six"),
              ElementsAre("prose:- one\n  more\n", "prose:* two\n", "prose:10) three\n",
                          "prose:  - four\n-five\n1.5 six"));
}

TEST(BlockScannerTest, HtmlBlocksAreDivided) {
  EXPECT_THAT(BlocksOf("<div>\n<p>One.\n<p>Two <b>x</b>.\n</div>\n<b>bold</b>"),
              ElementsAre("prose:<div>\n", "prose:<p>One.\n", "prose:<p>Two <b>x</b>.\n",
                          "prose:</div>\n<b>bold</b>"));
  EXPECT_THAT(BlocksOf("<pre>\na\n\n# b\n</PRE>\nc"),
              ElementsAre("whole:<pre>\na\n\n# b\n</PRE>\n", "prose:c"));
  EXPECT_THAT(
      BlocksOf("<table>\n<tr>\n</table>\n<table>\n<tr>\n\nText"),
      ElementsAre("whole:<table>\n<tr>\n</table>\n", "whole:<table>\n<tr>\n", "prose:Text"));
}

TEST(BlockScannerTest, RowsOfCsvHaveAHeaderWhenItHoldsNoDigits) {
  EXPECT_THAT(BlocksOf("name,city,age\nAda,Rome,36\nBob,Oslo,41"),
              ElementsAre("rows:name,city,age\n^Ada,Rome,36\nBob,Oslo,41"));
  EXPECT_THAT(BlocksOf("1;2;3\n4;5;6\n7;8;9"), ElementsAre("rows:1;2;3\n4;5;6\n7;8;9"));
  EXPECT_THAT(BlocksOf("Red, green, blue\nor just one."),
              ElementsAre("prose:Red, green, blue\nor just one."));
}

TEST(BlockScannerTest, LinesOfLogsAreRows) {
  EXPECT_THAT(BlocksOf("2026-11-23T10:00:01Z up\n2026-11-23T10:00:02Z down\n"
                       "2026-11-23T10:00:03Z up"),
              ElementsAre(::testing::StartsWith("rows:2026")));
}

TEST(BlockScannerTest, LinesOfCodeAreRows) {
  EXPECT_THAT(BlocksOf("int Sum(int a, int b) {\n  return a + b;\n}"),
              ElementsAre("rows:int Sum(int a, int b) {\n  return a + b;\n}"));
  EXPECT_THAT(BlocksOf("def mean(xs):\n    total = sum(xs)\n    return total / len(xs)"),
              ElementsAre(::testing::StartsWith("rows:def")));
  EXPECT_THAT(BlocksOf("It was late;\nthe train had left\nand so had he."),
              ElementsAre(::testing::StartsWith("prose:It was")));
}

TEST(HeadingTextTest, LeavesOutMarksAndTags) {
  EXPECT_EQ(HeadingText("## Install ##\n"), "Install");
  EXPECT_EQ(HeadingText("# C#"), "C#");
  EXPECT_EQ(HeadingText("  #\t Two  words "), "Two  words");
  EXPECT_EQ(HeadingText("###"), "");
  EXPECT_EQ(HeadingText("Title\n====="), "Title");
  EXPECT_EQ(HeadingText("<h2 id=\"x\">A <b>bold</b> one</h2>"), "A bold one");
}

}  // namespace
}  // namespace lakehouse::ai
