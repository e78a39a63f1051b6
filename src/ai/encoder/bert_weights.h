// The parameters of a BERT model, ready for the encoder.
#pragma once

#include <vector>

#include "ai/encoder/linear.h"
#include "ai/encoder/model_config.h"
#include "ai/encoder/safetensors.h"
#include "base/status.h"

namespace lakehouse::ai {

struct LayerNormWeights {
  std::vector<float> gamma;
  std::vector<float> beta;
};

struct BertLayer {
  PackedLinear qkv;  // Queries, keys and values side by side; queries scaled for attention.
  PackedLinear attention_out;
  LayerNormWeights attention_norm;
  PackedLinear up;
  PackedLinear down;
  LayerNormWeights output_norm;
};

struct BertWeights {
  dnnl::engine engine;
  // One for each shape that occurs.
  Matmul to_qkv;
  Matmul to_hidden;
  Matmul to_inner;
  Matmul from_inner;

  std::vector<float> words;      // A row per token id.
  std::vector<float> positions;  // A row per position, that of token type 0 added.
  LayerNormWeights embedding_norm;
  std::vector<BertLayer> layers;
};

// Reads every parameter under its Hugging Face name, with or without the prefix `bert.`; layer
// norms may also have the old names gamma and beta. kInvalidArgument names what is missing or
// misshapen.
Result<BertWeights> LoadBertWeights(const ModelConfig& config, const Safetensors& tensors);

}  // namespace lakehouse::ai
