// Reads config.json: the shape of the transformer itself.
#pragma once

#include "ai/encoder/model_config.h"
#include "ai/model_file.h"
#include "base/status.h"

namespace lakehouse::ai {

// Fills in what config.json in config.transformer_directory says, labels and activation of a
// cross-encoder included. Errors as of ReadModelConfig.
Status ReadTransformerConfig(ModelFiles& files, ModelConfig& config);

}  // namespace lakehouse::ai
