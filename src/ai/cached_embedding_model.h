// An embedding model that asks a cache first.
#pragma once

#include <memory>

#include "ai/embedding_model.h"
#include "ai/vector_cache.h"
#include "base/metrics.h"

namespace lakehouse::ai {

// Embeds each distinct text of a call at most once and only those that `cache` does not know; what
// was embedded is put into it; an error is not. Queries are cached in it as documents are.
// EmbedOptions::fresh goes around it. `cache`, which counts its own hits, and `metrics` outlive the
// model.
std::unique_ptr<EmbeddingModel> CacheEmbeddings(std::unique_ptr<EmbeddingModel> model,
                                                VectorCache& cache, MetricsRegistry& metrics);

}  // namespace lakehouse::ai
