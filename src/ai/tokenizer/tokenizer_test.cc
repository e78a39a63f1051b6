#include "ai/tokenizer/tokenizer.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ai/model_file.h"
#include "ai/unicode/character_class.h"
#include "base/hash.h"
#include "reference/reference.h"
#include "support/temp_dir.h"

namespace lakehouse::ai {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr size_t kNoLimit = 1'000'000;

// A tokenizer.json with a small vocabulary; `changes` is merged into it.
std::string SmallTokenizerJson(const std::string& changes = "{}") {
  ModelJson json = ModelJson::parse(R"({
    "truncation": {"max_length": 3}, "padding": {"strategy": {"Fixed": 128}},
    "added_tokens": [
      {"id": 1, "special": true, "content": "[CLS]", "normalized": false},
      {"id": 2, "special": true, "content": "[SEP]", "normalized": false},
      {"id": 3, "special": true, "content": "[MASK]", "normalized": false}],
    "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                   "strip_accents": null, "lowercase": true},
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]},
    "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
              "max_input_chars_per_word": 8,
              "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "[MASK]": 3, "un": 4, "##aff": 5,
                        "##able": 6, "!": 7, "caf": 8, "##e": 9, "##\u00e9": 10, "cafe": 11,
                        "\u4e2d": 12, "A": 13, "a": 14, "new": 15, "york": 16}}})");
  json.merge_patch(ModelJson::parse(changes));
  return json.dump();
}

std::vector<int32_t> EncodeSmall(std::string_view text, const std::string& changes = "{}") {
  const Result<Tokenizer> tokenizer =
      Tokenizer::FromTokenizerJson(SmallTokenizerJson(changes), "t");
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status().ToString();
  const std::vector<int32_t> ids = tokenizer->Encode(text, kNoLimit);
  EXPECT_EQ(tokenizer->Count(text), ids.size());
  return ids;
}

std::string SmallError(const std::string& changes) {
  const Result<Tokenizer> tokenizer =
      Tokenizer::FromTokenizerJson(SmallTokenizerJson(changes), "tokenizer.json");
  EXPECT_EQ(tokenizer.status().code(), StatusCode::kInvalidArgument);
  return tokenizer.status().message();
}

TEST(TokenizerTest, SplitsGreedilyAndGivesUpOnWholeWords) {
  EXPECT_THAT(EncodeSmall("Unaffable!"), ElementsAre(1, 0, 7, 2));  // Nine characters.
  EXPECT_THAT(EncodeSmall("unaffe"), ElementsAre(1, 4, 5, 9, 2));
  EXPECT_THAT(EncodeSmall("unaffx un"), ElementsAre(1, 0, 4, 2));
  EXPECT_THAT(EncodeSmall(""), ElementsAre(1, 2));
}

TEST(TokenizerTest, FindsAddedTokensInTheTextAsItStands) {
  EXPECT_THAT(EncodeSmall("a[MASK]a"), ElementsAre(1, 14, 3, 14, 2));
  EXPECT_THAT(EncodeSmall("[mask]"), ElementsAre(1, 0, 0, 0, 2));
  EXPECT_THAT(EncodeSmall("[SEP][CLS]"), ElementsAre(1, 2, 1, 2));
}

TEST(TokenizerTest, HonoursEveryFieldOfAnAddedToken) {
  const auto with = [](const std::string& fields) {
    return R"({"added_tokens": [{"id": 20, "content": "New York")" + fields + "}]}";
  };
  EXPECT_THAT(EncodeSmall("in new york", with("")), ElementsAre(1, 0, 20, 2));
  EXPECT_THAT(EncodeSmall("new york", with(R"(, "normalized": false)")), ElementsAre(1, 15, 16, 2));
  EXPECT_THAT(EncodeSmall("anew york", with(R"(, "single_word": true)")), ElementsAre(1, 0, 16, 2));
  EXPECT_THAT(EncodeSmall("!new york!", with(R"(, "single_word": true)")),
              ElementsAre(1, 7, 20, 7, 2));
  EXPECT_THAT(EncodeSmall("a  New York  a", with(R"(, "lstrip": true, "rstrip": true,
                                                   "normalized": false)")),
              ElementsAre(1, 14, 20, 14, 2));
}

TEST(TokenizerTest, LongestOfTwoAddedTokensWins) {
  EXPECT_THAT(
      EncodeSmall("<<a>>", R"({"added_tokens": [{"id": 20, "content": "<<", "special": true},
                                      {"id": 21, "content": "<<a>>", "special": true}]})"),
      ElementsAre(1, 21, 2));
}

TEST(TokenizerTest, NormalizerFlagsAreObeyed) {
  EXPECT_THAT(EncodeSmall("CAF\u00C9"), ElementsAre(1, 11, 2));
  EXPECT_THAT(EncodeSmall("CAF\u00C9", R"({"normalizer": {"strip_accents": false}})"),
              ElementsAre(1, 8, 10, 2));
  EXPECT_THAT(EncodeSmall("A a", R"({"normalizer": {"lowercase": false}})"),
              ElementsAre(1, 13, 14, 2));
  EXPECT_THAT(EncodeSmall("a\u4E2Da"), ElementsAre(1, 14, 12, 14, 2));
  EXPECT_THAT(EncodeSmall("a\u4E2Da", R"({"normalizer": {"handle_chinese_chars": false}})"),
              ElementsAre(1, 0, 2));
  EXPECT_THAT(EncodeSmall(std::string("u\0n", 3)), ElementsAre(1, 4, 2));
  EXPECT_THAT(EncodeSmall(std::string("u\0n", 3), R"({"normalizer": {"clean_text": false}})"),
              ElementsAre(1, 0, 2));
}

TEST(TokenizerTest, TruncatesOnTheRightAndKeepsSpecialTokens) {
  const Result<Tokenizer> tokenizer = Tokenizer::FromTokenizerJson(SmallTokenizerJson(), "t");
  ASSERT_TRUE(tokenizer.ok());
  EXPECT_THAT(tokenizer->Encode("un new york !", 4), ElementsAre(1, 4, 15, 2));
  EXPECT_THAT(tokenizer->Encode("unaffe", 4), ElementsAre(1, 4, 5, 2));
  EXPECT_THAT(tokenizer->Encode("un", 2), ElementsAre(1, 2));
  EXPECT_EQ(tokenizer->Count("un new york !"), 6U);
}

TEST(TokenizerTest, LimitFindsTheSameIdsAsNoLimit) {
  const std::string text = "Unaffable! un new york a[MASK]\u4E2Da caf\u00E9 unaffe";
  const Result<Tokenizer> tokenizer = Tokenizer::FromTokenizerJson(SmallTokenizerJson(), "t");
  ASSERT_TRUE(tokenizer.ok());
  const std::vector<int32_t> all = tokenizer->Encode(text, kNoLimit);
  for (size_t limit = 2; limit <= all.size(); ++limit) {
    std::vector<int32_t> expected(all.begin(), all.begin() + static_cast<int64_t>(limit) - 1);
    expected.push_back(2);
    EXPECT_EQ(tokenizer->Encode(text, limit), expected) << limit;
  }
}

TEST(TokenizerTest, LongWordsAreUnknownHoweverTheyAreWritten) {
  // Nine characters where eight are allowed: plain, in capitals, beyond ASCII, and mixed.
  for (const std::string text : {"aaaaaaaaa", "AAAAAAAAA",
                                 "\u00E1\u00E1\u00E1\u00E1\u00E1\u00E1"
                                 "\u00E1\u00E1\u00E1",
                                 "aaaa\u00E1aaaa"}) {
    EXPECT_THAT(EncodeSmall(text + " a"), ElementsAre(1, 0, 14, 2)) << text;
  }
}

TEST(TokenizerTest, RefusesUnknownTypesByName) {
  EXPECT_THAT(SmallError(R"({"normalizer": {"type": "Precompiled"}})"),
              AllOf(HasSubstr("Precompiled"), HasSubstr("BertNormalizer")));
  EXPECT_THAT(SmallError(R"({"pre_tokenizer": {"type": "Metaspace"}})"), HasSubstr("Metaspace"));
  EXPECT_THAT(SmallError(R"({"model": {"type": "Unigram"}})"), HasSubstr("Unigram"));
  EXPECT_THAT(SmallError(R"({"post_processor": {"type": "RobertaProcessing"}})"),
              HasSubstr("RobertaProcessing"));
}

TEST(TokenizerTest, NamesTheDamagedField) {
  EXPECT_THAT(SmallError(R"({"model": {"vocab": {"[UNK]": null}}})"), HasSubstr("[UNK]"));
  EXPECT_THAT(SmallError(R"({"model": {"vocab": {"x": -1}}})"), HasSubstr("vocab"));
  EXPECT_THAT(SmallError(R"({"model": {"vocab": null}})"), HasSubstr("vocab"));
  EXPECT_THAT(SmallError(R"({"added_tokens": [{"id": "x", "content": "y"}]})"),
              HasSubstr("added_tokens[0]: field id"));
  EXPECT_THAT(SmallError(R"({"normalizer": {"lowercase": "yes"}})"), HasSubstr("lowercase"));
  const Result<Tokenizer> cut = Tokenizer::FromTokenizerJson(R"({"model": )", "tokenizer.json");
  EXPECT_THAT(cut.status().message(), HasSubstr("tokenizer.json: not valid JSON"));
}

TEST(TokenizerTest, VocabularyFileServesWithoutTokenizerJson) {
  const lakehouse::testing::TempDir directory;
  std::ofstream(directory.Join("vocab.txt"))
      << "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ncaf\u00e9\nA\n";
  Result<Tokenizer> tokenizer = Tokenizer::Load(directory.path());
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status().ToString();
  EXPECT_THAT(tokenizer->Encode("A [MASK]", kNoLimit), ElementsAre(2, 1, 4, 3));

  std::ofstream(directory.Join("tokenizer_config.json"))
      << R"({"do_lower_case": false, "unk_token": {"content": "[PAD]"}})";
  tokenizer = Tokenizer::Load(directory.path());
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status().ToString();
  EXPECT_THAT(tokenizer->Encode("A caf\u00e9 b", kNoLimit), ElementsAre(2, 6, 5, 0, 3));
}

TEST(TokenizerTest, DirectoryWithoutVocabularyIsNamed) {
  const lakehouse::testing::TempDir directory;
  EXPECT_THAT(Tokenizer::Load(directory.path()).status().message(), HasSubstr(directory.path()));
}

class TokenizerReferenceTest : public ::testing::Test {
 protected:
  static Result<Tokenizer> LoadModel() {
    Result<Tokenizer> tokenizer = Tokenizer::Load(ModelDirectory(AiConfig()));
    if (tokenizer.ok()) return tokenizer;
    return tokenizer.status().Annotate("the model is missing; run tools/bootstrap");
  }
};

TEST_F(TokenizerReferenceTest, IdsAreIdenticalOnEveryText) {
  const Result<Tokenizer> tokenizer = LoadModel();
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status().ToString();
  const std::vector<std::string> texts = lakehouse::testing::ReferenceTexts();
  const std::vector<std::vector<int32_t>> expected = lakehouse::testing::ReferenceTokenIds();
  ASSERT_EQ(texts.size(), 1000U);
  ASSERT_EQ(expected.size(), texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(tokenizer->Encode(texts[i], 256), expected[i]) << "line " << i + 1;
    EXPECT_EQ(tokenizer->Count(texts[i]), tokenizer->Encode(texts[i], kNoLimit).size());
  }
}

TEST_F(TokenizerReferenceTest, VocabularyFileGivesTheSameIds) {
  const std::string model = ModelDirectory(AiConfig());
  const lakehouse::testing::TempDir directory;
  for (const char* name : {"vocab.txt", "tokenizer_config.json"}) {
    std::error_code error;
    std::filesystem::copy(model + "/" + name, directory.Join(name), error);
    ASSERT_FALSE(error) << "the model is missing; run tools/bootstrap: " << error.message();
  }
  const Result<Tokenizer> tokenizer = Tokenizer::Load(directory.path());
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status().ToString();
  const std::vector<std::string> texts = lakehouse::testing::ReferenceTexts();
  const std::vector<std::vector<int32_t>> expected = lakehouse::testing::ReferenceTokenIds();
  for (size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(tokenizer->Encode(texts[i], 256), expected[i]) << "line " << i + 1;
  }
}

// Cuts normalized text as the reference's pre-tokenizer does, a word a line.
std::string WordLines(std::string_view normalized) {
  std::string lines;
  bool in_word = false;
  for (size_t i = 0; i < normalized.size();) {
    const char32_t c = DecodeUtf8(normalized, i);
    const bool is_letter = !IsWhitespace(c) && !IsPunctuation(c);
    if (in_word && !is_letter) lines += '\n';
    if (!IsWhitespace(c)) AppendUtf8(lines, c);
    if (IsPunctuation(c)) lines += '\n';
    in_word = is_letter;
  }
  return in_word ? lines + '\n' : lines;
}

TEST(BertNormalizerTest, TreatsEveryCharacterAsTheReferenceDoes) {
  const BertNormalizer normalizer;
  std::istringstream blocks(lakehouse::testing::ReadReferenceFile("normalizer_blocks.txt"));
  char32_t first = 0;
  for (std::string line; std::getline(blocks, line); first += 1024) {
    Sha256 digest;
    for (char32_t c = first; c < first + 1024; ++c) {
      if (c >= 0xD800 && c < 0xE000) continue;
      std::string text = "A";
      AppendUtf8(text, c);
      text += "B \u302E";
      AppendUtf8(text, c);
      text += " e";
      AppendUtf8(text, c);
      text += "\U0001D165";
      digest.Update(WordLines(normalizer.Normalize(text)) + "\n");
    }
    EXPECT_EQ(line.substr(7), digest.FinishHex()) << "block " << line.substr(0, 6);
  }
  EXPECT_EQ(first, char32_t{0x110000});
}

}  // namespace
}  // namespace lakehouse::ai
