#include "ai/remote/text_measure.h"

#include <fstream>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "reference/reference.h"
#include "support/temp_dir.h"
#include "support/test_seed.h"

namespace lakehouse::ai {
namespace {

TextMeasure Estimating() { return *TextMeasure::Open(""); }

// Counts with a tokenizer that knows few words: every other one is [UNK], one token.
TextMeasure Exact(const testing::TempDir& dir) {
  std::ofstream(dir.Join("vocab.txt")) << "[PAD]\n[UNK]\n[CLS]\n[SEP]\nword\n##s\ncaf\n##e\n";
  std::ofstream(dir.Join("tokenizer_config.json"))
      << R"({"do_lower_case": true, "tokenizer_class": "BertTokenizer"})";
  Result<TextMeasure> measure = TextMeasure::Open(dir.path());
  EXPECT_TRUE(measure.ok()) << measure.status().ToString();
  return *std::move(measure);
}

TEST(TextMeasureTest, EstimatesByTheRuleThatIsWritten) {
  EXPECT_EQ(EstimateTokens(""), 2U);
  EXPECT_EQ(EstimateTokens("a"), 3U);
  EXPECT_EQ(EstimateTokens("the cat"), 4U);
  EXPECT_EQ(EstimateTokens("information"), 2U + 4);  // 11 letters.
  EXPECT_EQ(EstimateTokens("a  b\n\nc"), 2U + 5);    // Two runs of blanks.
  EXPECT_EQ(EstimateTokens("2026"), 2U + 4);
  EXPECT_EQ(EstimateTokens("a.b"), 2U + 3);
  EXPECT_EQ(EstimateTokens("\u00e9\u0416"), 2U + 2);
  EXPECT_EQ(EstimateTokens("\u4e2d\u6587"), 2U + 4);
  EXPECT_EQ(EstimateTokens("\ud55c\uad6d"), 2U + 6);
  EXPECT_EQ(EstimateTokens("\U0001F600"), 2U + 4);
  EXPECT_EQ(EstimateTokens("\xFF\xFE"), 2U + 2);
}

TEST(TextMeasureTest, EstimatesOnTheSafeSideOfWordPiece) {
  const std::vector<std::string> texts = testing::ReferenceTexts();
  const auto ids = testing::ReferenceTokenIds();
  ASSERT_EQ(texts.size(), ids.size());
  constexpr size_t kReferenceLimit = 256;  // Longer texts are cut there in the reference.
  size_t compared = 0;
  size_t below = 0;
  double estimated = 0;
  double exact = 0;
  for (size_t i = 0; i < texts.size(); ++i) {
    if (ids[i].size() == kReferenceLimit) continue;
    ++compared;
    const size_t estimate = EstimateTokens(texts[i]);
    below += estimate < ids[i].size();
    estimated += static_cast<double>(estimate);
    exact += static_cast<double>(ids[i].size());
  }
  ASSERT_GT(compared, 900U);
  // Long words that are none, as "qqqq", are what it may underestimate.
  EXPECT_LE(below, 5U);
  EXPECT_GT(estimated, exact);
  EXPECT_LT(estimated, 2.5 * exact) << "nothing is left of what fits";
}

TEST(TextMeasureTest, ReportsADirectoryWithoutATokenizer) {
  const testing::TempDir dir;
  EXPECT_EQ(TextMeasure::Open(dir.path()).status().code(), StatusCode::kInvalidArgument);
}

TEST(TextMeasureTest, CountsExactlyWithATokenizer) {
  const testing::TempDir dir;
  const TextMeasure measure = Exact(dir);
  EXPECT_TRUE(measure.is_exact());
  EXPECT_EQ(measure.Count("words word"), 5U);
  EXPECT_EQ(measure.Cut("words word words", 5), "words word ");
  EXPECT_EQ(measure.Cut("words word", 4), "words ");
}

// Whatever the text: the front fits, ends with a character, and no longer one would fit.
void CheckCut(const TextMeasure& measure, const std::string& text, size_t max_tokens) {
  const std::string_view cut = measure.Cut(text, max_tokens);
  ASSERT_TRUE(text.starts_with(cut));
  ASSERT_TRUE(IsValidUtf8(cut));
  ASSERT_LE(measure.Count(cut), max_tokens) << text;
  if (cut.size() == text.size()) return;
  const size_t next = cut.size() + Utf8SequenceLength(std::string_view(text).substr(cut.size()));
  EXPECT_GT(measure.Count(std::string_view(text).substr(0, next)), max_tokens) << text;
}

TEST(TextMeasureTest, CutsAtTheLastCharacterThatFits) {
  const testing::TempDir dir;
  const TextMeasure exact = Exact(dir);
  const TextMeasure estimating = Estimating();
  constexpr std::string_view kPieces[] = {"word",   "words",      "caf\u00e9",   "x",  " ",
                                          "\n",     "  ",         ".",           "12", "\u4e2d",
                                          "\ud55c", "\U0001F600", "abcdefghijkl"};
  Rng rng(testing::TestSeed());
  for (int round = 0; round < 300; ++round) {
    std::string text;
    const uint64_t pieces = rng.Below(200);
    for (uint64_t i = 0; i < pieces; ++i) text += kPieces[rng.Below(std::size(kPieces))];
    const size_t max_tokens = 2 + rng.Below(100);
    CheckCut(estimating, text, max_tokens);
    CheckCut(exact, text, max_tokens);
  }
}

TEST(TextMeasureTest, CutsLongTextsOfAnyKindWithoutReadingThemWhole) {
  const testing::TempDir dir;
  const TextMeasure exact = Exact(dir);
  for (const std::string& piece : {std::string("word "), std::string("x"), std::string("\u4e2d")}) {
    std::string text;
    while (text.size() < 2'000'000) text += piece;
    CheckCut(exact, text, 256);
    CheckCut(Estimating(), text, 256);
  }
}

TEST(TextMeasureTest, CleansWhatServersCannotTake) {
  EXPECT_EQ(CleanText("caf\u00e9", 100), "caf\u00e9");
  EXPECT_EQ(CleanText(std::string("a\0b", 3), 100), "a\uFFFDb");
  EXPECT_EQ(CleanText("a\xFF\xED\xA0\x80z", 100), "a\uFFFD\uFFFD\uFFFD\uFFFDz");
  EXPECT_EQ(CleanText("caf\u00e9", 4), "caf");
  EXPECT_EQ(CleanText("\xFF", 2), "");
  EXPECT_EQ(CleanText("", 0), "");
}

TEST(TextMeasureTest, FindsTheEndOfTheLastWholeCharacter) {
  EXPECT_EQ(CodePointBoundary("a\u4e2db", 0), 0U);
  for (const size_t bytes : {1, 2, 3}) EXPECT_EQ(CodePointBoundary("a\u4e2db", bytes), 1U);
  EXPECT_EQ(CodePointBoundary("a\u4e2db", 4), 4U);
  EXPECT_EQ(CodePointBoundary("a\u4e2db", 99), 5U);
}

}  // namespace
}  // namespace lakehouse::ai
