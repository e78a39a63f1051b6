// What the configuration files of a model directory say about a BERT sentence encoder.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"

namespace lakehouse::ai {

enum class Activation { kGeluErf, kGeluTanh };
enum class Pooling { kMean, kCls, kMax };

// The name that an embedding space records.
const char* PoolingName(Pooling pooling);

// Sizes are positive; hidden_size is a multiple of 16 in every head.
struct ModelConfig {
  int64_t hidden_size = 0;
  int64_t layers = 0;
  int64_t heads = 0;
  int64_t intermediate_size = 0;
  int64_t vocabulary_size = 0;
  int64_t max_positions = 0;
  int64_t token_types = 0;
  float layer_norm_epsilon = 0;
  Activation activation = Activation::kGeluErf;

  Pooling pooling = Pooling::kMean;
  bool normalize = false;
  int64_t max_tokens = 0;  // Special tokens included.
  std::string document_prefix;
  std::string query_prefix;
};

// Reads config.json and, where they exist, modules.json, the pooling configuration that it names,
// sentence_bert_config.json, tokenizer_config.json and config_sentence_transformers.json, in the
// forms of sentence-transformers before and since 5.4. kInvalidArgument names the file and what the
// encoder expected; a model or module that it does not have is named.
Result<ModelConfig> ReadModelConfig(const std::string& model_dir, const std::string& model_name);

}  // namespace lakehouse::ai
