#include "ai/encoder/text_encoder.h"

#include <cmath>
#include <cstring>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ai/encoder/random_model.h"
#include "base/rng.h"

namespace lakehouse::ai {
namespace {

using ::testing::HasSubstr;

constexpr RandomModelShape kSmall = {.hidden_size = 96,
                                     .layers = 2,
                                     .heads = 3,
                                     .intermediate_size = 200,
                                     .vocabulary_size = 64,
                                     .max_positions = 320};

using Texts = std::vector<std::vector<int32_t>>;

Texts RandomTexts(const std::vector<size_t>& lengths, uint64_t seed = 5) {
  Rng rng(seed);
  Texts texts;
  for (const size_t length : lengths) {
    std::vector<int32_t>& text = texts.emplace_back();
    while (text.size() < length) text.push_back(static_cast<int32_t>(rng.Below(64)));
  }
  return texts;
}

std::vector<TokenSequence> Sequences(const Texts& texts) {
  std::vector<TokenSequence> sequences;
  for (const std::vector<int32_t>& text : texts) {
    sequences.push_back({.ids = text, .second_begin = text.size()});
  }
  return sequences;
}

std::unique_ptr<TextEncoder> Load(const ModelConfig& config, Precision precision,
                                  const EncoderKernels& kernels = BestEncoderKernels()) {
  RandomModelReader reader(config, 7);
  auto encoder = TextEncoder::Load(config, reader, precision, kernels);
  CHECK(encoder.ok());
  return *std::move(encoder);
}

std::vector<float> Encode(const TextEncoder& encoder, const std::vector<TokenSequence>& texts,
                          size_t threads = 1) {
  auto workspace = encoder.MakeWorkspace({.threads = threads});
  CHECK(workspace.ok());
  std::vector<float> vectors(texts.size() * encoder.dimensions());
  CHECK(encoder.Encode(texts, **workspace, vectors).ok());
  return vectors;
}

std::vector<float> Encode(const TextEncoder& encoder, const Texts& texts, size_t threads = 1) {
  return Encode(encoder, Sequences(texts), threads);
}

// The formulas of the papers in double precision, one token at a time.
class NaiveEncoder {
 public:
  explicit NaiveEncoder(const ModelConfig& config) : config_(config), reader_(config, 7) {}

  using Row = std::vector<double>;

  // Rows of the last layer.
  std::vector<Row> Rows(const TokenSequence& text) {
    std::vector<Row> rows = Embed(text);
    for (int64_t i = 0; i < config_.layers; ++i) {
      const LayerWeights layer = *reader_.ReadLayer(i);
      const std::vector<Row> attended = Attend(layer, rows);
      for (size_t t = 0; t < rows.size(); ++t) {
        Add(rows[t], Multiply(layer.attention_out, attended[t]));
        Normalize(rows[t], layer.attention_norm);
        Add(rows[t], Multiply(layer.down, Activate(layer, rows[t])));
        Normalize(rows[t], layer.output_norm);
      }
    }
    return rows;
  }

  static Row Multiply(const PlainLinear& linear, const Row& x) {
    Row y(linear.bias.begin(), linear.bias.end());
    for (size_t o = 0; o < linear.outputs; ++o) {
      for (size_t i = 0; i < linear.inputs; ++i)
        y[o] += linear.weights[o * linear.inputs + i] * x[i];
    }
    return y;
  }

 private:
  std::vector<Row> Embed(const TokenSequence& text) {
    const EmbeddingWeights weights = *reader_.ReadEmbeddings();
    const auto width = static_cast<size_t>(config_.hidden_size);
    std::vector<Row> rows;
    for (size_t t = 0; t < text.ids.size(); ++t) {
      Row& row = rows.emplace_back(width);
      for (size_t i = 0; i < width; ++i) {
        row[i] = weights.words[static_cast<size_t>(text.ids[t]) * width + i];
        row[i] += weights.types[(t >= text.second_begin ? width : 0) + i];
        if (!weights.positions.empty()) row[i] += weights.positions[t * width + i];
      }
      Normalize(row, weights.norm);
    }
    return rows;
  }

  std::vector<Row> Attend(const LayerWeights& layer, const std::vector<Row>& rows) const {
    const auto width = static_cast<size_t>(config_.hidden_size);
    const size_t head_width = width / static_cast<size_t>(config_.heads);
    std::vector<Row> qkv;
    for (size_t t = 0; t < rows.size(); ++t) qkv.push_back(Turn(Multiply(layer.qkv, rows[t]), t));
    std::vector<Row> out(rows.size(), Row(width));
    for (size_t h = 0; h < width; h += head_width) {
      for (size_t query = 0; query < rows.size(); ++query) {
        Row weights(rows.size());
        double sum = 0;
        for (size_t key = 0; key < rows.size(); ++key) {
          double score = 0;
          for (size_t i = h; i < h + head_width; ++i) score += qkv[query][i] * qkv[key][width + i];
          weights[key] = std::exp(score / std::sqrt(static_cast<double>(head_width)));
          sum += weights[key];
        }
        for (size_t key = 0; key < rows.size(); ++key) {
          for (size_t i = h; i < h + head_width; ++i) {
            out[query][i] += weights[key] / sum * qkv[key][2 * width + i];
          }
        }
      }
    }
    return out;
  }

  // Rotary positions, as NeoX has them.
  Row Turn(Row qkv, size_t position) const {
    if (config_.rotary_base == 0) return qkv;
    const auto width = static_cast<size_t>(config_.hidden_size);
    const size_t head_width = width / static_cast<size_t>(config_.heads);
    const size_t half = head_width / 2;
    for (size_t begin = 0; begin < 2 * width; begin += head_width) {
      for (size_t i = 0; i < half; ++i) {
        const double power = 2.0 * static_cast<double>(i) / static_cast<double>(head_width);
        const double angle = static_cast<double>(position) / std::pow(config_.rotary_base, power);
        const double x = qkv[begin + i];
        const double y = qkv[begin + half + i];
        qkv[begin + i] = x * std::cos(angle) - y * std::sin(angle);
        qkv[begin + half + i] = y * std::cos(angle) + x * std::sin(angle);
      }
    }
    return qkv;
  }

  Row Activate(const LayerWeights& layer, const Row& row) const {
    Row inner = Multiply(layer.up, row);
    if (config_.activation == Activation::kSwiGlu) {
      const Row gate = Multiply(*layer.gate, row);
      for (size_t i = 0; i < inner.size(); ++i) inner[i] *= gate[i] / (1 + std::exp(-gate[i]));
      return inner;
    }
    for (double& x : inner) {
      x *= config_.activation == Activation::kGeluErf
               ? 0.5 * std::erfc(-x / std::sqrt(2.0))
               : 0.5 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    }
    return inner;
  }

  static void Add(Row& row, const Row& other) {
    for (size_t i = 0; i < row.size(); ++i) row[i] += other[i];
  }
  void Normalize(Row& row, const LayerNormWeights& norm) const {
    double mean = 0;
    double variance = 0;
    for (const double x : row) mean += x / static_cast<double>(row.size());
    for (const double x : row)
      variance += (x - mean) * (x - mean) / static_cast<double>(row.size());
    for (size_t i = 0; i < row.size(); ++i) {
      row[i] = (row[i] - mean) / std::sqrt(variance + config_.layer_norm_epsilon) * norm.gamma[i] +
               norm.beta[i];
    }
  }

  const ModelConfig config_;
  RandomModelReader reader_;
};

double Cosine(std::span<const float> a, const std::vector<double>& b) {
  double ab = 0;
  double aa = 0;
  double bb = 0;
  for (size_t i = 0; i < b.size(); ++i) {
    ab += a[i] * b[i];
    aa += static_cast<double>(a[i]) * a[i];
    bb += b[i] * b[i];
  }
  return ab / std::sqrt(aa * bb);
}

struct Arithmetic {
  std::string name;
  Precision precision;
  const EncoderKernels* kernels;
  double least_cosine;
};

std::vector<Arithmetic> Arithmetics() {
  std::vector<Arithmetic> all;
  for (const EncoderKernels* kernels : AllEncoderKernels()) {
    all.push_back({std::string("f32_") + kernels->name, Precision::kF32, kernels, 0.9999999});
  }
  all.push_back({"bf16", Precision::kBf16, &kAvx512EncoderKernels, 0.9999});
  all.push_back(
      {"bf16_f32_attention", Precision::kBf16F32Attention, &kAvx512EncoderKernels, 0.9999});
  all.push_back({"int8", Precision::kInt8, &kAvx512EncoderKernels, 0.998});
  return all;
}

// Every arithmetic on every instruction set is held to the same formulas.
class TextEncoderTest : public ::testing::TestWithParam<Arithmetic> {
 protected:
  void SetUp() override {
    if (!GetParam().kernels->supported() ||
        !TextEncoder::CanCompute(GetParam().precision, *GetParam().kernels)) {
      GTEST_SKIP() << "this machine cannot compute it";
    }
  }
  std::unique_ptr<TextEncoder> LoadTested(const ModelConfig& config) const {
    return Load(config, GetParam().precision, *GetParam().kernels);
  }
};

TEST_P(TextEncoderTest, FollowsTheFormulas) {
  for (const Activation activation :
       {Activation::kGeluErf, Activation::kGeluTanh, Activation::kSwiGlu}) {
    RandomModelShape shape = kSmall;
    shape.activation = activation;
    ModelConfig config = RandomModelConfig(shape);
    config.pooling = Pooling::kLastToken;
    const auto encoder = LoadTested(config);
    NaiveEncoder naive(config);
    for (const size_t length : {1, 3, 16, 33, 130, 300}) {
      const Texts texts = RandomTexts({length});
      TokenSequence text = Sequences(texts)[0];
      text.second_begin = length / 2;
      const std::vector<float> vector = Encode(*encoder, std::vector{text});
      EXPECT_GE(Cosine(vector, naive.Rows(text).back()), GetParam().least_cosine)
          << length << " tokens, activation " << static_cast<int>(activation);
    }
  }
}

TEST_P(TextEncoderTest, VectorDoesNotDependOnItsBatch) {
  const auto encoder = LoadTested(RandomModelConfig(kSmall));
  for (const size_t length : {1, 5, 12, 40, 129}) {
    const Texts tested = RandomTexts({length}, 9);
    const std::vector<float> alone = Encode(*encoder, tested);
    std::vector<size_t> others;
    for (size_t before = 0; before < 12; ++before) {
      others.push_back(1 + before * 7 % 50);
      Texts batch = RandomTexts(others);
      batch.push_back(tested[0]);
      batch.push_back(RandomTexts({3})[0]);
      const std::vector<float> vectors = Encode(*encoder, batch);
      const float* vector = vectors.data() + others.size() * alone.size();
      ASSERT_EQ(std::memcmp(vector, alone.data(), alone.size() * sizeof(float)), 0)
          << length << " tokens after " << others.size() << " texts";
    }
  }
}

TEST_P(TextEncoderTest, VectorDoesNotDependOnTheNumberOfThreads) {
  for (const Activation activation : {Activation::kGeluErf, Activation::kSwiGlu}) {
    RandomModelShape shape = kSmall;
    shape.activation = activation;
    for (const Pooling pooling : {Pooling::kMean, Pooling::kCls}) {
      ModelConfig config = RandomModelConfig(shape);
      config.pooling = pooling;
      const auto encoder = LoadTested(config);
      const Texts texts = RandomTexts({12, 1, 200, 33});
      const std::vector<float> expected = Encode(*encoder, texts, 1);
      for (const size_t threads : {2, 3}) EXPECT_EQ(Encode(*encoder, texts, threads), expected);
    }
  }
}

TEST_P(TextEncoderTest, WorkspaceServesAgainWithShorterTexts) {
  const auto encoder = LoadTested(RandomModelConfig(kSmall));
  auto workspace = encoder->MakeWorkspace({});
  ASSERT_TRUE(workspace.ok());
  const auto encode = [&](size_t length) {
    std::vector<float> vector(encoder->dimensions());
    const Texts texts = RandomTexts({length});
    EXPECT_TRUE(encoder->Encode(Sequences(texts), **workspace, vector).ok());
    return vector;
  };
  const std::vector<float> first = encode(3);
  encode(320);
  EXPECT_EQ(encode(3), first);
}

// One row per text is computed to the end, and no other: it must be the same as among all rows.
TEST_P(TextEncoderTest, PoolsTheRowsThatItIsToldTo) {
  const Texts texts = RandomTexts({4, 17, 1, 90});
  std::vector<std::vector<float>> vectors;
  for (const Pooling pooling :
       {Pooling::kMean, Pooling::kCls, Pooling::kMax, Pooling::kLastToken}) {
    ModelConfig config = RandomModelConfig(kSmall);
    config.head.clear();
    config.pooling = pooling;
    const auto encoder = LoadTested(config);
    NaiveEncoder naive(config);
    const std::vector<float> all = Encode(*encoder, texts);
    for (size_t i = 0; i < texts.size(); ++i) {
      const auto rows = naive.Rows(Sequences(texts)[i]);
      std::vector<double> expected = pooling == Pooling::kLastToken ? rows.back() : rows[0];
      for (size_t r = 1; r < rows.size(); ++r) {
        for (size_t k = 0; k < expected.size(); ++k) {
          if (pooling == Pooling::kMax) expected[k] = std::max(expected[k], rows[r][k]);
          if (pooling == Pooling::kMean) expected[k] += rows[r][k];
        }
      }
      EXPECT_GE(Cosine(std::span(all).subspan(i * expected.size(), expected.size()), expected),
                GetParam().least_cosine)
          << PoolingName(pooling);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, TextEncoderTest, ::testing::ValuesIn(Arithmetics()),
                         [](const auto& tested) { return tested.param.name; });

TEST(TextEncoderHeadTest, FollowsTheStepsInTheirOrder) {
  using Kind = HeadStep::Kind;
  ModelConfig config = RandomModelConfig(kSmall);
  config.pooling = Pooling::kCls;
  config.head = {{.kind = Kind::kDense, .inputs = 96, .outputs = 40, .directory = "2_Dense"},
                 {.kind = Kind::kLayerNorm},
                 {.kind = Kind::kCut, .inputs = 40, .outputs = 24},
                 {.kind = Kind::kNormalize}};
  const auto encoder = Load(config, Precision::kF32);
  ASSERT_EQ(encoder->dimensions(), 24);
  const Texts texts = RandomTexts({9});
  const std::vector<float> vector = Encode(*encoder, texts);

  const std::vector<double> row = NaiveEncoder(config).Rows(Sequences(texts)[0])[0];
  RandomModelReader reader(config, 7);
  std::vector<double> expected = NaiveEncoder::Multiply((*reader.ReadDense())[0], row);
  double mean = 0;
  double variance = 0;
  for (double& x : expected) mean += (x = std::tanh(x)) / 40;
  for (const double x : expected) variance += (x - mean) * (x - mean) / 40;
  for (double& x : expected) x = (x - mean) / std::sqrt(variance + 1e-5);
  expected.resize(24);
  double squares = 0;
  for (const double x : expected) squares += x * x;
  for (size_t i = 0; i < 24; ++i) EXPECT_NEAR(vector[i], expected[i] / std::sqrt(squares), 1e-5);
}

TEST(TextEncoderHeadTest, ClassifiesTheFirstRow) {
  ModelConfig config = RandomModelConfig(kSmall);
  config.head.clear();
  config.labels = 2;
  for (const bool sigmoid : {false, true}) {
    config.sigmoid = sigmoid;
    const auto encoder = Load(config, Precision::kF32);
    ASSERT_EQ(encoder->dimensions(), 2);
    const Texts texts = RandomTexts({5, 31});
    std::vector<TokenSequence> pairs = Sequences(texts);
    for (TokenSequence& pair : pairs) pair.second_begin = 3;
    const std::vector<float> scores = Encode(*encoder, pairs);
    RandomModelReader reader(config, 7);
    const ClassifierWeights weights = *reader.ReadClassifier();
    for (size_t i = 0; i < pairs.size(); ++i) {
      std::vector<double> row =
          NaiveEncoder::Multiply(weights.pooler, NaiveEncoder(config).Rows(pairs[i])[0]);
      for (double& x : row) x = std::tanh(x);
      row = NaiveEncoder::Multiply(weights.classifier, row);
      for (size_t k = 0; k < 2; ++k) {
        const double expected = sigmoid ? 1 / (1 + std::exp(-row[k])) : row[k];
        EXPECT_NEAR(scores[2 * i + k], expected, 1e-5);
      }
    }
  }
}

TEST(TextEncoderLoadTest, SaysWhatAMachineCannotCompute) {
  ModelConfig config = RandomModelConfig(kSmall);
  RandomModelReader reader(config, 7);
  for (const Precision precision : {Precision::kBf16, Precision::kInt8}) {
    EXPECT_FALSE(TextEncoder::CanCompute(precision, kScalarEncoderKernels));
    const Status status =
        TextEncoder::Load(config, reader, precision, kScalarEncoderKernels).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr("use precision f32"));
  }
}

}  // namespace
}  // namespace lakehouse::ai
