#include "ai/chunker.h"

#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ai/chunker/chunk_checker.h"
#include "ai/model_file.h"
#include "ai/tokenizer/tokenizer.h"
#include "ai/unicode/character_class.h"
#include "base/rng.h"
#include "support/test_seed.h"

namespace lakehouse::ai {
namespace {

// Counts as a tokenizer with two special tokens would whose every character is a token, but white
// space.
size_t CountCharacters(std::string_view text) {
  size_t count = 2;
  for (const char32_t c : DecodeUtf8(text)) count += IsWhitespace(c) ? 0 : 1;
  return count;
}

// One token a word; special tokens as above.
size_t CountWords(std::string_view text) {
  size_t count = 2;
  bool in_word = false;
  for (const char32_t c : DecodeUtf8(text)) {
    if (!IsWhitespace(c) && !in_word) ++count;
    in_word = !IsWhitespace(c);
  }
  return count;
}

// The real thing, of which pieces do not add up to the whole.
TokenCounter ModelCounter() {
  Result<Tokenizer> loaded = Tokenizer::Load(ModelDirectory(AiConfig()));
  if (!loaded.ok()) {
    ADD_FAILURE() << "the model is missing; run tools/bootstrap: " << loaded.status().ToString();
    return CountCharacters;
  }
  const auto tokenizer = std::make_shared<const Tokenizer>(*std::move(loaded));
  return [tokenizer](std::string_view text) { return tokenizer->Count(text); };
}

std::string TextOf(std::string_view text, const Chunk& chunk) {
  return std::string(text.substr(chunk.begin, chunk.end - chunk.begin));
}

// Checks everything that the header promises; returns the chunks.
std::vector<Chunk> CheckedChunks(std::string_view text, const ChunkerOptions& options,
                                 const TokenCounter& count) {
  std::vector<Chunk> chunks = ChunkText(text, options, count);
  EXPECT_EQ(ChunkChecker(text, options, count).FindBroken(chunks), "");
  return chunks;
}

std::string Repeat(std::string_view piece, size_t times) {
  std::string text;
  for (size_t i = 0; i < times; ++i) text += piece;
  return text;
}

// Text of everything that makes boundaries hard.
std::string RandomText(Rng& rng, size_t pieces) {
  const std::string_view kPieces[] = {
      "word",
      " ",
      "  ",
      ". ",
      "? ",
      "\n",
      "\r\n",
      "\n\n",
      "\r\n\r\n",
      "\r",
      "# Heading\n",
      "\n## Two\n",
      "```\n",
      "~~~\n",
      "| a | b |\n",
      "| a | b |\n|---|---|\n",
      "\nTitle\n=====\n",
      "<h2>Html</h2>\n",
      "<pre>\n",
      "</pre>\n",
      "<table>\n",
      "a,b,c\n",
      "12:30:01 started\n",
      "if (x) {\n",
      "  y = 1;\n",
      "}\n",
      "1. ",
      "####### ",
      "- item\n",
      "e\u0301",
      "\u0301",
      " \u0301",
      "\u4E2D\u6587\u3002",
      "\u0E2A\u0E27\u0E31\u0E2A\u0E14\u0E35",
      "\U0001F468\u200D\U0001F469\u200D\U0001F467",
      "\U0001F1FA\U0001F1F8",
      "\u0600 ",
      "\uD55C\uAD6D",
      "\u3000",
      "\u00A0",
      "\u200B",
      "\x80",
      "\xE2\x82",
      "\xF0\x9F",
      "\xFF",
      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
      "don't",
      "3.14",
      "http://a.b/c?d=e",
      "[MASK]",
      "\u2028",
      "\u0644\u0627 ",
  };
  std::string text;
  for (size_t i = 0; i < pieces; ++i) text += kPieces[rng.Below(std::size(kPieces))];
  if (rng.Below(8) == 0) text += std::string(1, '\0') + "x";
  return text;
}

TEST(ChunkerTest, BlankTextGivesNone) {
  for (const char* text : {"", " ", "\n\n\t\r\n", "\u3000\u2028\u00A0"}) {
    EXPECT_TRUE(ChunkText(text, {}, CountCharacters).empty());
  }
}

TEST(ChunkerTest, TextThatFitsIsOneChunkWithoutWhitespaceAround) {
  const std::string text = " \n# Title\n\nBody. More.\n\n# Second\n ";
  const std::vector<Chunk> chunks = CheckedChunks(text, {}, CountCharacters);
  ASSERT_EQ(chunks.size(), 1U);
  EXPECT_EQ(TextOf(text, chunks[0]), "# Title\n\nBody. More.\n\n# Second");
}

TEST(ChunkerTest, BreaksAtHeadingsWithoutOverlap) {
  const std::string section = Repeat("Sentence number one. ", 8);
  const std::string text = "# A\n" + section + "\n\n# B\n" + section + "\n\n# C\n" + section;
  const std::vector<Chunk> chunks =
      CheckedChunks(text, {.max_tokens = 60, .overlap_tokens = 10}, CountWords);
  ASSERT_EQ(chunks.size(), 3U);
  EXPECT_TRUE(TextOf(text, chunks[1]).starts_with("# B"));
  EXPECT_TRUE(TextOf(text, chunks[2]).starts_with("# C"));
}

TEST(ChunkerTest, HeadingStaysWithItsText) {
  const std::string text = Repeat("Five words are in here. ", 8) + "\n\n# Heading\n\n" +
                           Repeat("Five words are in here. ", 8);
  for (const Chunk& chunk :
       CheckedChunks(text, {.max_tokens = 45, .overlap_tokens = 0}, CountWords)) {
    EXPECT_FALSE(TextOf(text, chunk).ends_with("# Heading"));
  }
}

TEST(ChunkerTest, HashInsideAFenceIsNoHeading) {
  const std::string code = "```\n" + Repeat("# not a heading\n\n", 10) + "```\n";
  const std::string text = Repeat("Some words before. ", 10) + "\n\n" + code;
  const std::vector<Chunk> chunks =
      CheckedChunks(text, {.max_tokens = 62, .overlap_tokens = 0}, CountWords);
  ASSERT_EQ(chunks.size(), 2U);
  EXPECT_TRUE(TextOf(text, chunks[1]).starts_with("```\n"));
  EXPECT_TRUE(TextOf(text, chunks[1]).ends_with("```"));
}

TEST(ChunkerTest, OverlapsByWholeSentences) {
  std::string text;
  for (int i = 0; i < 40; ++i) text += "This is sentence " + std::to_string(i) + ". ";
  const std::vector<Chunk> chunks =
      CheckedChunks(text, {.max_tokens = 42, .overlap_tokens = 9}, CountWords);
  ASSERT_GT(chunks.size(), 2U);
  for (size_t i = 1; i < chunks.size(); ++i) {
    ASSERT_LT(chunks[i].begin, chunks[i - 1].end);
    const std::string shared = text.substr(chunks[i].begin, chunks[i - 1].end - chunks[i].begin);
    EXPECT_TRUE(shared.starts_with("This is"));
    EXPECT_EQ(CountWords(shared), 2U + 8U);
  }
}

TEST(ChunkerTest, ShortTailTakesSentencesAlong) {
  const std::string text =
      Repeat("Ten words make up this one sentence of our text. ", 10) + "Tail.";
  const std::vector<Chunk> chunks =
      CheckedChunks(text, {.max_tokens = 102, .overlap_tokens = 0}, CountWords);
  ASSERT_EQ(chunks.size(), 2U);
  EXPECT_GE(CountWords(TextOf(text, chunks[1])), 2U + 20U);
}

TEST(ChunkerTest, UnbreakableRunWithOverlapEnds) {
  for (const size_t overlap : {0, 5, 15, 100}) {
    const std::vector<Chunk> chunks = CheckedChunks(
        std::string(5000, 'x'), {.max_tokens = 32, .overlap_tokens = overlap}, CountCharacters);
    EXPECT_EQ(chunks.size(), (5000U + 29) / 30);
  }
}

TEST(ChunkerTest, OneCharacterOverTheLimitIsCutBetweenCodePoints) {
  const std::string family = "\U0001F468\u200D\U0001F469\u200D\U0001F467\u200D\U0001F466";
  const std::string text = family + family + "\u4E2D\u6587";
  EXPECT_EQ(CheckedChunks(text, {.max_tokens = 3, .overlap_tokens = 1}, CountCharacters).size(),
            16U);
  // Where a family fits, it stays whole.
  EXPECT_EQ(CheckedChunks(text, {.max_tokens = 9, .overlap_tokens = 1}, CountCharacters).size(),
            3U);
}

TEST(ChunkerTest, StackedMarksMakeNoOversizeChunk) {
  std::string zalgo = "e";
  for (int i = 0; i < 40'000; ++i) zalgo += "\u0301";
  // The model's tokenizer drops marks, so only their bytes are too many.
  for (const TokenCounter& count : {TokenCounter(CountCharacters), ModelCounter()}) {
    EXPECT_GT(CheckedChunks("a " + zalgo + " b", {}, count).size(), 4U);
  }
}

TEST(ChunkerTest, WordsThatMakeNoTokensAreCutByTheirBytes) {
  const std::string text(1 << 20, 'x');
  const TokenCounter model = ModelCounter();
  ASSERT_EQ(model(text), 3U);  // One unknown word.
  const std::vector<Chunk> chunks = CheckedChunks(text, {}, model);
  EXPECT_GT(chunks.size(), 63U);
}

TEST(ChunkerTest, LimitBelowTheSpecialTokensStillAdvances) {
  EXPECT_EQ(CheckedChunks("abc", {.max_tokens = 1, .overlap_tokens = 0}, CountCharacters).size(),
            3U);
  EXPECT_EQ(CheckedChunks("abc", {.max_tokens = 0, .overlap_tokens = 9}, CountCharacters).size(),
            3U);
}

TEST(ChunkerTest, HugeSentenceAndLongLineAreSplit) {
  const TokenCounter count = ModelCounter();
  CheckedChunks(Repeat("and another clause, ", 1200), {}, count);
  const std::vector<Chunk> chunks = CheckedChunks(Repeat("{\"k\":12345},", 2000), {}, count);
  EXPECT_GT(chunks.size(), 20U);
}

TEST(ChunkerTest, ChineseWithoutSpacesIsSplit) {
  const std::string text = Repeat("\u4E2D\u6587\u53E5\u5B50\u5F88\u957F", 500);
  EXPECT_GT(CheckedChunks(text, {}, ModelCounter()).size(), 10U);
  EXPECT_GT(
      CheckedChunks(Repeat("\u4ECA\u5929\u5929\u6C14\u5F88\u597D\u3002", 500), {}, ModelCounter())
          .size(),
      10U);
}

TEST(ChunkerTest, OverlapInChineseIsCountedInTokens) {
  const std::string sentence = "\u4ECA\u5929\u5929\u6C14\u5F88\u597D\u3002";  // Seven tokens.
  const std::vector<Chunk> chunks = CheckedChunks(
      Repeat(sentence, 60), {.max_tokens = 44, .overlap_tokens = 14}, CountCharacters);
  for (size_t i = 1; i < chunks.size(); ++i) {
    EXPECT_EQ(chunks[i - 1].end - chunks[i].begin, 2 * sentence.size());
  }
}

TEST(ChunkerTest, NeverSplitsLineEndsOrSurrogatePairs) {
  CheckedChunks(Repeat("\U0001F600\r\n", 300), {.max_tokens = 4, .overlap_tokens = 1},
                CountCharacters);
}

TEST(ChunkerTest, CountsWithTheTokenizerNotByCharacters) {
  // Rare words, of many tokens each.
  const std::string text = Repeat("Qzxv\u00FE Wkbj\u0153q xylqz vrmpt ", 400);
  CheckedChunks(text, {}, ModelCounter());
}

TEST(ChunkerTest, EmojiFloodIsSplitBetweenEmoji) {
  const std::string text = Repeat("\U0001F469\U0001F3FD\u200D\U0001F680", 3000);
  EXPECT_GT(CheckedChunks(text, {}, CountCharacters).size(), 3000U * 4 / 256);
}

TEST(ChunkerTest, Base64IsCutLikeAnyOtherRun) {
  Rng rng(7);
  std::string text = "Key: ";
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (int i = 0; i < 20'000; ++i) text.push_back(kDigits[rng.Below(kDigits.size())]);
  EXPECT_GT(CheckedChunks(text, {}, ModelCounter()).size(), 20U);
}

TEST(ChunkerTest, ThaiIsCutBetweenWords) {
  // "Sawasdee chao lok", hello world; the dictionary knows its three words.
  const std::string sentence =
      "\u0E2A\u0E27\u0E31\u0E2A\u0E14\u0E35\u0E0A\u0E32\u0E27\u0E42\u0E25\u0E01";
  const std::vector<std::string> words = {"\u0E2A\u0E27\u0E31\u0E2A\u0E14\u0E35",
                                          "\u0E0A\u0E32\u0E27\u0E42\u0E25\u0E01"};
  const std::string text = Repeat(sentence, 100);
  for (const Chunk& chunk :
       CheckedChunks(text, {.max_tokens = 42, .overlap_tokens = 0}, CountCharacters)) {
    const std::string content = TextOf(text, chunk);
    EXPECT_TRUE(content.starts_with(words[0]) || content.starts_with(words[1])) << content;
  }
}

TEST(ChunkerTest, CountersThatEstimateAreObeyed) {
  const std::string text =
      Repeat("Some words of a text, of which a server counts the tokens. ", 200) +
      Repeat("\u4E2D\u6587", 500) + "\n\n# End\n\n" + Repeat("x", 3000);
  // By bytes; with a constant; more than the sum of its parts; nothing at all.
  const TokenCounter counters[] = {
      [](std::string_view piece) { return piece.size() / 4; },
      [](std::string_view piece) { return 7 + piece.size() / 3; },
      [](std::string_view piece) { return piece.size() * (1 + piece.size() / 50) / 8; },
      [](std::string_view) { return size_t{0}; },
  };
  for (const TokenCounter& count : counters) {
    for (const size_t max_tokens : {8, 64, 256}) {
      CheckedChunks(text, {.max_tokens = max_tokens, .overlap_tokens = 20}, count);
    }
  }
}

TEST(ChunkerTest, IllFormedBytesAreEmbeddedAsReplacementCharacters) {
  const std::string text = "Zo\xEB and \xE2\x82 more";
  const std::vector<Chunk> chunks = CheckedChunks(text, {}, CountCharacters);
  ASSERT_EQ(chunks.size(), 1U);
  EXPECT_EQ(ChunkTextForEmbedding(text, chunks[0]), "Zo\uFFFD and \uFFFD more");
}

TEST(ChunkerTest, KeepsItsPromisesOnRandomText) {
  Rng rng(lakehouse::testing::TestSeed());
  const TokenCounter counts[] = {CountCharacters, CountWords, ModelCounter()};
  for (int round = 0; round < 2000; ++round) {
    const std::string text = RandomText(rng, 1 + rng.Below(round < 1900 ? 60 : 1500));
    const ChunkerOptions options{.max_tokens = 2 + rng.Below(round % 2 == 0 ? 12 : 80),
                                 .overlap_tokens = rng.Below(40)};
    SCOPED_TRACE(::testing::Message() << "round " << round << ", max_tokens " << options.max_tokens
                                      << ", overlap_tokens " << options.overlap_tokens);
    const TokenCounter& count = counts[round % 3];
    const std::vector<Chunk> chunks = CheckedChunks(text, options, count);
    EXPECT_EQ(ChunkText(text, options, count), chunks);
    if (round % 3 == 0) {
      EXPECT_EQ(ChunkChecker(text, options, count).FindBrokenOverlap(chunks), "");
    }
    if (HasFailure()) return;
  }
}

TEST(ChunkerTest, CountsInTimeProportionalToTheText) {
  const auto bytes_counted = [](size_t sentences) {
    size_t bytes = 0;
    const std::string text = Repeat("A sentence of some length, to be counted.\n", sentences);
    ChunkText(text, {}, [&](std::string_view piece) {
      bytes += piece.size();
      return CountWords(piece);
    });
    return bytes;
  };
  EXPECT_LT(bytes_counted(16'000), 17 * bytes_counted(1'000));
  // A sentence is counted by itself, and in the one or two chunks that it is in.
  EXPECT_LT(bytes_counted(1'000), 3 * 1'000 * 43U);
}

}  // namespace
}  // namespace lakehouse::ai
