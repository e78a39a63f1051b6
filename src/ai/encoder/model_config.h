// What the configuration files of a model directory say about an encoder of text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"

namespace lakehouse::ai {

enum class Architecture { kBert, kNomicBert };
enum class Activation { kGeluErf, kGeluTanh, kSwiGlu };
enum class Pooling { kMean, kCls, kMax, kLastToken };

// The name that an embedding space records.
const char* PoolingName(Pooling pooling);

// What follows the pooling, in order.
struct HeadStep {
  enum class Kind {
    kDense,      // activation(W x + b).
    kLayerNorm,  // Without weights; epsilon 1e-5.
    kCut,        // Keeps the first `outputs` values.
    kNormalize,  // To a Euclidean norm of 1.
  };
  Kind kind = Kind::kNormalize;
  // Of kDense and kCut.
  int64_t inputs = 0;
  int64_t outputs = 0;
  // Of kDense.
  std::string directory = {};  // Below the model's.
  bool has_bias = true;
  bool tanh = true;  // Else the identity.

  bool operator==(const HeadStep&) const = default;
};

// How a model makes vectors with fewer dimensions (Kusupati et al., 2022).
struct Shortening {
  bool allowed = false;
  bool layer_norm_first = false;
  std::vector<int64_t> dimensions = {};  // The only ones; empty: any.
};

// Sizes are positive; hidden_size is a multiple of 16 in every head.
struct ModelConfig {
  Architecture architecture = Architecture::kBert;
  int64_t hidden_size = 0;
  int64_t layers = 0;
  int64_t heads = 0;
  int64_t intermediate_size = 0;
  int64_t vocabulary_size = 0;
  int64_t max_positions = 0;
  int64_t token_types = 0;  // 0: the model has none.
  float layer_norm_epsilon = 0;
  Activation activation = Activation::kGeluErf;
  float rotary_base = 0;  // 0: positions are looked up. Else whole heads turn, half split (NeoX).

  // Of sentence encoders.
  Pooling pooling = Pooling::kMean;
  std::vector<HeadStep> head;
  Shortening shortening;
  int64_t max_tokens = 0;  // Special tokens included; also of cross-encoders.
  std::string document_prefix;
  std::string query_prefix;
  // Of cross-encoders.
  int64_t labels = 0;  // 0: this is a sentence encoder.
  bool sigmoid = false;

  // Below the model's directory: where the weights and the tokenizer lie, mostly "", …
  std::string transformer_directory;
  // … and every configuration file that was read.
  std::vector<std::string> files;

  // Width of the result: of the last step that changes it or else hidden_size; `labels` of a
  // cross-encoder.
  int64_t dimensions() const;
  // Whether every result has a Euclidean norm of 1.
  bool normalizes() const;
};

// Reads the configuration of a BERT (model_type bert) or a nomic-bert, with or without a
// classifier: config.json and, where they exist, modules.json, the configurations that it names,
// sentence_bert_config.json, tokenizer_config.json and config_sentence_transformers.json, in the
// forms of sentence-transformers before and since 5.4. Prefixes that the files lack are those of
// the family of models to which `model_name` or the directory's name belongs. kInvalidArgument
// names the file and what the encoder expected; a model or module that it does not have is named.
Result<ModelConfig> ReadModelConfig(const std::string& model_dir, const std::string& model_name);

// Makes the head give `dimensions` values, of norm 1 where that is fewer than now. Only models that
// were trained for it can: nomic-embed-text-v1.5, and those whose config.json has is_matryoshka or
// matryoshka_dimensions. kInvalidArgument says what the model allows.
Status ShortenTo(int64_t dimensions, ModelConfig& config);

}  // namespace lakehouse::ai
