#include "ai/self_check.h"

#include <cmath>
#include <cstring>
#include <functional>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ai/embedded_model.h"
#include "base/rng.h"
#include "base/strings.h"
#include "reference/tiny_model.h"
#include "support/temp_dir.h"

namespace lakehouse::ai {
namespace {

using ::lakehouse::testing::TinyModel;
using ::lakehouse::testing::WriteTextFile;
using ::testing::HasSubstr;

Embeddings Vectors(const std::vector<std::vector<float>>& vectors) {
  return {vectors.begin(), vectors.end()};
}

TEST(LikenessTest, IsTheLeastCosine) {
  const Embeddings a = Vectors({{1, 0}, {0, 2}, {3, 4}});
  EXPECT_DOUBLE_EQ(Likeness(a, a), 1);
  EXPECT_DOUBLE_EQ(Likeness(a, Vectors({{5, 0}, {0, 1}, {4, 3}})), 0.96);
  EXPECT_DOUBLE_EQ(Likeness(a, Vectors({{1, 0}, {2, 0}, {3, 4}})), 0);
}

TEST(LikenessTest, OfScoresIsTheirCorrelation) {
  const Embeddings scores = Vectors({{1}, {2}, {4}, {-3}});
  EXPECT_DOUBLE_EQ(Likeness(scores, scores), 1);
  EXPECT_DOUBLE_EQ(Likeness(scores, Vectors({{7}, {9}, {13}, {-1}})), 1);
  EXPECT_NEAR(Likeness(scores, Vectors({{-1}, {-2}, {-4}, {3}})), -1, 1e-12);
  EXPECT_LT(Likeness(scores, Vectors({{1}, {2}, {-3}, {4}})), 0.5);
}

TEST(LikenessTest, NothingIsLikeWhatIsNotFinite) {
  const Embeddings a = Vectors({{1, 0}, {0, 1}});
  Embeddings b = a;
  b[1] = Internal("no vector");
  EXPECT_EQ(Likeness(a, b), -1);
  EXPECT_EQ(Likeness(b, a), -1);
  EXPECT_EQ(Likeness(a, Vectors({{1, 0}, {0, NAN}})), -1);
  EXPECT_EQ(Likeness(a, Vectors({{1, 0}, {0, 0}})), -1);
}

TEST(SelfCheckTextsTest, AreManyDifferentTextsInUtf8) {
  const std::vector<std::string> texts = SelfCheckTexts(256);
  EXPECT_GE(texts.size(), 33U);
  EXPECT_EQ(std::set<std::string>(texts.begin(), texts.end()).size(), texts.size());
  for (const std::string& text : texts) EXPECT_TRUE(IsValidUtf8(text)) << text;
  EXPECT_GE(std::ranges::count(texts.back(), ' '), 256);
}

// Changes one tensor of a safetensors file.
void Change(std::string& file, const std::string& name,
            const std::function<float(size_t index, float value)>& change) {
  uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof(length));
  const Json header = Json::parse(file.substr(sizeof(length), length));
  const Json& offsets = header.at(name).at("data_offsets");
  char* const begin = file.data() + sizeof(length) + length + offsets[0].get<size_t>();
  const size_t count = (offsets[1].get<size_t>() - offsets[0].get<size_t>()) / sizeof(float);
  for (size_t i = 0; i < count; ++i) {
    float value = 0;
    std::memcpy(&value, begin + i * sizeof(float), sizeof(float));
    value = change(i, value);
    std::memcpy(begin + i * sizeof(float), &value, sizeof(float));
  }
}

// Tiny models that bf16 does not suit.
class FaithfulPrecisionTest : public ::testing::Test {
 protected:
  FaithfulPrecisionTest() { TinyModel::Write(directory_.path()); }
  void SetUp() override {
    if (!TextEncoder::CanCompute(Precision::kBf16, BestEncoderKernels())) {
      GTEST_SKIP() << "this machine has no bf16";
    }
  }

  // A unit of the feed-forward part is always large, and its outputs differ by less than a bf16 of
  // their size: what they have in common is gone after the layer norm, and what they differ in is
  // rounding errors.
  void WriteOutliers() {
    std::string weights = TinyModel::Weights();
    const std::string layer = "encoder.layer.0.";
    Change(weights, layer + "intermediate.dense.bias",
           [](size_t i, float value) { return i == 0 ? 50 : value; });
    Change(weights, layer + "output.dense.weight", [](size_t i, float value) {
      return i % (2 * TinyModel::kWidth) == 0 ? 100 + value : value;
    });
    WriteTextFile(directory_.Join("model.safetensors"), weights);
  }
  // All keys are far from zero in one direction. Softmax does not mind, but a bf16 key cannot say
  // where it is.
  void WriteDistantKeys() {
    std::string weights = TinyModel::Weights();
    const std::string layer = "encoder.layer.0.attention.self.";
    Change(weights, layer + "key.bias", [](size_t, float value) { return value + 300; });
    WriteTextFile(directory_.Join("model.safetensors"), weights);
  }

  // Opens the model with `precision` and notes what the log says.
  Precision Open(const std::string& precision) {
    const auto config = ReadModelConfig(directory_.path(), "tiny");
    const auto tokenizer = Tokenizer::Load(directory_.path());
    EXPECT_TRUE(config.ok() && tokenizer.ok());
    const auto reader = ModelReader::Open(directory_.path(), *config);
    EXPECT_TRUE(reader.ok()) << reader.status().ToString();
    const TokenizeText tokenize = [&](const std::string& text) -> Result<TokenPair> {
      return OneText(tokenizer->Encode(text, static_cast<size_t>(config->max_tokens)));
    };
    ::testing::internal::CaptureStderr();
    const auto pool = OpenFaithfulEncoder(*config, **reader, tokenize,
                                          {.model_name = "tiny", .precision = precision});
    log_ = ::testing::internal::GetCapturedStderr();
    EXPECT_TRUE(pool.ok()) << pool.status().ToString();
    return (*pool)->encoder().precision();
  }

  lakehouse::testing::TempDir directory_;
  std::string log_;
};

TEST_F(FaithfulPrecisionTest, TakesBf16WhereItIsFaithful) {
  EXPECT_EQ(Open("auto"), Precision::kBf16);
  EXPECT_THAT(log_, AllOf(HasSubstr("level=info"), HasSubstr("minimum_cosine=0.9999")));
  EXPECT_EQ(Open("bf16"), Precision::kBf16);
}

TEST_F(FaithfulPrecisionTest, FallsBackToF32AndSaysSo) {
  WriteOutliers();
  for (const char* precision : {"auto", "bf16"}) {
    EXPECT_EQ(Open(precision), Precision::kF32);
    EXPECT_THAT(log_, AllOf(HasSubstr("level=warning"), HasSubstr("computed in f32"),
                            HasSubstr("model=tiny"), HasSubstr("minimum_cosine=0.8"),
                            HasSubstr("with_f32_attention=0.8")));
  }
  // The space tells what it is, not what was asked for.
  const auto model = OpenEmbeddedModel(
      {.name = "tiny", .directory = directory_.path(), .precision = "bf16", .threads = 1});
  ASSERT_TRUE(model.ok()) << model.status().ToString();
  EXPECT_EQ((*model)->space().precision, "f32");
}

TEST_F(FaithfulPrecisionTest, FallsBackToF32AttentionWhereThatSuffices) {
  WriteDistantKeys();
  EXPECT_EQ(Open("auto"), Precision::kBf16F32Attention);
  EXPECT_THAT(log_, AllOf(HasSubstr("level=warning"), HasSubstr("attention is computed in f32")));
  EXPECT_STREQ(PrecisionName(Precision::kBf16F32Attention), "bf16");
}

TEST_F(FaithfulPrecisionTest, TakesInt8AsAskedAndSaysWhatItIsWorth) {
  WriteOutliers();
  EXPECT_EQ(Open("int8"), Precision::kInt8);
  EXPECT_THAT(log_, AllOf(HasSubstr("int8"), HasSubstr("minimum_cosine=")));
}

TEST_F(FaithfulPrecisionTest, TakesF32WithoutACheck) {
  EXPECT_EQ(Open("f32"), Precision::kF32);
  EXPECT_EQ(log_, "");
}

// A machine that has nothing but the scalar kernels.
TEST(OpenFaithfulEncoderTest, NamesWhatTheMachineLacks) {
  lakehouse::testing::TempDir directory;
  TinyModel::Write(directory.path());
  const auto config = ReadModelConfig(directory.path(), "tiny");
  ASSERT_TRUE(config.ok());
  const auto reader = ModelReader::Open(directory.path(), *config);
  ASSERT_TRUE(reader.ok());
  const TokenizeText tokenize = [](const std::string&) -> Result<TokenPair> {
    return OneText({2, 5, 3});
  };
  FaithfulEncoderOptions options;
  options.kernels = &kScalarEncoderKernels;
  ASSERT_FALSE(TextEncoder::CanCompute(Precision::kBf16, *options.kernels));
  const auto pool = OpenFaithfulEncoder(*config, **reader, tokenize, options);
  ASSERT_TRUE(pool.ok()) << pool.status().ToString();
  EXPECT_EQ((*pool)->encoder().precision(), Precision::kF32);
  options.precision = "bf16";
  Status status = OpenFaithfulEncoder(*config, **reader, tokenize, options).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("AVX-512 BF16"), HasSubstr("use auto")));
  options.precision = "int8";
  status = OpenFaithfulEncoder(*config, **reader, tokenize, options).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("AVX-512 VNNI"), HasSubstr("use auto")));
}

}  // namespace
}  // namespace lakehouse::ai
