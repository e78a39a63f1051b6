// How chunks follow the structure of a document. One token a word, and two special ones.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ai/chunker.h"
#include "ai/chunker/chunk_checker.h"

namespace lakehouse::ai {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::StartsWith;

size_t CountWords(std::string_view text) {
  size_t count = 2;
  bool in_word = false;
  for (const char c : text) {
    const bool is_space = c == ' ' || c == '\n' || c == '\r' || c == '\t';
    if (!is_space && !in_word) ++count;
    in_word = !is_space;
  }
  return count;
}

std::string Repeat(std::string_view piece, size_t times) {
  std::string text;
  for (size_t i = 0; i < times; ++i) text += piece;
  return text;
}

struct ChunkTexts {
  std::vector<std::string> ranges;
  std::vector<std::string> contexts;
};

ChunkTexts ChunksOf(std::string_view text, const ChunkerOptions& options) {
  const TokenCounter count = CountWords;
  const std::vector<Chunk> chunks = ChunkText(text, options, count);
  EXPECT_EQ(ChunkChecker(text, options, count).FindBroken(chunks), "");
  EXPECT_EQ(ChunkChecker(text, options, count).FindBrokenOverlap(chunks), "");
  ChunkTexts texts;
  for (const Chunk& chunk : chunks) {
    texts.ranges.emplace_back(text.substr(chunk.begin, chunk.end - chunk.begin));
    texts.contexts.push_back(chunk.context);
  }
  return texts;
}

std::string Rows(size_t count) {
  std::string rows;
  for (size_t i = 0; i < count; ++i) rows += "| row " + std::to_string(i) + " |\n";
  return rows;
}

TEST(ChunkStructureTest, HeadingsAboveAreTheContext) {
  const std::string section = Repeat("Five words make a sentence. ", 12);
  const std::string text = "# Guide\n\n## Install\n\n" + section + "\n\n## Use\n\n" + section +
                           "\n\n# Appendix\n\n" + section;
  const ChunkTexts chunks = ChunksOf(text, {.max_tokens = 52, .overlap_tokens = 0});
  ASSERT_EQ(chunks.ranges.size(), 6U);
  EXPECT_THAT(chunks.ranges[0], StartsWith("# Guide\n\n## Install\n\nFive"));
  EXPECT_EQ(chunks.contexts[0], "");
  EXPECT_EQ(chunks.contexts[1], "Guide > Install");
  EXPECT_THAT(chunks.ranges[2], StartsWith("## Use"));
  EXPECT_EQ(chunks.contexts[2], "Guide");
  EXPECT_EQ(chunks.contexts[3], "Guide > Use");
  EXPECT_THAT(chunks.ranges[4], StartsWith("# Appendix"));
  EXPECT_EQ(chunks.contexts[4], "");
  EXPECT_EQ(chunks.contexts[5], "Appendix");
}

TEST(ChunkStructureTest, ContextIsEmbeddedButNotPartOfTheRange) {
  const std::string text = "# T\n\nBody";
  EXPECT_EQ(ChunkTextForEmbedding(text, {.begin = 5, .end = 9, .context = "T"}), "T\nBody");
  EXPECT_EQ(ChunkTextForEmbedding(text, {.begin = 5, .end = 9}), "Body");
}

TEST(ChunkStructureTest, OutermostHeadingIsLeftOutFirst) {
  const std::string text = "# One two three four five six\n## Seven eight\n### Nine\n\n" +
                           Repeat("Five words make a sentence. ", 20);
  // A quarter of the limit is eight words, the signs between headings included.
  const ChunkTexts chunks = ChunksOf(text, {.max_tokens = 32, .overlap_tokens = 0});
  ASSERT_GT(chunks.contexts.size(), 2U);
  EXPECT_EQ(chunks.contexts[1], "Seven eight > Nine");
}

TEST(ChunkStructureTest, HeadingThatIsTooLongIsNoContext) {
  const std::string text = "# " + Repeat("long ", 3000) + "\n\n## Short\n\n" +
                           Repeat("Five words make a sentence. ", 20);
  const ChunkTexts chunks = ChunksOf(text, {.max_tokens = 32, .overlap_tokens = 0});
  EXPECT_EQ(chunks.contexts.back(), "Short");
}

TEST(ChunkStructureTest, ContextGivesWayToASentenceThatFitsOnlyWithoutIt) {
  const std::string sentence = "Word " + Repeat("word ", 28) + "end. ";
  const std::string text = "# Heading of words\n\n" + Repeat(sentence, 4);
  const ChunkTexts chunks = ChunksOf(text, {.max_tokens = 32, .overlap_tokens = 0});
  EXPECT_THAT(std::vector(chunks.contexts.begin() + 2, chunks.contexts.end()), Each(""));
  EXPECT_EQ(chunks.ranges.back() + " ", sentence);
}

TEST(ChunkStructureTest, FenceStaysWholeWhereItFits) {
  const std::string fence = "```\n" + Repeat("a line of code\n\n", 9) + "```";  // 38 words.
  const std::string text = Repeat("Some words before it all. ", 3) + "\n\n" + fence + "\n\n" +
                           Repeat("Some words behind it all. ", 3);
  const ChunkTexts chunks = ChunksOf(text, {.max_tokens = 42, .overlap_tokens = 0});
  ASSERT_EQ(chunks.ranges.size(), 3U);
  EXPECT_EQ(chunks.ranges[1], fence);
}

TEST(ChunkStructureTest, FenceThatDoesNotFitIsCutBetweenLines) {
  const std::string text = "```\n" + Repeat("a line of code\n", 40) + "```";
  for (const std::string& range : ChunksOf(text, {.max_tokens = 42, .overlap_tokens = 0}).ranges) {
    EXPECT_THAT(range, ::testing::AnyOf(StartsWith("```"), StartsWith("a line of code")));
  }
}

TEST(ChunkStructureTest, HeadingStaysWithTheFenceBelow) {
  const std::string text = Repeat("Some words before it all. ", 8) + "\n\n# Code here\n\n```\n" +
                           Repeat("a line of code\n", 9) + "```";  // 41 words with the heading.
  const ChunkTexts chunks = ChunksOf(text, {.max_tokens = 42, .overlap_tokens = 0});
  for (const std::string& range : chunks.ranges) {
    EXPECT_FALSE(range.ends_with("# Code here")) << range;
  }
}

TEST(ChunkStructureTest, RowsOfATableGetItsHeaderAsContext) {
  const std::string text = "# Costs\n\n| what | number |\n|---|---|\n" + Rows(30) + "\nThe end.";
  const ChunkTexts chunks = ChunksOf(text, {.max_tokens = 42, .overlap_tokens = 0});
  ASSERT_GT(chunks.ranges.size(), 3U);
  EXPECT_THAT(chunks.ranges[0], StartsWith("# Costs\n\n| what | number |"));
  EXPECT_EQ(chunks.contexts[0], "");
  for (size_t i = 1; i + 1 < chunks.ranges.size(); ++i) {
    EXPECT_THAT(chunks.ranges[i], StartsWith("| row"));
    EXPECT_EQ(chunks.contexts[i], "Costs\n| what | number |");
  }
}

TEST(ChunkStructureTest, RowsOfCsvGetTheirHeaderAsContext) {
  std::string text = "name,city,age\n";
  for (int i = 0; i < 60; ++i) text += "Ada Lovelace,Rome," + std::to_string(i) + "\n";
  const ChunkTexts chunks = ChunksOf(text, {.max_tokens = 32, .overlap_tokens = 0});
  ASSERT_GT(chunks.ranges.size(), 3U);
  for (size_t i = 1; i < chunks.ranges.size(); ++i) {
    EXPECT_THAT(chunks.ranges[i], StartsWith("Ada Lovelace"));
    EXPECT_EQ(chunks.contexts[i], "name,city,age");
  }
}

TEST(ChunkStructureTest, CodeIsCutBetweenDefinitions) {
  std::string text;
  for (int i = 0; i < 12; ++i) {
    text += "def function_" + std::to_string(i) + "(x):\n" + Repeat("    x = f(x, 1)\n", 6);
  }
  // 26 words each, so that two do not fit.
  for (const std::string& range : ChunksOf(text, {.max_tokens = 45, .overlap_tokens = 0}).ranges) {
    EXPECT_THAT(range, StartsWith("def function_"));
  }
}

TEST(ChunkStructureTest, WrappedLinesAreOneSentence) {
  const std::string sentence = "A sentence that goes on\nin a line of its own\nand one more. ";
  for (const std::string& range :
       ChunksOf(Repeat(sentence, 12), {.max_tokens = 32, .overlap_tokens = 0}).ranges) {
    EXPECT_THAT(range, StartsWith("A sentence"));
    EXPECT_TRUE(range.ends_with("one more.")) << range;
  }
}

TEST(ChunkStructureTest, ItemsOfAListAreNotCut) {
  std::string text;
  for (int i = 0; i < 20; ++i) text += "- item with eight words on\n  two lines\n";
  for (const std::string& range : ChunksOf(text, {.max_tokens = 42, .overlap_tokens = 0}).ranges) {
    EXPECT_THAT(range, StartsWith("- item"));
    EXPECT_TRUE(range.ends_with("two lines"));
  }
}

TEST(ChunkStructureTest, OverlapNeverCrossesAHeading) {
  const std::string section = Repeat("Five words make a sentence. ", 13);
  const std::string text = section + "\n\n# A\n\n" + section + "\n\n# B\n\n" + section;
  const ChunkTexts chunks = ChunksOf(text, {.max_tokens = 42, .overlap_tokens = 12});
  ASSERT_GT(chunks.ranges.size(), 5U);
  for (const std::string& range : chunks.ranges) {
    // A heading is only ever at the start of a chunk.
    EXPECT_EQ(range.find("# ", 1), std::string::npos) << range;
  }
}

TEST(ChunkStructureTest, HeadingsAloneFillChunks) {
  const ChunkTexts chunks =
      ChunksOf(Repeat("# Two words\n", 400), {.max_tokens = 62, .overlap_tokens = 10});
  EXPECT_EQ(chunks.ranges.size(), 20U);
}

}  // namespace
}  // namespace lakehouse::ai
