// Compares the encoder with sentence-transformers on tiny models of every kind.
#include <algorithm>
#include <cmath>
#include <utility>

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
  // One vector after the other.
  Result<std::vector<float>> Encode(Precision precision, const EncoderKernels& kernels) {
    ASSIGN_OR_RETURN(const ModelConfig config, ReadConfig());
    ASSIGN_OR_RETURN(const auto reader, ModelReader::Open(directory_.path(), config));
    ASSIGN_OR_RETURN(const auto encoder, TextEncoder::Load(config, *reader, precision, kernels));
    ASSIGN_OR_RETURN(const auto workspace, encoder->MakeWorkspace({}));
    std::vector<TokenSequence> texts;
    for (size_t i = 0; i < GetParam().texts.size(); ++i) {
      texts.push_back({.ids = GetParam().texts[i], .second_begin = GetParam().second_begins[i]});
    }
    std::vector<float> vectors(texts.size() * encoder->dimensions());
    TRY(encoder->Encode(texts, *workspace, vectors));
    return vectors;
  }
  // The largest difference of a value to that of the reference.
  float Worst(const std::vector<float>& vectors) {
    const size_t width = GetParam().vectors[0].size();
    float worst = 0;
    for (size_t i = 0; i < vectors.size(); ++i) {
      worst = std::max(worst, std::abs(vectors[i] - GetParam().vectors[i / width][i % width]));
    }
    return worst;
  }

  lakehouse::testing::TempDir directory_;
};

TEST_P(ModelGoldenTest, VectorsAreThoseOfTheReference) {
  const GoldenModel& model = GetParam();
  for (const EncoderKernels* kernels : AllEncoderKernels()) {
    if (!kernels->supported()) continue;
    SCOPED_TRACE(kernels->name);
    const Result<std::vector<float>> vectors = Encode(Precision::kF32, *kernels);
    ASSERT_TRUE(vectors.ok()) << vectors.status().ToString();
    ASSERT_EQ(vectors->size(), model.vectors.size() * model.vectors[0].size());
    EXPECT_LE(Worst(*vectors), kTolerance);
  }
}

TEST_P(ModelGoldenTest, NarrowArithmeticComesNear) {
  // Of the largest value. A wrong layout or scale is off by its whole size.
  const std::pair<Precision, float> kTolerances[] = {
      {Precision::kBf16F32Attention, 0.02F}, {Precision::kBf16, 0.02F}, {Precision::kInt8, 0.05F}};
  const EncoderKernels& kernels = BestEncoderKernels();
  for (const auto& [precision, tolerance] : kTolerances) {
    if (!TextEncoder::CanCompute(precision, kernels)) continue;
    const Result<std::vector<float>> vectors = Encode(precision, kernels);
    ASSERT_TRUE(vectors.ok()) << vectors.status().ToString();
    float largest = 0;
    for (const float value : *vectors) largest = std::max(largest, std::abs(value));
    EXPECT_LE(Worst(*vectors), tolerance * largest) << static_cast<int>(precision);
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
