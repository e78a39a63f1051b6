#include "ai/encoder/bert_encoder.h"

#include <cmath>
#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ai/model_file.h"
#include "reference/reference.h"
#include "reference/tiny_model.h"
#include "support/temp_dir.h"

namespace lakehouse::ai {
namespace {

using ::lakehouse::testing::TinyModel;
using ::testing::HasSubstr;

constexpr size_t kWidth = TinyModel::kWidth;

ModelConfig TinyConfig() {
  const lakehouse::testing::TempDir directory;
  TinyModel::Write(directory.path());
  const Result<ModelConfig> config = ReadModelConfig(directory.path(), "tiny");
  CHECK(config.ok());
  return *config;
}

std::unique_ptr<BertEncoder> LoadTiny(const ModelConfig& config) {
  const std::string weights = TinyModel::Weights();
  const Result<Safetensors> tensors = Safetensors::Parse(weights, "weights");
  CHECK(tensors.ok());
  auto encoder = BertEncoder::Load(config, *tensors, BestEncoderKernels());
  CHECK(encoder.ok());
  return *std::move(encoder);
}

std::vector<float> Encode(const BertEncoder& encoder,
                          const std::vector<std::vector<int32_t>>& texts) {
  auto workspace = encoder.MakeWorkspace();
  CHECK(workspace.ok());
  const std::vector<std::span<const int32_t>> spans(texts.begin(), texts.end());
  std::vector<float> vectors(texts.size() * encoder.dimensions());
  const Status status = encoder.Encode(spans, **workspace, vectors);
  CHECK(status.ok());
  return vectors;
}

TEST(BertEncoderTest, VectorDoesNotDependOnItsBatch) {
  const auto encoder = LoadTiny(TinyConfig());
  const std::vector<int32_t> text = {2, 5, 7, 6, 3};
  const std::vector<float> alone = Encode(*encoder, {text});
  std::vector<std::vector<int32_t>> batch;
  for (size_t before = 0; before < 40; ++before) {
    batch.push_back(text);
    batch.push_back(std::vector<int32_t>(1 + before % 16, static_cast<int32_t>(before % 8)));
    const std::vector<float> vectors = Encode(*encoder, batch);
    for (size_t i = 0; i < batch.size(); i += 2) {
      ASSERT_EQ(std::memcmp(vectors.data() + i * kWidth, alone.data(), kWidth * sizeof(float)), 0);
    }
  }
}

TEST(BertEncoderTest, WorkspaceServesAgainWithShorterTexts) {
  const auto encoder = LoadTiny(TinyConfig());
  auto workspace = encoder->MakeWorkspace();
  ASSERT_TRUE(workspace.ok());
  const std::vector<int32_t> ids(16, 5);
  const auto encode = [&](size_t length) {
    const std::span<const int32_t> text = std::span(ids).first(length);
    std::vector<float> vector(kWidth);
    EXPECT_TRUE(encoder->Encode(std::span(&text, 1), **workspace, vector).ok());
    return vector;
  };
  const std::vector<float> first = encode(3);
  encode(16);
  EXPECT_EQ(encode(3), first);
}

TEST(BertEncoderTest, PoolingsDiffer) {
  ModelConfig config = TinyConfig();
  // One token: every pooling gives that token's row.
  std::vector<std::vector<float>> one_token;
  std::vector<std::vector<float>> three_tokens;
  for (const Pooling pooling : {Pooling::kMean, Pooling::kCls, Pooling::kMax}) {
    config.pooling = pooling;
    const auto encoder = LoadTiny(config);
    one_token.push_back(Encode(*encoder, {{5}}));
    three_tokens.push_back(Encode(*encoder, {{2, 5, 3}}));
  }
  EXPECT_EQ(one_token[0], one_token[1]);
  EXPECT_EQ(one_token[0], one_token[2]);
  EXPECT_NE(three_tokens[0], three_tokens[1]);
  for (size_t i = 0; i < kWidth; ++i) EXPECT_GE(three_tokens[2][i], three_tokens[1][i]);
  for (size_t i = 0; i < kWidth; ++i) EXPECT_GE(three_tokens[2][i], three_tokens[0][i]);
}

TEST(BertEncoderTest, NormalizesOnRequest) {
  ModelConfig config = TinyConfig();
  config.normalize = true;
  double squares = 0;
  for (const float x : Encode(*LoadTiny(config), {{2, 6, 3}}))
    squares += static_cast<double>(x) * x;
  EXPECT_NEAR(squares, 1, 1e-6);
}

TEST(BertEncoderTest, NamesMissingAndMisshapenTensors) {
  ModelConfig config = TinyConfig();
  const std::string weights = TinyModel::Weights();
  const Result<Safetensors> tensors = Safetensors::Parse(weights, "model.safetensors");
  ASSERT_TRUE(tensors.ok());
  config.layers = 2;
  Status status = BertEncoder::Load(config, *tensors, BestEncoderKernels()).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(),
              AllOf(HasSubstr("model.safetensors"), HasSubstr("encoder.layer.1.attention.self")));
  config.layers = 1;
  config.vocabulary_size = 9;
  status = BertEncoder::Load(config, *tensors, BestEncoderKernels()).status();
  EXPECT_THAT(status.message(), AllOf(HasSubstr("word_embeddings"), HasSubstr("[9,32]")));
}

TEST(BertEncoderTest, EveryInstructionSetGivesTheReferenceVectors) {
  const std::string directory = ModelDirectory(AiConfig());
  const Result<ModelConfig> config = ReadModelConfig(directory, "all-MiniLM-L6-v2");
  ASSERT_TRUE(config.ok()) << "the model is missing; run tools/bootstrap: "
                           << config.status().ToString();
  const Result<std::string> file = ReadModelFile(directory + "/model.safetensors");
  ASSERT_TRUE(file.ok()) << "run tools/bootstrap: " << file.status().ToString();
  const Result<Safetensors> tensors = Safetensors::Parse(*file, "model.safetensors");
  ASSERT_TRUE(tensors.ok()) << tensors.status().ToString();
  std::vector<std::vector<int32_t>> texts = lakehouse::testing::ReferenceTokenIds();
  texts.resize(150);
  const auto expected = lakehouse::testing::ReferenceVectors(384);
  for (const EncoderKernels* kernels : AllEncoderKernels()) {
    if (!kernels->supported()) continue;
    const auto encoder = BertEncoder::Load(*config, *tensors, *kernels);
    ASSERT_TRUE(encoder.ok()) << encoder.status().ToString();
    const std::vector<float> vectors = Encode(**encoder, texts);
    for (size_t i = 0; i < texts.size(); ++i) {
      double product = 0;
      for (size_t k = 0; k < 384; ++k) {
        product += static_cast<double>(vectors[i * 384 + k]) * expected[i][k];
      }
      EXPECT_NEAR(product, 1, 1e-3) << kernels->name << ", line " << i + 1;
    }
  }
}

}  // namespace
}  // namespace lakehouse::ai
