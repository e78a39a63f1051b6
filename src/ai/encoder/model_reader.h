// Reads the parameters of an encoder out of a model directory, piece by piece, under one set of
// names for every architecture.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ai/encoder/model_config.h"
#include "base/status.h"

namespace lakehouse::ai {

struct LayerNormWeights {
  std::vector<float> gamma;
  std::vector<float> beta;
};

// y = W x + b as the file has it: a row of `inputs` floats for each output.
struct PlainLinear {
  size_t inputs = 0;
  size_t outputs = 0;
  std::vector<float> weights;
  std::vector<float> bias;  // `outputs` floats, zeros where the model has none.
};

// What turns token ids into the first residual stream.
struct EmbeddingWeights {
  std::vector<float> words;      // A row per token id.
  std::vector<float> positions;  // A row per position; empty where positions are rotary.
  std::vector<float> types;      // A row per token type; empty where the model has none.
  LayerNormWeights norm;
};

// One layer. `up` of a SwiGLU layer has the inner width; `gate` is what silu is applied to.
struct LayerWeights {
  PlainLinear qkv;  // Queries, keys and values below each other, as stored; not scaled.
  PlainLinear attention_out;
  LayerNormWeights attention_norm;
  PlainLinear up;
  std::optional<PlainLinear> gate;  // Only of kSwiGlu.
  PlainLinear down;
  LayerNormWeights output_norm;
};

// What a cross-encoder does with the first token's row: classifier(tanh(pooler(row))).
struct ClassifierWeights {
  PlainLinear pooler;
  PlainLinear classifier;
};

// Borrows nothing; maps the weight files for its lifetime. Not thread-safe. Every error is
// kInvalidArgument and names the file, and the tensor that is missing, misshapen or not finite.
class ModelReader {
 public:
  // Opens `model.safetensors` in config.transformer_directory, or the shards that
  // `model.safetensors.index.json` names. Parameters that no architecture uses are ignored.
  static Result<std::unique_ptr<ModelReader>> Open(const std::string& model_dir,
                                                   const ModelConfig& config);
  virtual ~ModelReader() = default;

  virtual Result<EmbeddingWeights> ReadEmbeddings() = 0;
  virtual Result<LayerWeights> ReadLayer(int64_t layer) = 0;
  // One for each Dense module of the configuration, in order.
  virtual Result<std::vector<PlainLinear>> ReadDense() = 0;
  virtual Result<ClassifierWeights> ReadClassifier() = 0;

  // SHA-256 of the names and sums of every file that decides a vector: configuration, tokenizer and
  // weights. A copy of the directory has the same. Reads the weights once.
  virtual Result<std::string> Digest() = 0;
};

}  // namespace lakehouse::ai
