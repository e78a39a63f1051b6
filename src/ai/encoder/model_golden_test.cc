// Compares the encoder with sentence-transformers on tiny models of every kind.
#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "ai/encoder/model_config.h"
#include "ai/encoder/model_reader.h"
#include "ai/encoder/text_encoder.h"
#include "reference/golden_model.h"
#include "support/temp_dir.h"

namespace lakehouse::ai {
namespace {

using ::lakehouse::testing::GoldenModel;

constexpr float kTolerance = 1e-5F;

class ModelGoldenTest : public ::testing::TestWithParam<GoldenModel> {
 protected:
  ModelGoldenTest() { lakehouse::testing::WriteGoldenModel(GetParam(), directory_.path()); }

  Result<ModelConfig> ReadConfig() {
    ASSIGN_OR_RETURN(ModelConfig config, ReadModelConfig(directory_.path(), GetParam().model));
    if (GetParam().dimensions > 0) TRY(ShortenTo(GetParam().dimensions, config));
    return config;
  }
  Result<std::unique_ptr<TextEncoder>> LoadEncoder(const EncoderKernels& kernels) {
    ASSIGN_OR_RETURN(const ModelConfig config, ReadConfig());
    ASSIGN_OR_RETURN(const auto reader, ModelReader::Open(directory_.path(), config));
    return TextEncoder::Load(config, *reader, Precision::kF32, kernels);
  }

  lakehouse::testing::TempDir directory_;
};

TEST_P(ModelGoldenTest, VectorsAreThoseOfTheReference) {
  const GoldenModel& model = GetParam();
  std::vector<TokenSequence> texts;
  for (size_t i = 0; i < model.texts.size(); ++i) {
    texts.push_back({.ids = model.texts[i], .second_begin = model.second_begins[i]});
  }
  for (const EncoderKernels* kernels : AllEncoderKernels()) {
    if (!kernels->supported()) continue;
    SCOPED_TRACE(kernels->name);
    const auto encoder = LoadEncoder(*kernels);
    ASSERT_TRUE(encoder.ok()) << encoder.status().ToString();
    const size_t width = (*encoder)->dimensions();
    ASSERT_EQ(width, model.vectors[0].size());
    const auto workspace = (*encoder)->MakeWorkspace({});
    ASSERT_TRUE(workspace.ok()) << workspace.status().ToString();
    std::vector<float> vectors(texts.size() * width);
    const Status status = (*encoder)->Encode(texts, **workspace, vectors);
    ASSERT_TRUE(status.ok()) << status.ToString();
    float worst = 0;
    for (size_t i = 0; i < vectors.size(); ++i) {
      const float expected = model.vectors[i / width][i % width];
      worst = std::max(worst, std::abs(vectors[i] - expected));
    }
    EXPECT_LE(worst, kTolerance);
    RecordProperty("worst", std::to_string(worst));
  }
}

TEST_P(ModelGoldenTest, ConfigurationAgreesWithTheVectors) {
  const GoldenModel& model = GetParam();
  const Result<ModelConfig> config = ReadConfig();
  ASSERT_TRUE(config.ok()) << config.status().ToString();
  EXPECT_EQ(static_cast<size_t>(config->dimensions()), model.vectors[0].size());
  if (!config->normalizes()) return;
  for (const std::vector<float>& vector : model.vectors) {
    double squares = 0;
    for (const float value : vector) squares += double{value} * value;
    EXPECT_NEAR(squares, 1, 1e-6);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, ModelGoldenTest,
                         ::testing::ValuesIn(lakehouse::testing::ReadGoldenModels()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace lakehouse::ai
