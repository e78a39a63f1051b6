// A model of any shape with random weights, for tests and benchmarks.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "ai/encoder/model_config.h"
#include "ai/encoder/model_reader.h"
#include "base/rng.h"

namespace lakehouse::ai {

struct RandomModelShape {
  int64_t hidden_size = 384;
  int64_t layers = 6;
  int64_t heads = 12;
  int64_t intermediate_size = 1536;
  int64_t vocabulary_size = 1000;
  int64_t max_positions = 512;
  Activation activation = Activation::kGeluErf;
};

// A BERT, or with kSwiGlu a nomic-bert, that pools by the mean and normalizes.
inline ModelConfig RandomModelConfig(const RandomModelShape& shape) {
  const bool is_nomic = shape.activation == Activation::kSwiGlu;
  ModelConfig config;
  config.architecture = is_nomic ? Architecture::kNomicBert : Architecture::kBert;
  config.hidden_size = shape.hidden_size;
  config.layers = shape.layers;
  config.heads = shape.heads;
  config.intermediate_size = shape.intermediate_size;
  config.vocabulary_size = shape.vocabulary_size;
  config.max_positions = shape.max_positions;
  config.token_types = 2;
  config.layer_norm_epsilon = 1e-12F;
  config.activation = shape.activation;
  config.rotary_base = is_nomic ? 1000.0F : 0.0F;
  config.head = {{.kind = HeadStep::Kind::kNormalize}};
  config.max_tokens = shape.max_positions;
  return config;
}

// Makes weights as wide as those of trained models: normal with a deviation of about 0.05, a few
// inputs with large layer norms. The same seed gives the same model.
class RandomModelReader final : public ModelReader {
 public:
  RandomModelReader(const ModelConfig& config, uint64_t seed) : config_(config), seed_(seed) {}

  Result<EmbeddingWeights> ReadEmbeddings() override {
    Rng rng(seed_);
    EmbeddingWeights weights;
    const size_t width = Size(config_.hidden_size);
    weights.words = Random(rng, Size(config_.vocabulary_size) * width, 0.05F, 0);
    if (config_.rotary_base == 0) {
      weights.positions = Random(rng, Size(config_.max_positions) * width, 0.02F, 0);
    }
    weights.types = Random(rng, Size(config_.token_types) * width, 0.02F, 0);
    weights.norm = RandomNorm(rng);
    return weights;
  }

  Result<LayerWeights> ReadLayer(int64_t layer) override {
    Rng rng(seed_ + 1 + Size(layer));
    const size_t width = Size(config_.hidden_size);
    const size_t inner = Size(config_.intermediate_size);
    LayerWeights weights;
    weights.qkv = RandomLinear(rng, width, 3 * width);
    weights.attention_out = RandomLinear(rng, width, width);
    weights.attention_norm = RandomNorm(rng);
    weights.up = RandomLinear(rng, width, inner);
    if (config_.activation == Activation::kSwiGlu) weights.gate = RandomLinear(rng, width, inner);
    weights.down = RandomLinear(rng, inner, width);
    weights.output_norm = RandomNorm(rng);
    return weights;
  }

  Result<std::vector<PlainLinear>> ReadDense() override {
    Rng rng(seed_ + 1000);
    std::vector<PlainLinear> dense;
    for (const HeadStep& step : config_.head) {
      if (step.kind != HeadStep::Kind::kDense) continue;
      dense.push_back(RandomLinear(rng, Size(step.inputs), Size(step.outputs)));
    }
    return dense;
  }

  Result<ClassifierWeights> ReadClassifier() override {
    Rng rng(seed_ + 2000);
    const size_t width = Size(config_.hidden_size);
    ClassifierWeights weights;
    weights.pooler = RandomLinear(rng, width, width);
    weights.classifier = RandomLinear(rng, width, Size(config_.labels));
    return weights;
  }

  Result<std::string> Digest() override { return std::string(64, '0'); }

 private:
  static size_t Size(int64_t size) { return static_cast<size_t>(size); }

  // Box and Muller's transform.
  static std::vector<float> Random(Rng& rng, size_t count, float deviation, float mean) {
    std::vector<float> values(count);
    for (float& value : values) {
      const double radius = std::sqrt(-2 * std::log(1 - rng.NextDouble()));
      value =
          mean + deviation * static_cast<float>(radius * std::cos(6.283185307 * rng.NextDouble()));
    }
    return values;
  }
  PlainLinear RandomLinear(Rng& rng, size_t inputs, size_t outputs) const {
    PlainLinear linear{.inputs = inputs, .outputs = outputs, .weights = {}, .bias = {}};
    linear.weights = Random(rng, inputs * outputs, 0.05F, 0);
    linear.bias = config_.architecture == Architecture::kNomicBert ? std::vector<float>(outputs)
                                                                   : Random(rng, outputs, 0.05F, 0);
    return linear;
  }
  LayerNormWeights RandomNorm(Rng& rng) const {
    LayerNormWeights norm{.gamma = Random(rng, Size(config_.hidden_size), 0.1F, 1),
                          .beta = Random(rng, Size(config_.hidden_size), 0.1F, 0)};
    norm.gamma[3] = 4;
    return norm;
  }

  const ModelConfig config_;
  const uint64_t seed_;
};

}  // namespace lakehouse::ai
