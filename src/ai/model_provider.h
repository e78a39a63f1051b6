// Where models run: in this process, on an Ollama server, on one that speaks OpenAI's protocol.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ai/embedding_model.h"
#include "ai/reranker.h"
#include "ai/text_generator.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/metrics.h"
#include "base/secrets.h"
#include "base/status.h"

namespace lakehouse::ai {

struct ProviderCapabilities {
  bool embeds = false;
  bool reranks = false;
  bool generates = false;
  bool loads_on_demand = false;  // Preload and Unload mean something.
  bool reports_vram = false;
  bool is_local = false;  // Nothing leaves this machine.
};

// A model as its provider describes it.
struct ProviderModel {
  std::string name;         // At the provider.
  std::string digest;       // "": not told.
  uint64_t size_bytes = 0;  // 0: not told, as below.
  int64_t dimensions = 0;
  int64_t max_tokens = 0;
  std::string pooling;    // "": not told.
  bool is_cloud = false;  // The provider would pass texts on to another machine.
};

// A model that occupies memory now.
struct LoadedModel {
  std::string name;  // At the provider.
  std::string digest;
  uint64_t size_bytes = 0;
  uint64_t vram_bytes = 0;
  std::optional<Timestamp> expires_at;  // nullopt: stays, or not told.
};

// Thread-safe. Errors of every call: kInvalidArgument (mend the request), kNotFound (no such
// model), kUnavailable (busy, crashed or not there; retried already where that is safe),
// kDeadlineExceeded, kUnauthenticated, kPermissionDenied (a model or address that is not allowed),
// kCancelled, and kConflict when a model answers otherwise than it did before. Calls that a
// provider has no form of are kInvalidArgument.
class ModelProvider {
 public:
  virtual ~ModelProvider() = default;

  virtual const std::string& name() const = 0;  // Of the configuration; "embedded".
  virtual const std::string& kind() const = 0;  // "embedded", "ollama" or "openai".
  virtual ProviderCapabilities capabilities() const = 0;

  // Whether the provider answers; one short request, never retried.
  virtual Status Health(const CancelToken& cancel) = 0;
  virtual Result<std::vector<ProviderModel>> ListModels(const CancelToken& cancel) = 0;
  virtual Result<std::vector<LoadedModel>> LoadedModels(const CancelToken& cancel) = 0;
  // `model` is the name at the provider, as everywhere below.
  virtual Result<ProviderModel> Describe(const std::string& model, const CancelToken& cancel) = 0;

  // Returns when the model is ready, or has left memory.
  virtual Status Preload(const std::string& model, const CancelToken& cancel) = 0;
  virtual Status Unload(const std::string& model, const CancelToken& cancel) = 0;

  // Describes the model, finds out its width and opens it. The provider outlives what it opened.
  virtual Result<std::unique_ptr<EmbeddingModel>> OpenEmbedding(const AiModelConfig& model,
                                                                const CancelToken& cancel) = 0;
  virtual Result<std::unique_ptr<Reranker>> OpenReranker(const AiModelConfig& model,
                                                         const CancelToken& cancel) = 0;
  // Gives the pieces to `sink` as they come when there is one. Never sent twice.
  virtual Result<GenerateAnswer> Generate(const std::string& model, const GenerateRequest& request,
                                          const GenerateSink& sink) = 0;
};

struct ProviderOptions {
  AiProviderConfig config;
  const SecretStore* secrets = nullptr;  // Outlives the provider, as below.
  MetricsRegistry* metrics = nullptr;
  const Clock* clock = &Clock::System();
};

// A provider for the server of one [[ai.providers]] table. Sends nothing yet. kInvalidArgument for
// a URL that is none, kNotFound for a secret that is missing, kPermissionDenied for a server beyond
// this machine without allow_remote.
Result<std::unique_ptr<ModelProvider>> OpenModelServer(const ProviderOptions& options);

}  // namespace lakehouse::ai
