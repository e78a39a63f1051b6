#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ai/chunker.h"
#include "ai/embedding_model.h"
#include "base/hash.h"
#include "reference/reference.h"
#include "reference/tiny_model.h"
#include "support/temp_dir.h"

namespace lakehouse::ai {
namespace {

using ::lakehouse::testing::TinyModel;
using ::testing::HasSubstr;
using Vectors = std::vector<std::vector<float>>;

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

Vectors EmbedAll(EmbeddingModel& provider, const std::vector<std::string>& texts,
                 Role role = Role::kDocument) {
  const auto results = provider.Embed(texts, role, CancelToken());
  EXPECT_TRUE(results.ok()) << results.status().ToString();
  Vectors vectors;
  if (!results.ok()) return vectors;
  for (const auto& result : *results) {
    EXPECT_TRUE(result.ok()) << result.status().ToString();
    vectors.push_back(result.value_or({}));
  }
  return vectors;
}

// all-MiniLM-L6-v2, as the set-up installs it.
class EmbeddedModelTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto opened = OpenEmbeddedModel(AiConfig());
    ASSERT_TRUE(opened.ok()) << "run tools/bootstrap: " << opened.status().ToString();
    provider_ = std::move(*opened).release();
  }
  static void TearDownTestSuite() {
    delete provider_;
    provider_ = nullptr;
  }
  void SetUp() override { ASSERT_NE(provider_, nullptr) << "run tools/bootstrap"; }

  static EmbeddingModel* provider_;
};

EmbeddingModel* EmbeddedModelTest::provider_ = nullptr;

TEST_F(EmbeddedModelTest, VectorsAreThoseOfTheReference) {
  const std::vector<std::string> texts = lakehouse::testing::ReferenceTexts();
  const Vectors expected = lakehouse::testing::ReferenceVectors(384);
  ASSERT_EQ(texts.size(), 1000U);
  ASSERT_EQ(expected.size(), texts.size());
  const Vectors vectors = EmbedAll(*provider_, texts);
  ASSERT_EQ(vectors.size(), texts.size());
  double minimum = 1;
  for (size_t i = 0; i < texts.size(); ++i) {
    const double cosine = Cosine(vectors[i], expected[i]);
    EXPECT_GE(cosine, 0.9999) << "line " << i + 1;
    minimum = std::min(minimum, cosine);
  }
  std::cout << "minimum cosine over " << texts.size() << " texts: 1 - " << 1 - minimum << "\n";
}

TEST_F(EmbeddedModelTest, SpaceSaysWhatTheVectorsMean) {
  const EmbeddingSpace& space = provider_->space();
  EXPECT_EQ(space.provider, "embedded");
  EXPECT_EQ(space.model, "all-MiniLM-L6-v2");
  EXPECT_EQ(space.digest, "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db");
  EXPECT_EQ(space.dimensions, 384);
  EXPECT_EQ(space.pooling, "mean");
  EXPECT_TRUE(space.normalized);
  EXPECT_EQ(space.precision, "f32");
  EXPECT_EQ(space.max_tokens, 256);
  EXPECT_EQ(space.chunker_version, kChunkerVersion);
}

TEST_F(EmbeddedModelTest, VectorIsTheSameBitForBitInAnyCall) {
  std::vector<std::string> texts = lakehouse::testing::ReferenceTexts();
  texts.erase(texts.begin(), texts.begin() + 900);
  const Vectors together = EmbedAll(*provider_, texts);
  std::ranges::reverse(texts);
  Vectors reversed = EmbedAll(*provider_, texts);
  std::ranges::reverse(reversed);
  EXPECT_EQ(together, reversed);
  for (size_t i = 0; i < 10; ++i) {
    EXPECT_EQ(EmbedAll(*provider_, {texts[i]}, Role::kQuery)[0], together[texts.size() - 1 - i]);
  }
}

TEST_F(EmbeddedModelTest, EqualTextsHaveEqualVectors) {
  const Vectors vectors =
      EmbedAll(*provider_, {"night nurse", "welder", "night nurse", "Night  Nurse"});
  EXPECT_EQ(vectors[0], vectors[2]);
  EXPECT_EQ(vectors[0], vectors[3]);
  EXPECT_NE(vectors[0], vectors[1]);
}

TEST_F(EmbeddedModelTest, NearMeaningIsNearInSpace) {
  const Vectors vectors = EmbedAll(
      *provider_, {"night-shift nurse who speaks Spanish",
                   "registered nurse, fluent in Spanish, works overnight", "forklift operator"});
  EXPECT_GT(Cosine(vectors[0], vectors[1]), Cosine(vectors[0], vectors[2]) + 0.3);
}

TEST_F(EmbeddedModelTest, AnyBytesAreText) {
  const Vectors vectors = EmbedAll(*provider_, {"caf\xE9 bar", "caf\uFFFD bar", "", "\xFF"});
  EXPECT_EQ(vectors[0], vectors[1]);
  EXPECT_EQ(vectors[2], vectors[3]);
}

TEST_F(EmbeddedModelTest, NoTextsGiveNoVectors) {
  EXPECT_TRUE(EmbedAll(*provider_, {}).empty());
}

TEST_F(EmbeddedModelTest, TokensAreCountedBeyondTheLimit) {
  EXPECT_EQ(provider_->CountTokens(""), 2U);
  EXPECT_EQ(provider_->CountTokens("night nurse"), 4U);
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "nurse ";
  EXPECT_EQ(provider_->CountTokens(text), 1002U);
}

TEST_F(EmbeddedModelTest, CancelledCallFailsAsAWhole) {
  CancelToken cancel;
  cancel.Cancel();
  const std::vector<std::string> texts = {"one", "two"};
  EXPECT_EQ(provider_->Embed(texts, Role::kDocument, cancel).status().code(),
            StatusCode::kCancelled);
}

TEST_F(EmbeddedModelTest, CancelStopsALongCall) {
  std::vector<std::string> texts;
  for (int i = 0; i < 20'000; ++i) {
    texts.push_back("number " + std::to_string(i) + " of very many texts about the same thing");
  }
  CancelToken cancel;
  std::thread canceller([cancel]() mutable {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    cancel.Cancel();
  });
  EXPECT_EQ(provider_->Embed(texts, Role::kDocument, cancel).status().code(),
            StatusCode::kCancelled);
  canceller.join();
  EXPECT_EQ(EmbedAll(*provider_, {"still works"}).size(), 1U);
}

TEST_F(EmbeddedModelTest, QueriesDoNotWaitForDocuments) {
  std::vector<std::string> texts;
  for (int i = 0; i < 20'000; ++i) {
    texts.push_back("number " + std::to_string(i) + " of very many texts about the same thing");
  }
  CancelToken cancel;
  std::atomic<bool> done = false;
  std::thread documents([&] {
    EXPECT_FALSE(provider_->Embed(texts, Role::kDocument, cancel).ok());
    done = true;
  });
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(EmbedAll(*provider_, {"query " + std::to_string(i)}, Role::kQuery).size(), 1U);
    EXPECT_FALSE(done);
  }
  cancel.Cancel();
  documents.join();
}

TEST_F(EmbeddedModelTest, ManyCallersGetTheirOwnVectors) {
  const std::vector<std::string> texts = lakehouse::testing::ReferenceTexts();
  const Vectors expected = lakehouse::testing::ReferenceVectors(384);
  std::vector<std::thread> callers;
  for (size_t caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&, caller] {
      const auto first = static_cast<std::ptrdiff_t>(960 + 10 * caller);
      const std::vector<std::string> mine(texts.begin() + first, texts.begin() + first + 10);
      const Vectors vectors =
          EmbedAll(*provider_, mine, caller % 2 == 0 ? Role::kDocument : Role::kQuery);
      for (size_t i = 0; i < mine.size(); ++i) {
        EXPECT_GE(Cosine(vectors[i], expected[960 + 10 * caller + i]), 0.9999);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
}

// A small model in a directory of its own, to damage.
class OpenEmbeddedModelTest : public ::testing::Test {
 protected:
  OpenEmbeddedModelTest() {
    TinyModel::Write(directory_.path());
    config_.model = "tiny";
    config_.model_dir = directory_.path();
    config_.threads = 1;
  }
  void Put(const std::string& name, std::string_view text) {
    lakehouse::testing::WriteTextFile(directory_.Join(name), text);
  }
  std::string Error(StatusCode code = StatusCode::kInvalidArgument) {
    const auto opened = OpenEmbeddedModel(config_);
    EXPECT_EQ(opened.status().code(), code);
    return opened.status().message();
  }

  lakehouse::testing::TempDir directory_;
  AiConfig config_;
};

TEST_F(OpenEmbeddedModelTest, OpensAnyBertDirectory) {
  Put("config_sentence_transformers.json", R"({"prompts": {"query": "river ", "document": ""}})");
  const auto provider = OpenEmbeddedModel(config_);
  ASSERT_TRUE(provider.ok()) << provider.status().ToString();
  EXPECT_EQ((*provider)->space().dimensions, TinyModel::kWidth);
  EXPECT_EQ((*provider)->space().digest, Sha256Hex(TinyModel::Weights()));
  EXPECT_EQ((*provider)->CountTokens("night nurse"), 4U);
  // The prefix of queries is part of their text.
  const auto document = EmbedAll(**provider, {"river night"});
  EXPECT_EQ(document, EmbedAll(**provider, {"night"}, Role::kQuery));
}

TEST_F(OpenEmbeddedModelTest, CutsTextsAtTheLimit) {
  Put("sentence_bert_config.json", R"({"max_seq_length": 4})");
  const auto provider = OpenEmbeddedModel(config_);
  ASSERT_TRUE(provider.ok()) << provider.status().ToString();
  const Vectors vectors = EmbedAll(**provider, {"river nurse night night", "river nurse"});
  EXPECT_EQ(vectors[0], vectors[1]);
}

TEST_F(OpenEmbeddedModelTest, MissingModelNamesTheCommandThatInstallsIt) {
  config_.model_dir = directory_.Join("nowhere");
  EXPECT_THAT(Error(StatusCode::kNotFound), HasSubstr("tools/bootstrap"));
}

TEST_F(OpenEmbeddedModelTest, RefusesUnknownPrecisionAndThreads) {
  config_.precision = "int8";
  EXPECT_THAT(Error(), AllOf(HasSubstr("precision"), HasSubstr("int8")));
  config_.precision = "f32";
  config_.threads = -1;
  EXPECT_THAT(Error(), HasSubstr("threads"));
}

TEST_F(OpenEmbeddedModelTest, NamesTheFileThatIsMissingOrDamaged) {
  for (const char* name : {"config.json", "vocab.txt", "model.safetensors"}) {
    std::filesystem::remove(directory_.Join(name));
    EXPECT_THAT(Error(), HasSubstr(name));
    TinyModel::Write(directory_.path());
  }
  Put("model.safetensors", TinyModel::Weights().substr(0, 5000));
  EXPECT_THAT(Error(), HasSubstr("model.safetensors: damaged"));
  TinyModel::Write(directory_.path());
  Put("config.json", TinyModel::Config(R"({"model_type": "nomic_bert"})"));
  EXPECT_THAT(Error(), HasSubstr("nomic_bert"));
}

TEST_F(OpenEmbeddedModelTest, RefusesATokenizerOfAnotherModel) {
  Put("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nriver\nnurse\nnight\nday\n");
  EXPECT_THAT(Error(), AllOf(HasSubstr("9 ids"), HasSubstr("8")));
}

TEST(EmbeddingSpaceTest, SurvivesJson) {
  const EmbeddingSpace space{.provider = "embedded",
                             .model = "e5-small-v2",
                             .digest = "00ff",
                             .dimensions = 384,
                             .pooling = "mean",
                             .normalized = false,
                             .document_prefix = "passage: ",
                             .query_prefix = "query: ",
                             .precision = "f32",
                             .max_tokens = 512,
                             .chunker_version = 3};
  const Result<EmbeddingSpace> read = EmbeddingSpaceFromJson(EmbeddingSpaceToJson(space));
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ(*read, space);
}

TEST(EmbeddingSpaceTest, RefusesMissingAndUnknownFields) {
  Json json = EmbeddingSpaceToJson({.dimensions = 1, .max_tokens = 1});
  json["colour"] = "red";
  EXPECT_THAT(EmbeddingSpaceFromJson(json).status().message(), HasSubstr("colour"));
  json.erase("colour");
  json.erase("digest");
  EXPECT_THAT(EmbeddingSpaceFromJson(json).status().message(), HasSubstr("digest"));
}

}  // namespace
}  // namespace lakehouse::ai
