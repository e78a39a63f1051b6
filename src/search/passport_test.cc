#include "search/passport.h"

#include <algorithm>
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "search/brute_force.h"
#include "search/hashed_words_model.h"
#include "support/test_seed.h"

namespace lakehouse::search {
namespace {

using ::testing::HasSubstr;
using Answer = HashedWordsModel::Answer;

constexpr Timestamp kNow{1'763'918'717'000'000};

// A vector whose cosine to that of `text` is `cosine`.
std::vector<float> Turned(const std::string& text, double cosine) {
  std::vector<float> vector = HashedWordsModel::VectorOf(text);
  std::vector<float> across = HashedWordsModel::VectorOf(text + " across");
  double dot = 0;
  for (size_t i = 0; i < vector.size(); ++i) dot += static_cast<double>(vector[i]) * across[i];
  double norm = 0;
  for (size_t i = 0; i < vector.size(); ++i) {
    across[i] -= static_cast<float>(dot) * vector[i];
    norm += static_cast<double>(across[i]) * across[i];
  }
  const double sine = std::sqrt(1 - cosine * cosine) / std::sqrt(norm);
  for (size_t i = 0; i < vector.size(); ++i) {
    vector[i] = static_cast<float>(cosine * vector[i] + sine * across[i]);
  }
  return vector;
}

class PassportTest : public ::testing::Test {
 protected:
  Passport Make() { return *MakePassport(model_, kNow, {}); }
  PassportCheck Compare(const Passport& passport) {
    return *ComparePassport("index people_v1", space_, passport, model_, kNow, {});
  }

  HashedWordsModel model_;
  const ai::EmbeddingSpace space_ = model_.space();
};

TEST_F(PassportTest, HoldsEightTextsOfEveryKindThatIsKnownToDiffer) {
  const std::vector<std::string> texts = CanaryTexts(model_);
  ASSERT_EQ(texts.size(), 8u);
  std::string all;
  for (const std::string& text : texts) all += text;
  for (const char* part : {"é", "한국어", "“", "’", "東京", "\u200d", "nurse"}) {
    EXPECT_THAT(all, HasSubstr(part));
  }
  for (const char symbol : std::string("$+<=>`|~^"))
    EXPECT_THAT(all, HasSubstr(std::string(1, symbol)));
  const size_t tokens = model_.CountTokens(texts.back());
  EXPECT_LE(tokens, static_cast<size_t>(space_.max_tokens));
  EXPECT_GT(tokens, static_cast<size_t>(space_.max_tokens) * 3 / 4);
}

TEST_F(PassportTest, LongCanaryOfALongModelStaysCheap) {
  model_.mutable_space().max_tokens = 8'192;
  const size_t tokens = model_.CountTokens(CanaryTexts(model_).back());
  EXPECT_LE(tokens, 512u);
  EXPECT_GT(tokens, 400u);
}

TEST_F(PassportTest, SameModelAgreesAndAsksNoCache) {
  const Passport passport = Make();
  EXPECT_EQ(passport.canaries.size(), 8u);
  EXPECT_EQ(passport.made_at, kNow);
  const PassportCheck check = Compare(passport);
  EXPECT_TRUE(check.outcome.ok()) << check.outcome.ToString();
  EXPECT_NEAR(check.worst_cosine, 1, 1e-6);
  EXPECT_FALSE(check.worst_text.empty());
  EXPECT_EQ(model_.fresh_calls(), 2u);
  EXPECT_EQ(model_.documents_embedded(), 0u);
}

TEST_F(PassportTest, OneDriftedCanaryIsNamedWithBothModelsAndTheMend) {
  const Passport passport = Make();
  model_.OnFreshText([](const std::string& text) -> std::optional<Answer> {
    if (text.find("한국어") == std::string::npos) return std::nullopt;
    return Answer(Turned(text, 0.42));
  });
  model_.mutable_space().digest = "";
  const PassportCheck check = Compare(passport);
  EXPECT_EQ(check.outcome.code(), StatusCode::kConflict);
  EXPECT_NEAR(check.worst_cosine, 0.42, 1e-4);
  for (const char* part : {"index people_v1", "hashed-words", "digest unknown", "한국어", "0.42",
                           "0.999", "bring the index's model back", "build a new index"}) {
    EXPECT_THAT(check.outcome.message(), HasSubstr(part));
  }
  EXPECT_THAT(check.outcome.message(), HasSubstr(space_.digest.substr(0, 12)));
}

TEST_F(PassportTest, ThresholdIsStricterForTheEncoderInThisProcess) {
  for (const double cosine : {0.99995, 0.9995, 0.998}) {
    model_.OnFreshText({});
    const Passport passport = Make();
    model_.OnFreshText([cosine](const std::string& text) { return Answer(Turned(text, cosine)); });
    EXPECT_EQ(Compare(passport).outcome.ok(), cosine > 0.999) << "server, " << cosine;
    ai::EmbeddingSpace embedded = space_;
    embedded.provider = "embedded";
    const PassportCheck check = *ComparePassport("index a", embedded, passport, model_, kNow, {});
    EXPECT_EQ(check.outcome.ok(), cosine > 0.9999) << "embedded, " << cosine;
  }
}

TEST_F(PassportTest, RefusedCanaryIsLeftOutOrADrift) {
  const Passport whole = Make();
  model_.OnFreshText([](const std::string& text) -> std::optional<Answer> {
    if (text.find("family") == std::string::npos) return std::nullopt;
    return Answer(InvalidArgument("embedding contains NaN"));
  });
  EXPECT_EQ(Make().canaries.size(), 7u);
  const PassportCheck check = Compare(whole);
  EXPECT_EQ(check.outcome.code(), StatusCode::kConflict);
  EXPECT_EQ(check.worst_cosine, 0);
  model_.OnFreshText([](const std::string&) { return Answer(InvalidArgument("no")); });
  EXPECT_EQ(MakePassport(model_, kNow, {}).status().code(), StatusCode::kConflict);
}

TEST_F(PassportTest, ModelThatCannotBeAskedIsNoDrift) {
  const Passport passport = Make();
  model_.OnFreshText([](const std::string&) { return Answer(Unavailable("busy")); });
  EXPECT_EQ(ComparePassport("index a", space_, passport, model_, kNow, {}).status().code(),
            StatusCode::kUnavailable);
  EXPECT_EQ(MakePassport(model_, kNow, {}).status().code(), StatusCode::kUnavailable);
  CancelToken cancel;
  cancel.Cancel();
  EXPECT_EQ(MakePassport(model_, kNow, cancel).status().code(), StatusCode::kCancelled);
}

TEST_F(PassportTest, OtherWidthIsAConflict) {
  const Passport passport = Make();
  model_.OnFreshText([](const std::string&) { return Answer(std::vector<float>(7, 1.0f)); });
  EXPECT_EQ(Compare(passport).outcome.code(), StatusCode::kConflict);
  EXPECT_EQ(MakePassport(model_, kNow, {}).status().code(), StatusCode::kConflict);
}

TEST_F(PassportTest, DocumentGivesTheVectorsBackToTheBit) {
  Rng rng(testing::TestSeed());
  for (const size_t dimensions : {1u, 2u, 3u, 48u, 384u}) {
    Passport passport{.canaries = {}, .made_at = kNow};
    for (int i = 0; i < 3; ++i) {
      Canary canary{.text = StrCat("텍스트 ", i), .vector = {}};
      for (size_t j = 0; j < dimensions; ++j) {
        canary.vector.push_back(static_cast<float>(rng.NextDouble() - 0.5));
      }
      passport.canaries.push_back(std::move(canary));
    }
    const Json json = *ParseJson(DumpJson(PassportToJson(passport)));
    const auto read = PassportFromJson(json, static_cast<int64_t>(dimensions));
    ASSERT_TRUE(read.ok()) << read.status().ToString();
    EXPECT_EQ(read->made_at, kNow);
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(read->canaries[i].text, passport.canaries[i].text);
      EXPECT_EQ(read->canaries[i].vector, passport.canaries[i].vector);
    }
    EXPECT_FALSE(PassportFromJson(json, static_cast<int64_t>(dimensions) + 1).ok());
  }
}

TEST_F(PassportTest, DamagedDocumentsAreRefused) {
  const Json good = PassportToJson(Make());
  ASSERT_TRUE(PassportFromJson(good, 48).ok());
  const auto refuses = [&](auto&& change) {
    Json json = good;
    change(json);
    return PassportFromJson(json, 48).status().code() == StatusCode::kInvalidArgument;
  };
  EXPECT_TRUE(refuses([](Json& json) { json["canaries"] = Json::array(); }));
  EXPECT_TRUE(refuses([](Json& json) { json["canaries"] = 1; }));
  EXPECT_TRUE(refuses([](Json& json) { json["canaries"][0]["vector"] = "AAAA"; }));
  EXPECT_TRUE(refuses([](Json& json) { json["canaries"][0]["more"] = 1; }));
  EXPECT_TRUE(refuses([](Json& json) { json["made_at"] = "now"; }));
  EXPECT_TRUE(refuses([](Json& json) {
    std::string text = json["canaries"][0]["vector"];
    text[5] = '!';
    json["canaries"][0]["vector"] = text;
  }));
}

// What may meet, by what differs.
TEST(SpaceCheckTest, OnlyWhatCannotChangeVectorsMayDiffer) {
  struct Case {
    const char* name;
    std::function<void(ai::EmbeddingSpace&)> change;
    bool searches, searches_by_canaries, builds_by_canaries;
  };
  const Case cases[] = {
      {"nothing", [](auto&) {}, true, true, true},
      {"provider", [](auto& s) { s.provider = "ollama"; }, false, false, false},
      {"model", [](auto& s) { s.model = "other"; }, false, false, false},
      {"digest", [](auto& s) { s.digest = "abc"; }, false, false, false},
      {"no digest", [](auto& s) { s.digest = ""; }, false, true, true},
      {"dimensions", [](auto& s) { s.dimensions = 47; }, false, false, false},
      {"pooling", [](auto& s) { s.pooling = "cls"; }, false, false, false},
      {"normalized", [](auto& s) { s.normalized = false; }, false, false, false},
      {"prefix", [](auto& s) { s.document_prefix = "passage: "; }, false, false, false},
      {"query prefix", [](auto& s) { s.query_prefix = "query: "; }, false, false, false},
      {"bf16", [](auto& s) { s.precision = "bf16"; }, false, true, true},
      {"int8", [](auto& s) { s.precision = "int8"; }, false, false, false},
      {"max_tokens", [](auto& s) { s.max_tokens = 65; }, false, false, false},
      {"chunker", [](auto& s) { s.chunker_version += 1; }, true, true, false},
  };
  const ai::EmbeddingSpace index = HashedWordsModel().space();
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    ai::EmbeddingSpace answering = index;
    c.change(answering);
    const auto check = [&](SpaceUse use, bool has_passport) {
      const Status status = CheckSpace("index a", index, answering, use, has_passport);
      EXPECT_TRUE(status.ok() || status.code() == StatusCode::kConflict);
      return status.ok();
    };
    EXPECT_EQ(check(SpaceUse::kSearch, false), c.searches);
    EXPECT_EQ(check(SpaceUse::kSearch, true), c.searches_by_canaries);
    EXPECT_EQ(check(SpaceUse::kBuild, true), c.builds_by_canaries);
  }
}

TEST(SpaceCheckTest, NamesBothSpacesAndWhatDiffers) {
  const ai::EmbeddingSpace index = HashedWordsModel().space();
  ai::EmbeddingSpace other = index;
  other.digest = Sha256Hex("others");
  const Status status = CheckSpace("index people_v1", index, other, SpaceUse::kSearch, true);
  EXPECT_EQ(status.code(), StatusCode::kConflict);
  for (const std::string& part :
       {std::string("index people_v1"), index.digest.substr(0, 12), other.digest.substr(0, 12),
        std::string("the name hashed-words belongs to another model by now")}) {
    EXPECT_THAT(status.message(), HasSubstr(part));
  }
}

}  // namespace
}  // namespace lakehouse::search
