// The encoder inside the binary as models to embed and to rerank with.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "ai/embedding_model.h"
#include "ai/reranker.h"
#include "base/metrics.h"
#include "base/status.h"

namespace lakehouse::ai {

struct EmbeddedModelOptions {
  std::string name;                // For the space and for what is known of model families.
  std::string directory;           // A Hugging Face directory.
  std::string precision = "auto";  // auto, f32, bf16 or int8.
  int64_t threads = 0;             // 0: every core that this process may use.
  // Override what the directory says when set.
  int64_t dimensions = 0;
  int64_t max_tokens = 0;
  std::optional<std::string> document_prefix;
  std::optional<std::string> query_prefix;
  MetricsRegistry* metrics = nullptr;  // Outlives the model; may be null.
};

// Loads an encoder. kNotFound when the directory is missing (names the command that installs it),
// kInvalidArgument when a file is missing, damaged or of a model that the encoder does not know:
// the error names the file and what was expected.
Result<std::unique_ptr<EmbeddingModel>> OpenEmbeddedModel(const EmbeddedModelOptions& options);

// Loads a BERT cross-encoder (`*ForSequenceClassification` with one label); errors as above.
Result<std::unique_ptr<Reranker>> OpenEmbeddedReranker(const EmbeddedModelOptions& options);

}  // namespace lakehouse::ai
