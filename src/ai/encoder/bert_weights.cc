#include "ai/encoder/bert_weights.h"

#include <cmath>
#include <string>
#include <utility>

#include "base/strings.h"

namespace lakehouse::ai {
namespace {

// Weights as the file has them: a row of inputs for each output.
struct PlainLinear {
  std::vector<float> weights;
  std::vector<float> bias;
};

class WeightReader {
 public:
  WeightReader(const ModelConfig& config, const Safetensors& tensors)
      : config_(config),
        tensors_(tensors),
        prefix_(tensors.Has("bert.embeddings.word_embeddings.weight") ? "bert." : "") {}

  Result<std::vector<float>> Embeddings(const char* name, int64_t rows) const {
    return tensors_.Read(StrCat(prefix_, "embeddings.", name, "_embeddings.weight"),
                         {rows, config_.hidden_size});
  }

  Result<LayerNormWeights> LayerNorm(const std::string& name) const {
    const std::string path = StrCat(prefix_, name, ".LayerNorm.");
    const bool is_old = tensors_.Has(path + "gamma");
    LayerNormWeights norm;
    ASSIGN_OR_RETURN(norm.gamma,
                     tensors_.Read(path + (is_old ? "gamma" : "weight"), {config_.hidden_size}));
    ASSIGN_OR_RETURN(norm.beta,
                     tensors_.Read(path + (is_old ? "beta" : "bias"), {config_.hidden_size}));
    return norm;
  }

  Result<PlainLinear> Linear(const std::string& name, int64_t outputs, int64_t inputs) const {
    PlainLinear linear;
    const std::string path = prefix_ + name;
    ASSIGN_OR_RETURN(linear.weights, tensors_.Read(path + ".weight", {outputs, inputs}));
    ASSIGN_OR_RETURN(linear.bias, tensors_.Read(path + ".bias", {outputs}));
    return linear;
  }

  // Stacks the three projections that read the same input.
  Result<PlainLinear> QueryKeyValue(const std::string& layer) const {
    const int64_t width = config_.hidden_size;
    const int64_t head_width = width / config_.heads;
    PlainLinear all;
    for (const char* part : {"query", "key", "value"}) {
      ASSIGN_OR_RETURN(PlainLinear one,
                       Linear(StrCat(layer, ".attention.self.", part), width, width));
      if (std::string_view(part) == "query") {
        // Attention divides its scores by this root.
        const float scale = 1.0F / std::sqrt(static_cast<float>(head_width));
        for (float& weight : one.weights) weight *= scale;
        for (float& bias : one.bias) bias *= scale;
      }
      all.weights.insert(all.weights.end(), one.weights.begin(), one.weights.end());
      all.bias.insert(all.bias.end(), one.bias.begin(), one.bias.end());
    }
    return all;
  }

 private:
  const ModelConfig& config_;
  const Safetensors& tensors_;
  const std::string prefix_;
};

PackedLinear Pack(const Matmul& matmul, const PlainLinear& linear) {
  return matmul.Pack(linear.weights, linear.bias);
}

Status ReadEmbeddings(const ModelConfig& config, const WeightReader& reader, BertWeights& weights) {
  ASSIGN_OR_RETURN(weights.words, reader.Embeddings("word", config.vocabulary_size));
  ASSIGN_OR_RETURN(weights.positions, reader.Embeddings("position", config.max_positions));
  ASSIGN_OR_RETURN(const std::vector<float> types,
                   reader.Embeddings("token_type", config.token_types));
  const auto width = static_cast<size_t>(config.hidden_size);
  for (size_t i = 0; i < weights.positions.size(); ++i) weights.positions[i] += types[i % width];
  ASSIGN_OR_RETURN(weights.embedding_norm, reader.LayerNorm("embeddings"));
  return OkStatus();
}

Result<BertLayer> ReadLayer(const ModelConfig& config, const WeightReader& reader,
                            const std::string& name, const BertWeights& weights) {
  const int64_t width = config.hidden_size;
  const int64_t inner = config.intermediate_size;
  BertLayer layer;
  ASSIGN_OR_RETURN(const PlainLinear qkv, reader.QueryKeyValue(name));
  layer.qkv = Pack(weights.to_qkv, qkv);
  ASSIGN_OR_RETURN(const PlainLinear out,
                   reader.Linear(name + ".attention.output.dense", width, width));
  layer.attention_out = Pack(weights.to_hidden, out);
  ASSIGN_OR_RETURN(const PlainLinear up, reader.Linear(name + ".intermediate.dense", inner, width));
  layer.up = Pack(weights.to_inner, up);
  ASSIGN_OR_RETURN(const PlainLinear down, reader.Linear(name + ".output.dense", width, inner));
  layer.down = Pack(weights.from_inner, down);
  ASSIGN_OR_RETURN(layer.attention_norm, reader.LayerNorm(name + ".attention.output"));
  ASSIGN_OR_RETURN(layer.output_norm, reader.LayerNorm(name + ".output"));
  return layer;
}

}  // namespace

Result<BertWeights> LoadBertWeights(const ModelConfig& config, const Safetensors& tensors) try {
  const WeightReader reader(config, tensors);
  const auto width = static_cast<size_t>(config.hidden_size);
  const auto inner = static_cast<size_t>(config.intermediate_size);
  MultiplyOnThisThreadOnly();
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  BertWeights weights{.engine = engine,
                      .to_qkv = Matmul(engine, width, 3 * width),
                      .to_hidden = Matmul(engine, width, width),
                      .to_inner = Matmul(engine, width, inner),
                      .from_inner = Matmul(engine, inner, width),
                      .words = {},
                      .positions = {},
                      .embedding_norm = {},
                      .layers = {}};
  TRY(ReadEmbeddings(config, reader, weights));
  for (int64_t i = 0; i < config.layers; ++i) {
    ASSIGN_OR_RETURN(BertLayer layer,
                     ReadLayer(config, reader, StrCat("encoder.layer.", i), weights));
    weights.layers.push_back(std::move(layer));
  }
  return weights;
} catch (const dnnl::error& error) {
  return Internal("the encoder cannot pack its weights: ", std::string_view(error.what()));
}

}  // namespace lakehouse::ai
