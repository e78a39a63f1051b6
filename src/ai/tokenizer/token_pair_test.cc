// Pairs of texts. The expected ids and types are what huggingface/tokenizers 0.23.3 gives for the
// same files; tests/reference/fuzz_tokenizer.py compares many more.
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ai/model_file.h"
#include "ai/tokenizer/tokenizer.h"
#include "support/temp_dir.h"

namespace lakehouse::ai {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr size_t kNoLimit = 1'000'000;

// One token for each of the letters a to j, of ids 10 to 19.
std::string LettersJson(const std::string& post_processor) {
  ModelJson json = ModelJson::parse(R"({
    "normalizer": {"type": "BertNormalizer"}, "pre_tokenizer": {"type": "BertPreTokenizer"},
    "model": {"type": "WordPiece", "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2}}})");
  for (int i = 0; i < 10; ++i) json["model"]["vocab"][std::string(1, "abcdefghij"[i])] = 10 + i;
  json["post_processor"] = ModelJson::parse(post_processor);
  return json.dump();
}

constexpr const char* kBert =
    R"({"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]})";

std::string TemplateJson(const std::string& pair) {
  return R"({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "C", "type_id": 0}},
      {"Sequence": {"id": "A", "type_id": 0}}], "pair": )" +
         pair +
         R"(, "special_tokens": {"C": {"id": "C", "ids": [1], "tokens": ["C"]},
                                  "S": {"id": "S", "ids": [2, 3], "tokens": ["S", "T"]}}})";
}

Result<TokenPair> EncodePair(const std::string& post_processor, std::string_view first,
                             std::string_view second, size_t max_tokens = kNoLimit) {
  ASSIGN_OR_RETURN(const Tokenizer tokenizer,
                   Tokenizer::FromTokenizerJson(LettersJson(post_processor), "t.json"));
  return tokenizer.EncodePair(first, second, max_tokens);
}

// How many tokens stay of texts that have so many, in room for `room` without special tokens.
std::pair<size_t, size_t> Kept(size_t first, size_t second, size_t room) {
  std::string a, b;
  for (size_t i = 0; i < first; ++i) a += "a ";
  for (size_t i = 0; i < second; ++i) b += "b ";
  const Result<TokenPair> pair = EncodePair(kBert, a, b, room + 3);
  EXPECT_TRUE(pair.ok()) << pair.status().ToString();
  return {std::ranges::count(pair->ids, 10), std::ranges::count(pair->ids, 11)};
}

TEST(TokenPairTest, BertProcessingPutsThreeSpecialTokensAround) {
  const Result<TokenPair> pair = EncodePair(kBert, "a b", "c");
  ASSERT_TRUE(pair.ok()) << pair.status().ToString();
  EXPECT_THAT(pair->ids, ElementsAre(1, 10, 11, 2, 12, 2));
  EXPECT_EQ(pair->second_begin, 4U);
}

TEST(TokenPairTest, EmptyTextsKeepTheSpecialTokens) {
  const Result<TokenPair> pair = EncodePair(kBert, "", "");
  ASSERT_TRUE(pair.ok()) << pair.status().ToString();
  EXPECT_THAT(pair->ids, ElementsAre(1, 2, 2));
  EXPECT_EQ(pair->second_begin, 2U);
}

TEST(TokenPairTest, TruncatesTheLongerTextFirst) {
  using Lengths = std::pair<size_t, size_t>;
  EXPECT_EQ(Kept(4, 6, 10), Lengths(4, 6));
  EXPECT_EQ(Kept(3, 9, 10), Lengths(3, 7));
  EXPECT_EQ(Kept(9, 3, 10), Lengths(7, 3));
  EXPECT_EQ(Kept(5, 9, 10), Lengths(5, 5));
  EXPECT_EQ(Kept(6, 9, 10), Lengths(5, 5));
  // The odd token goes to the text that was longer, to the second when neither was.
  EXPECT_EQ(Kept(6, 9, 9), Lengths(4, 5));
  EXPECT_EQ(Kept(9, 6, 9), Lengths(5, 4));
  EXPECT_EQ(Kept(9, 9, 9), Lengths(4, 5));
  // Both beyond the limit: the whole texts decide which is longer.
  EXPECT_EQ(Kept(40, 50, 9), Lengths(4, 5));
  EXPECT_EQ(Kept(50, 40, 9), Lengths(5, 4));
  EXPECT_EQ(Kept(4, 4, 1), Lengths(0, 1));
  EXPECT_EQ(Kept(4, 4, 0), Lengths(0, 0));
}

TEST(TokenPairTest, LimitBelowTheSpecialTokensIsAnError) {
  const Result<TokenPair> pair = EncodePair(kBert, "a", "b", 2);
  EXPECT_EQ(pair.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(pair.status().message(), HasSubstr("3 special tokens"));
}

TEST(TokenPairTest, TemplateIsHonoured) {
  const Result<TokenPair> pair =
      EncodePair(TemplateJson(R"([{"Sequence": {"id": "A", "type_id": 0}},
                       {"SpecialToken": {"id": "S", "type_id": 0}},
                       {"SpecialToken": {"id": "C", "type_id": 1}},
                       {"Sequence": {"id": "B", "type_id": 1}}])"),
                 "a b c", "d e", 7);
  ASSERT_TRUE(pair.ok()) << pair.status().ToString();
  EXPECT_THAT(pair->ids, ElementsAre(10, 11, 2, 3, 1, 13, 14));
  EXPECT_EQ(pair->second_begin, 4U);
}

TEST(TokenPairTest, TemplateOfOneTypeHasNoSecondPart) {
  const Result<TokenPair> pair =
      EncodePair(TemplateJson(R"([{"Sequence": {"id": "A", "type_id": 0}},
                       {"SpecialToken": {"id": "C", "type_id": 0}},
                       {"Sequence": {"id": "B", "type_id": 0}}])"),
                 "a", "b");
  ASSERT_TRUE(pair.ok()) << pair.status().ToString();
  EXPECT_THAT(pair->ids, ElementsAre(10, 1, 11));
  EXPECT_EQ(pair->second_begin, 3U);
}

TEST(TokenPairTest, NoPostProcessorMeansNoSpecialTokens) {
  const Result<TokenPair> pair = EncodePair("null", "a b", "c");
  ASSERT_TRUE(pair.ok()) << pair.status().ToString();
  EXPECT_THAT(pair->ids, ElementsAre(10, 11, 12));
  EXPECT_EQ(pair->second_begin, 2U);
}

TEST(TokenPairTest, TemplateWithoutAUsablePairFailsOnlyForPairs) {
  const std::pair<const char*, const char*> kBroken[] = {
      {"null", "pair"},
      {R"([{"Sequence": {"id": "A", "type_id": 0}}])", "lacks a Sequence"},
      {R"([{"Sequence": {"id": "B", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 1}}])",
       "in this order"},
      {R"([{"Sequence": {"id": "A", "type_id": 1}}, {"Sequence": {"id": "B", "type_id": 0}}])",
       "type_id"},
      {R"([{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}},
           {"SpecialToken": {"id": "C", "type_id": 1}}])",
       "type_id 1 to special tokens only"},
      {R"([{"SpecialToken": {"id": "nowhere", "type_id": 0}}])", "nowhere"},
  };
  for (const auto& [pair, problem] : kBroken) {
    const Result<Tokenizer> tokenizer =
        Tokenizer::FromTokenizerJson(LettersJson(TemplateJson(pair)), "t.json");
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status().ToString();
    EXPECT_THAT(tokenizer->Encode("a", kNoLimit), ElementsAre(1, 10));
    const Status status = tokenizer->EncodePair("a", "b", kNoLimit).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), AllOf(HasSubstr("t.json: post_processor"), HasSubstr(problem)));
  }
}

TEST(TokenPairTest, VocabularyFileHasTheTemplateOfBert) {
  const lakehouse::testing::TempDir directory;
  std::ofstream(directory.Join("vocab.txt")) << "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\nb\n";
  const Result<Tokenizer> tokenizer = Tokenizer::Load(directory.path());
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status().ToString();
  const Result<TokenPair> pair = tokenizer->EncodePair("a a", "b", kNoLimit);
  ASSERT_TRUE(pair.ok()) << pair.status().ToString();
  EXPECT_THAT(pair->ids, ElementsAre(2, 4, 4, 3, 5, 3));
  EXPECT_EQ(pair->second_begin, 4U);
}

}  // namespace
}  // namespace lakehouse::ai
