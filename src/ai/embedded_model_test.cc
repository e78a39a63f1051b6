#include "ai/embedded_model.h"

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
#include "ai/embedding_model_conformance.h"
#include "ai/encoder/text_encoder.h"
#include "ai/model_file.h"
#include "base/metrics.h"
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

Vectors EmbedAll(EmbeddingModel& model, const std::vector<std::string>& texts,
                 Role role = Role::kDocument) {
  const auto results = model.Embed(texts, {.role = role});
  EXPECT_TRUE(results.ok()) << results.status().ToString();
  Vectors vectors;
  if (!results.ok()) return vectors;
  for (const auto& result : *results) {
    EXPECT_TRUE(result.ok()) << result.status().ToString();
    vectors.push_back(result.value_or({}));
  }
  return vectors;
}

// More texts than a test has patience for.
std::vector<std::string> ManyTexts() {
  std::vector<std::string> texts;
  for (int i = 0; i < 20'000; ++i) {
    texts.push_back("number " + std::to_string(i) + " of very many texts about the same thing");
  }
  return texts;
}

EmbeddedModelOptions MiniLm() {
  const AiConfig config;
  return {.name = config.model, .directory = ModelDirectory(config)};
}

// all-MiniLM-L6-v2, as the set-up installs it.
class EmbeddedModelTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto opened = OpenEmbeddedModel(MiniLm());
    ASSERT_TRUE(opened.ok()) << "run tools/bootstrap: " << opened.status().ToString();
    model_ = std::move(*opened).release();
  }
  static void TearDownTestSuite() {
    delete model_;
    model_ = nullptr;
  }
  void SetUp() override { ASSERT_NE(model_, nullptr) << "run tools/bootstrap"; }

  static EmbeddingModel* model_;
};

EmbeddingModel* EmbeddedModelTest::model_ = nullptr;

TEST_F(EmbeddedModelTest, VectorsAreThoseOfTheReference) {
  const std::vector<std::string> texts = lakehouse::testing::ReferenceTexts();
  const Vectors expected = lakehouse::testing::ReferenceVectors(384);
  ASSERT_EQ(texts.size(), 1000U);
  ASSERT_EQ(expected.size(), texts.size());
  const Vectors vectors = EmbedAll(*model_, texts);
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
  const EmbeddingSpace& space = model_->space();
  EXPECT_EQ(space.provider, "embedded");
  EXPECT_EQ(space.model, "all-MiniLM-L6-v2");
  EXPECT_EQ(space.digest.size(), 64U);
  EXPECT_EQ(space.dimensions, 384);
  EXPECT_EQ(space.pooling, "mean");
  EXPECT_TRUE(space.normalized);
  const bool has_bf16 = TextEncoder::CanCompute(Precision::kBf16, BestEncoderKernels());
  EXPECT_EQ(space.precision, has_bf16 ? "bf16" : "f32");
  EXPECT_EQ(space.max_tokens, 256);
  EXPECT_EQ(space.chunker_version, kChunkerVersion);
}

TEST_F(EmbeddedModelTest, VectorIsTheSameBitForBitInAnyCall) {
  std::vector<std::string> texts = lakehouse::testing::ReferenceTexts();
  texts.erase(texts.begin(), texts.begin() + 900);
  const Vectors together = EmbedAll(*model_, texts);
  std::ranges::reverse(texts);
  Vectors reversed = EmbedAll(*model_, texts);
  std::ranges::reverse(reversed);
  EXPECT_EQ(together, reversed);
  for (size_t i = 0; i < 10; ++i) {
    EXPECT_EQ(EmbedAll(*model_, {texts[i]}, Role::kQuery)[0], together[texts.size() - 1 - i]);
  }
}

TEST_F(EmbeddedModelTest, EqualTextsHaveEqualVectors) {
  const Vectors vectors =
      EmbedAll(*model_, {"night nurse", "welder", "night nurse", "Night  Nurse"});
  EXPECT_EQ(vectors[0], vectors[2]);
  EXPECT_EQ(vectors[0], vectors[3]);
  EXPECT_NE(vectors[0], vectors[1]);
}

TEST_F(EmbeddedModelTest, NearMeaningIsNearInSpace) {
  const Vectors vectors = EmbedAll(
      *model_, {"night-shift nurse who speaks Spanish",
                "registered nurse, fluent in Spanish, works overnight", "forklift operator"});
  EXPECT_GT(Cosine(vectors[0], vectors[1]), Cosine(vectors[0], vectors[2]) + 0.3);
}

TEST_F(EmbeddedModelTest, AnyBytesAreText) {
  const Vectors vectors = EmbedAll(*model_, {"caf\xE9 bar", "caf\uFFFD bar", "", "\xFF"});
  EXPECT_EQ(vectors[0], vectors[1]);
  EXPECT_EQ(vectors[2], vectors[3]);
}

TEST_F(EmbeddedModelTest, NoTextsGiveNoVectors) { EXPECT_TRUE(EmbedAll(*model_, {}).empty()); }

TEST_F(EmbeddedModelTest, TokensAreCountedBeyondTheLimit) {
  EXPECT_EQ(model_->CountTokens(""), 2U);
  EXPECT_EQ(model_->CountTokens("night nurse"), 4U);
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "nurse ";
  EXPECT_EQ(model_->CountTokens(text), 1002U);
}

TEST_F(EmbeddedModelTest, CancelledCallFailsAsAWhole) {
  CancelToken cancel;
  cancel.Cancel();
  const std::vector<std::string> texts = {"one", "two"};
  EXPECT_EQ(model_->Embed(texts, {.cancel = cancel}).status().code(), StatusCode::kCancelled);
}

TEST_F(EmbeddedModelTest, CancelStopsALongCall) {
  const std::vector<std::string> texts = ManyTexts();
  CancelToken cancel;
  std::thread canceller([cancel]() mutable {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    cancel.Cancel();
  });
  EXPECT_EQ(model_->Embed(texts, {.cancel = cancel}).status().code(), StatusCode::kCancelled);
  canceller.join();
  EXPECT_EQ(EmbedAll(*model_, {"still works"}).size(), 1U);
}

TEST_F(EmbeddedModelTest, QueriesDoNotWaitForDocuments) {
  const std::vector<std::string> texts = ManyTexts();
  CancelToken cancel;
  std::atomic<bool> done = false;
  std::thread documents([&] {
    EXPECT_FALSE(model_->Embed(texts, {.cancel = cancel}).ok());
    done = true;
  });
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(EmbedAll(*model_, {"query " + std::to_string(i)}, Role::kQuery).size(), 1U);
    EXPECT_FALSE(done);
  }
  cancel.Cancel();
  documents.join();
}

TEST_F(EmbeddedModelTest, SmallCallDoesNotWaitForALargeOne) {
  const std::vector<std::string> texts = ManyTexts();
  CancelToken cancel;
  std::atomic<bool> done = false;
  std::thread large([&] {
    EXPECT_FALSE(model_->Embed(texts, {.cancel = cancel}).ok());
    done = true;
  });
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(EmbedAll(*model_, {"document " + std::to_string(i), "another"}).size(), 2U);
    EXPECT_FALSE(done);
  }
  cancel.Cancel();
  large.join();
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
          EmbedAll(*model_, mine, caller % 2 == 0 ? Role::kDocument : Role::kQuery);
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
    options_.name = "tiny";
    options_.directory = directory_.path();
    options_.threads = 1;
    options_.metrics = &metrics_;
  }
  void Put(const std::string& name, std::string_view text) {
    lakehouse::testing::WriteTextFile(directory_.Join(name), text);
  }
  std::unique_ptr<EmbeddingModel> Open() {
    auto opened = OpenEmbeddedModel(options_);
    EXPECT_TRUE(opened.ok()) << opened.status().ToString();
    return opened.ok() ? *std::move(opened) : nullptr;
  }
  std::string Error(StatusCode code = StatusCode::kInvalidArgument) {
    const auto opened = OpenEmbeddedModel(options_);
    EXPECT_EQ(opened.status().code(), code);
    return opened.status().message();
  }
  uint64_t EncodedTokens() {
    return metrics_
        .GetCounter("lakehouse_embedded_tokens_total",
                    "Tokens that the encoder in this process has computed, duplicates left out.",
                    {{"model", "tiny"}})
        .value();
  }

  lakehouse::testing::TempDir directory_;
  MetricsRegistry metrics_;
  EmbeddedModelOptions options_;
};

TEST_F(OpenEmbeddedModelTest, OpensAnyBertDirectory) {
  Put("config_sentence_transformers.json", R"({"prompts": {"query": "river ", "document": ""}})");
  const auto model = Open();
  ASSERT_NE(model, nullptr);
  EXPECT_EQ(model->space().dimensions, TinyModel::kWidth);
  EXPECT_EQ(model->CountTokens("night nurse"), 4U);
  EXPECT_EQ(model->space().digest, Open()->space().digest);
  // The prefix of queries is part of their text.
  EXPECT_EQ(EmbedAll(*model, {"river night"}), EmbedAll(*model, {"night"}, Role::kQuery));
}

TEST_F(OpenEmbeddedModelTest, DigestIsThatOfTheWeights) {
  const std::string digest = Open()->space().digest;
  std::string weights = TinyModel::Weights();
  weights.back() ^= 1;
  Put("model.safetensors", weights);
  EXPECT_NE(Open()->space().digest, digest);
}

TEST_F(OpenEmbeddedModelTest, OptionsOverrideTheDirectory) {
  Put("config_sentence_transformers.json", R"({"prompts": {"query": "river ", "document": ""}})");
  options_.query_prefix = "";
  options_.document_prefix = "nurse ";
  options_.max_tokens = 5;
  options_.precision = "f32";
  const auto model = Open();
  ASSERT_NE(model, nullptr);
  EXPECT_EQ(model->space().document_prefix, "nurse ");
  EXPECT_EQ(model->space().query_prefix, "");
  EXPECT_EQ(model->space().max_tokens, 5);
  EXPECT_EQ(model->space().precision, "f32");
  EXPECT_EQ(EmbedAll(*model, {"night"}), EmbedAll(*model, {"nurse night"}, Role::kQuery));
  EXPECT_EQ(EmbedAll(*model, {"night river day"}), EmbedAll(*model, {"night river"}));
  EXPECT_EQ(model->CountTokens("night"), 4U);
}

TEST_F(OpenEmbeddedModelTest, MakesFewerDimensionsWhereTheModelAllows) {
  options_.dimensions = 16;
  EXPECT_THAT(Error(), HasSubstr("dimensions"));
  Put("config.json", TinyModel::Config(R"({"is_matryoshka": true})"));
  const auto model = Open();
  ASSERT_NE(model, nullptr);
  EXPECT_EQ(model->space().dimensions, 16);
  EXPECT_TRUE(model->space().normalized);
  EXPECT_EQ(EmbedAll(*model, {"night"})[0].size(), 16U);
}

TEST_F(OpenEmbeddedModelTest, CutsTextsAtTheLimit) {
  Put("sentence_bert_config.json", R"({"max_seq_length": 4})");
  const auto model = Open();
  ASSERT_NE(model, nullptr);
  const Vectors vectors = EmbedAll(*model, {"river nurse night night", "river nurse"});
  EXPECT_EQ(vectors[0], vectors[1]);
}

TEST_F(OpenEmbeddedModelTest, EqualTokensAreEncodedOnce) {
  options_.precision = "f32";
  const auto model = Open();
  ASSERT_NE(model, nullptr);
  const uint64_t before = EncodedTokens();
  EmbedAll(*model, {"night nurse", "Night  NURSE", "river", "night nurse", "river"});
  EXPECT_EQ(EncodedTokens() - before, 4U + 3U);
}

TEST_F(OpenEmbeddedModelTest, TextWhoseVectorIsNotFiniteFailsAlone) {
  // Every value of the word river is so large that their sum is not a float.
  std::string weights = TinyModel::Weights();
  const size_t header = 8 + static_cast<unsigned char>(weights[0]) +
                        256 * static_cast<size_t>(static_cast<unsigned char>(weights[1]));
  const std::vector<float> row(TinyModel::kWidth, 3e38F);
  constexpr size_t kRiver = 5;
  weights.replace(header + kRiver * row.size() * sizeof(float), row.size() * sizeof(float),
                  reinterpret_cast<const char*>(row.data()), row.size() * sizeof(float));
  options_.precision = "f32";
  const Vectors expected = EmbedAll(*Open(), {"nurse", "night day"});
  Put("model.safetensors", weights);
  const auto model = Open();
  ASSERT_NE(model, nullptr);
  const std::vector<std::string> texts = {"nurse", "night river", "night day"};
  const Result<Embeddings> results = model->Embed(texts, {});
  ASSERT_TRUE(results.ok()) << results.status().ToString();
  EXPECT_THAT((*results)[1].status().message(), HasSubstr("not finite"));
  EXPECT_EQ(*(*results)[0], expected[0]);
  EXPECT_EQ(*(*results)[2], expected[1]);
}

TEST_F(OpenEmbeddedModelTest, MissingModelNamesTheCommandThatInstallsIt) {
  options_.directory = directory_.Join("nowhere");
  EXPECT_THAT(Error(StatusCode::kNotFound), HasSubstr("tools/bootstrap"));
}

TEST_F(OpenEmbeddedModelTest, RefusesOptionsThatMeanNothing) {
  options_.precision = "int4";
  EXPECT_THAT(Error(), AllOf(HasSubstr("precision"), HasSubstr("int4")));
  options_.precision = "f32";
  options_.threads = -1;
  EXPECT_THAT(Error(), HasSubstr("threads"));
  options_.threads = 1;
  options_.max_tokens = TinyModel::kPositions + 1;
  EXPECT_THAT(Error(), AllOf(HasSubstr("max_tokens"), HasSubstr("16 positions")));
  options_.max_tokens = 2;
  EXPECT_THAT(Error(), HasSubstr("no room for text"));
}

TEST_F(OpenEmbeddedModelTest, NamesTheFileThatIsMissingOrDamaged) {
  for (const char* name : {"config.json", "vocab.txt", "model.safetensors"}) {
    std::filesystem::remove(directory_.Join(name));
    EXPECT_THAT(Error(), HasSubstr(name));
    TinyModel::Write(directory_.path());
  }
  Put("model.safetensors", TinyModel::Weights().substr(0, 5000));
  EXPECT_THAT(Error(), HasSubstr("model.safetensors"));
  TinyModel::Write(directory_.path());
  Put("config.json", TinyModel::Config(R"({"model_type": "xlm-roberta"})"));
  EXPECT_THAT(Error(), HasSubstr("xlm-roberta"));
}

TEST_F(OpenEmbeddedModelTest, RefusesACrossEncoder) {
  Put("config.json", TinyModel::Config(R"({"architectures": ["BertForSequenceClassification"],
                                          "num_labels": 1, "id2label": {"0": "score"}})"));
  EXPECT_THAT(Error(), HasSubstr("cross-encoder"));
}

TEST_F(OpenEmbeddedModelTest, RefusesATokenizerOfAnotherModel) {
  Put("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nriver\nnurse\nnight\nday\n");
  EXPECT_THAT(Error(), AllOf(HasSubstr("9 ids"), HasSubstr("8")));
}

// A tiny model, with the directory that it came from.
std::shared_ptr<EmbeddingModel> OpenTinyModel(const std::string& precision) {
  struct Holder {
    lakehouse::testing::TempDir directory;
    std::unique_ptr<EmbeddingModel> model;
  };
  auto holder = std::make_shared<Holder>();
  TinyModel::Write(holder->directory.path());
  lakehouse::testing::WriteTextFile(holder->directory.Join("config_sentence_transformers.json"),
                                    R"({"prompts": {"query": "night ", "document": ""}})");
  auto opened = OpenEmbeddedModel({.name = "tiny",
                                   .directory = holder->directory.path(),
                                   .precision = precision,
                                   .threads = 2});
  EXPECT_TRUE(opened.ok()) << opened.status().ToString();
  if (!opened.ok()) return nullptr;
  holder->model = *std::move(opened);
  return {holder, holder->model.get()};
}
std::shared_ptr<EmbeddingModel> OpenFaithfulModel() { return OpenTinyModel("auto"); }
std::shared_ptr<EmbeddingModel> OpenF32Model() { return OpenTinyModel("f32"); }

INSTANTIATE_TEST_SUITE_P(Embedded, EmbeddingModelConformance,
                         ::testing::Values(&OpenFaithfulModel, &OpenF32Model));

}  // namespace
}  // namespace lakehouse::ai
