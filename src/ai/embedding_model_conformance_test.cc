#include "ai/embedding_model_conformance.h"

#include <algorithm>
#include <cmath>
#include <thread>

#include "base/clock.h"
#include "base/strings.h"
#include "support/test_seed.h"

namespace lakehouse::ai {
namespace {

constexpr double kSameCosine = 0.999;
// Below it two texts count as told apart by a model that is not exact.
constexpr double kDifferentCosine = 0.9999;
constexpr size_t kHugeTextBytes = 10U << 20U;

double Cosine(const std::vector<float>& a, const std::vector<float>& b) {
  double product = 0;
  double squares_a = 0;
  double squares_b = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    product += static_cast<double>(a[i]) * b[i];
    squares_a += static_cast<double>(a[i]) * a[i];
    squares_b += static_cast<double>(b[i]) * b[i];
  }
  return product / std::sqrt(squares_a * squares_b);
}

std::string Repeat(std::string_view piece, size_t bytes) {
  std::string text;
  text.reserve(bytes + piece.size());
  while (text.size() < bytes) text += piece;
  return text;
}

// A text of one to six of the words that every model under test knows.
std::string RandomText(Rng& rng) {
  const char* const words[] = {"river", "nurse", "night"};
  std::string text;
  for (uint64_t left = 1 + rng.Below(6); left > 0; --left)
    StrAppend(text, words[rng.Below(3)], " ");
  return text;
}

}  // namespace

void EmbeddingModelConformance::SetUp() {
  model_ = GetParam().make();
  ASSERT_NE(model_, nullptr);
}

std::vector<EmbeddingModelConformance::Vector> EmbeddingModelConformance::EmbedAll(
    const std::vector<std::string>& texts, const EmbedOptions& options) {
  const Result<Embeddings> results = model_->Embed(texts, options);
  EXPECT_TRUE(results.ok()) << results.status().ToString();
  std::vector<Vector> vectors(texts.size());
  if (!results.ok()) return vectors;
  EXPECT_EQ(results->size(), texts.size());
  for (size_t i = 0; i < std::min(results->size(), texts.size()); ++i) {
    const Result<Vector>& result = (*results)[i];
    EXPECT_TRUE(result.ok()) << i << ": " << result.status().ToString();
    if (!result.ok()) continue;
    ExpectWellFormed(*result);
    vectors[i] = *result;
  }
  return vectors;
}

void EmbeddingModelConformance::ExpectWellFormed(const Vector& vector) {
  EXPECT_EQ(vector.size(), static_cast<size_t>(model_->space().dimensions));
  EXPECT_TRUE(std::ranges::all_of(vector, [](float x) { return std::isfinite(x); }));
  if (!model_->space().normalized) return;
  double squares = 0;
  for (const float x : vector) squares += static_cast<double>(x) * x;
  EXPECT_NEAR(squares, 1, 1e-3);
}

void EmbeddingModelConformance::ExpectSame(const Vector& a, const Vector& b) {
  if (GetParam().is_exact) {
    EXPECT_EQ(a, b);
  } else {
    EXPECT_GE(Cosine(a, b), kSameCosine);
  }
}

void EmbeddingModelConformance::ExpectDifferent(const Vector& a, const Vector& b) {
  EXPECT_LT(Cosine(a, b), kDifferentCosine);
}

TEST_P(EmbeddingModelConformance, SpaceIsResolved) {
  const EmbeddingSpace& space = model_->space();
  EXPECT_NE(space.provider, "");
  EXPECT_NE(space.model, "");
  EXPECT_NE(space.pooling, "");
  EXPECT_NE(space.precision, "");
  EXPECT_NE(space.precision, "auto");
  EXPECT_GT(space.dimensions, 0);
  EXPECT_GT(space.max_tokens, 0);
  const Result<EmbeddingSpace> read = EmbeddingSpaceFromJson(EmbeddingSpaceToJson(space));
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ(*read, space);
}

TEST_P(EmbeddingModelConformance, IsTheModelThatItsSpaceDescribes) {
  const Status status = model_->CheckIdentity(CancelToken());
  EXPECT_TRUE(status.ok()) << status.ToString();
}

TEST_P(EmbeddingModelConformance, NoTextsGiveNoVectors) { EXPECT_TRUE(EmbedAll({}).empty()); }

TEST_P(EmbeddingModelConformance, VectorsComeInTheOrderOfTheTexts) {
  const std::vector<std::string> texts = {"river", "nurse", "night", "river night nurse"};
  const std::vector<Vector> together = EmbedAll(texts);
  for (size_t i = 0; i < texts.size(); ++i) {
    ExpectSame(together[i], EmbedAll({texts[i]})[0]);
    for (size_t k = 0; k < i; ++k) ExpectDifferent(together[i], together[k]);
  }
  std::vector<Vector> reversed = EmbedAll({texts.rbegin(), texts.rend()});
  std::ranges::reverse(reversed);
  for (size_t i = 0; i < texts.size(); ++i) ExpectSame(together[i], reversed[i]);
}

TEST_P(EmbeddingModelConformance, ManyTextsWithDuplicatesKeepTheirPlaces) {
  Rng rng(testing::TestSeed());
  std::vector<std::string> texts(700);
  for (std::string& text : texts) text = RandomText(rng);
  const std::vector<Vector> vectors = EmbedAll(texts);
  for (int i = 0; i < 20; ++i) {
    const size_t k = rng.Below(texts.size());
    ExpectSame(vectors[k], EmbedAll({texts[k]})[0]);
    const auto first = std::ranges::find(texts, texts[k]) - texts.begin();
    ExpectSame(vectors[k], vectors[static_cast<size_t>(first)]);
  }
}

TEST_P(EmbeddingModelConformance, RolesDifferByTheirPrefixOnly) {
  const EmbeddingSpace& space = model_->space();
  const Vector query = EmbedAll({"river nurse"}, {.role = Role::kQuery})[0];
  const Vector document = EmbedAll({"river nurse"}, {.role = Role::kDocument})[0];
  if (space.query_prefix == space.document_prefix) {
    ExpectSame(query, document);
  } else {
    ExpectDifferent(query, document);
  }
}

TEST_P(EmbeddingModelConformance, FreshVectorsAreTheSame) {
  const std::vector<std::string> texts = {"night river", "nurse"};
  const std::vector<Vector> vectors = EmbedAll(texts);
  const std::vector<Vector> fresh = EmbedAll(texts, {.fresh = true});
  for (size_t i = 0; i < texts.size(); ++i) ExpectSame(vectors[i], fresh[i]);
}

TEST_P(EmbeddingModelConformance, EmptyTextHurtsNobody) {
  const std::vector<std::string> texts = {"river", "", "nurse"};
  const Result<Embeddings> results = model_->Embed(texts, {});
  ASSERT_TRUE(results.ok()) << results.status().ToString();
  ASSERT_EQ(results->size(), 3U);
  ASSERT_TRUE((*results)[0].ok() && (*results)[2].ok());
  ExpectSame(*(*results)[0], EmbedAll({"river"})[0]);
  ExpectSame(*(*results)[2], EmbedAll({"nurse"})[0]);
  if (GetParam().takes_empty_text) {
    ASSERT_TRUE((*results)[1].ok()) << (*results)[1].status().ToString();
    ExpectWellFormed(*(*results)[1]);
  } else {
    EXPECT_EQ((*results)[1].status().code(), StatusCode::kInvalidArgument);
  }
}

TEST_P(EmbeddingModelConformance, AnyBytesAreAText) {
  const std::string with_nul("river\0night", 11);
  const std::vector<std::string> texts = {"river",
                                          with_nul,
                                          "river \xFF\xFE night",
                                          "river \xED\xA0\x80 night",  // Half of a surrogate pair.
                                          "\xC3",
                                          "caf\u0065\u0301 \u00e9\u00df \u2019n\u2019 `$+<=>|~",
                                          "\ud55c\uad6d\uc5b4 \u4e2d\u6587 \u0e44\u0e17\u0e22",
                                          "\u202eriver\u202c \u00ad\u200d\ufeff",
                                          "[CLS] [SEP] [MASK] <s> </s> <|endoftext|>",
                                          "night"};
  const std::vector<Vector> vectors = EmbedAll(texts);
  ExpectSame(vectors.front(), EmbedAll({"river"})[0]);
  ExpectSame(vectors.back(), EmbedAll({"night"})[0]);
  for (size_t i = 0; i < texts.size(); ++i) ExpectSame(vectors[i], EmbedAll({texts[i]})[0]);
}

TEST_P(EmbeddingModelConformance, BytesThatAreNotUtf8CountAsReplacementCharacters) {
  const std::vector<Vector> vectors =
      EmbedAll({"nurse \xE9 river", "nurse \uFFFD river", "\xFF night", "\uFFFD night"});
  ExpectSame(vectors[0], vectors[1]);
  ExpectSame(vectors[2], vectors[3]);
}

TEST_P(EmbeddingModelConformance, FloodOfEmojiIsCut) {
  const std::string family = "\U0001F468\u200D\U0001F469\u200D\U0001F467 ";
  const std::vector<Vector> vectors =
      EmbedAll({Repeat("\U0001F600", 200'000), "river", Repeat(family, 200'000)});
  ExpectSame(vectors[1], EmbedAll({"river"})[0]);
}

TEST_P(EmbeddingModelConformance, HugeTextIsCut) {
  const auto beyond = 8 * static_cast<size_t>(model_->space().max_tokens) * 6;
  const std::vector<Vector> vectors =
      EmbedAll({Repeat("river ", kHugeTextBytes), "night", Repeat("river ", beyond),
                std::string(kHugeTextBytes, 'x')});
  ExpectSame(vectors[0], vectors[2]);
  ExpectSame(vectors[1], EmbedAll({"night"})[0]);
}

TEST_P(EmbeddingModelConformance, TokensAreCountedBeyondTheLimit) {
  const auto limit = static_cast<size_t>(model_->space().max_tokens);
  const size_t one = model_->CountTokens("river");
  EXPECT_GT(one, 0U);
  EXPECT_GE(model_->CountTokens("river night"), one);
  EXPECT_GE(model_->CountTokens(Repeat("river ", 6 * 3 * limit)), 3 * limit);
  EXPECT_GE(model_->CountTokens("\xFF"), model_->CountTokens(""));
}

TEST_P(EmbeddingModelConformance, CancelledCallFailsAsAWhole) {
  CancelToken cancel;
  cancel.Cancel();
  const std::vector<std::string> texts = {"river", "night"};
  EXPECT_EQ(model_->Embed(texts, {.fresh = true, .cancel = cancel}).status().code(),
            StatusCode::kCancelled);
  EmbedAll(texts);
}

TEST_P(EmbeddingModelConformance, CallPastItsDeadlineFailsAsAWhole) {
  ManualClock clock;
  const CancelToken late = CancelToken::WithTimeout(1, clock);
  clock.AdvanceMicros(5'000);
  const std::vector<std::string> texts = {"river", "night"};
  EXPECT_EQ(model_->Embed(texts, {.fresh = true, .cancel = late}).status().code(),
            StatusCode::kDeadlineExceeded);
}

TEST_P(EmbeddingModelConformance, ConcurrentCallersGetTheirOwnVectors) {
  const uint64_t seed = testing::TestSeed();
  std::vector<std::thread> callers;
  for (uint64_t caller = 0; caller < 6; ++caller) {
    callers.emplace_back([this, seed, caller] {
      Rng rng(seed + caller);
      for (int round = 0; round < 3; ++round) {
        std::vector<std::string> texts(1 + rng.Below(40));
        for (std::string& text : texts) text = RandomText(rng);
        const EmbedOptions options = {.role = caller % 2 == 0 ? Role::kDocument : Role::kQuery,
                                      .fresh = caller % 3 == 0};
        const std::vector<Vector> vectors = EmbedAll(texts, options);
        const size_t k = rng.Below(texts.size());
        ExpectSame(vectors[k], EmbedAll({texts[k]}, options)[0]);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
}

}  // namespace lakehouse::ai
