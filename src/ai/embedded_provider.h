// The provider that is this process.
#pragma once

#include <memory>

#include "ai/model_provider.h"
#include "base/config.h"

namespace lakehouse::ai {

// Runs models of Hugging Face directories with the encoder inside the binary. A model is in memory
// as long as what OpenEmbedding or OpenReranker returned; Preload and Unload have no form here.
// Names are those of the configuration. Lists the models of the set-up's cache. `metrics` outlives
// the provider.
std::unique_ptr<ModelProvider> MakeEmbeddedProvider(const AiConfig& config,
                                                    MetricsRegistry* metrics);

}  // namespace lakehouse::ai
