// Every model that the configuration names.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ai/embedding_model.h"
#include "ai/model_provider.h"
#include "ai/reranker.h"
#include "ai/text_generator.h"
#include "ai/vector_cache.h"
#include "base/config.h"
#include "base/metrics.h"
#include "base/secrets.h"
#include "base/status.h"

namespace lakehouse::ai {

struct ModelsOptions {
  AiConfig config;
  const SecretStore* secrets = nullptr;  // Outlives the models, as below.
  MetricsRegistry* metrics = nullptr;
  VectorCache* cache = nullptr;  // Null: nothing is remembered.
};

// One model of the configuration, as GET /ai/models shows it.
struct ModelInfo {
  std::string name;
  std::string task;  // "embed", "rerank" or "generate".
  std::string provider;
  std::string provider_kind;
  std::string provider_model;
  bool is_default = false;
  bool loaded = false;                  // In memory, as far as is known.
  std::optional<EmbeddingSpace> space;  // Of an embedding model that has been opened.
  std::string error;                    // Why it could not be opened, or its provider not be asked.
};

// What one provider says of itself.
struct ProviderInfo {
  std::string name;
  std::string kind;
  ProviderCapabilities capabilities;
  Status health;
  std::vector<LoadedModel> loaded;
};

// Opens providers and models when they are first needed, and keeps them; a model that its server
// has replaced is opened anew within half a minute. Thread-safe. `name` is that of the
// configuration everywhere: an [[ai.models]] table, or ai.model, ai.rerank_model and
// ai.generate_model where no table has it (then ai.model is an embedded model).
class Models : public EmbeddingModels {
 public:
  // Checks what can be checked without a server: names, providers, secrets.
  static Result<std::unique_ptr<Models>> Open(const ModelsOptions& options);

  // Ok when a model of that name and task is configured; else as Get.
  virtual Status Check(const std::string& name, std::string_view task) const = 0;

  virtual Result<std::shared_ptr<Reranker>> GetReranker(const std::string& name,
                                                        const CancelToken& cancel) = 0;
  virtual Result<GenerateAnswer> Generate(const std::string& name, const GenerateRequest& request,
                                          const GenerateSink& sink) = 0;
  virtual const std::string& default_reranker() const = 0;   // "": none is configured.
  virtual const std::string& default_generator() const = 0;  // "": none is configured.

  // Returns when the model is ready, or has left memory. An embedding model that a search or a job
  // still uses leaves memory when they end.
  virtual Status Preload(const std::string& name, const CancelToken& cancel) = 0;
  virtual Status Unload(const std::string& name, const CancelToken& cancel) = 0;

  // Asks every provider, each for a short time at most.
  virtual std::vector<ModelInfo> ListModels(const CancelToken& cancel) = 0;
  virtual std::vector<ProviderInfo> ListProviders(const CancelToken& cancel) = 0;
  // The embedding model if it has been opened; null otherwise. Never blocks.
  virtual std::shared_ptr<EmbeddingModel> FindOpened(const std::string& name) = 0;
  // Why the last attempt to open it failed; ok when none did.
  virtual Status LastError(const std::string& name) = 0;
};

}  // namespace lakehouse::ai
