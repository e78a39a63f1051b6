// What embedding and reranking inside this process share: a model directory, opened.
#pragma once

#include <memory>
#include <string>

#include "ai/embedded_model.h"
#include "ai/encoder/encoder_pool.h"
#include "ai/encoder/model_config.h"
#include "ai/tokenizer/tokenizer.h"
#include "base/status.h"

namespace lakehouse::ai {

struct EmbeddedEncoder {
  ModelConfig config;                          // With the overrides of the options.
  std::shared_ptr<const Tokenizer> tokenizer;  // Shared with what the pool is asked to do.
  std::unique_ptr<EncoderPool> pool;
  std::string digest;
};

enum class EncoderTask { kEmbed, kRerank };

// Opens the directory of a model for `task`. Errors are those of OpenEmbeddedModel.
Result<EmbeddedEncoder> OpenEmbeddedEncoder(const EmbeddedModelOptions& options, EncoderTask task);

}  // namespace lakehouse::ai
