#include "ai/embedded_provider.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "ai/embedded_model.h"
#include "ai/encoder/model_config.h"
#include "ai/model_file.h"
#include "base/mutex.h"

namespace lakehouse::ai {
namespace {

constexpr std::string_view kAsInModel = "auto";

// The names of the models that are in memory; shared by the provider and what it opened.
class OpenNames {
 public:
  void Add(const std::string& name) {
    const MutexLock lock(mutex_);
    names_.insert(name);
  }
  void Remove(const std::string& name) {
    const MutexLock lock(mutex_);
    names_.erase(names_.find(name));
  }
  std::vector<LoadedModel> List() {
    const MutexLock lock(mutex_);
    std::vector<LoadedModel> models;
    for (const std::string& name : names_) models.push_back({.name = name});
    return models;
  }

 private:
  Mutex mutex_;
  std::multiset<std::string> names_ GUARDED_BY(mutex_);
};

// Stands in the list for as long as it lives.
class OpenName {
 public:
  OpenName(std::shared_ptr<OpenNames> names, std::string name)
      : names_(std::move(names)), name_(std::move(name)) {
    names_->Add(name_);
  }
  ~OpenName() { names_->Remove(name_); }
  OpenName(const OpenName&) = delete;
  OpenName& operator=(const OpenName&) = delete;

 private:
  const std::shared_ptr<OpenNames> names_;
  const std::string name_;
};

class ListedModel final : public EmbeddingModel {
 public:
  ListedModel(std::unique_ptr<EmbeddingModel> model, std::shared_ptr<OpenNames> names)
      : model_(std::move(model)), listed_(std::move(names), model_->space().model) {}

  const EmbeddingSpace& space() const override { return model_->space(); }
  Result<Embeddings> Embed(std::span<const std::string> texts,
                           const EmbedOptions& options) override {
    return model_->Embed(texts, options);
  }
  size_t CountTokens(std::string_view text) const override { return model_->CountTokens(text); }
  Status CheckIdentity(const CancelToken& cancel) override { return model_->CheckIdentity(cancel); }

 private:
  const std::unique_ptr<EmbeddingModel> model_;
  const OpenName listed_;
};

class ListedReranker final : public Reranker {
 public:
  ListedReranker(std::unique_ptr<Reranker> reranker, std::shared_ptr<OpenNames> names)
      : reranker_(std::move(reranker)), listed_(std::move(names), reranker_->name()) {}

  const std::string& name() const override { return reranker_->name(); }
  Result<std::vector<Result<float>>> Score(const std::string& query,
                                           std::span<const std::string> documents,
                                           const CancelToken& cancel) override {
    return reranker_->Score(query, documents, cancel);
  }

 private:
  const std::unique_ptr<Reranker> reranker_;
  const OpenName listed_;
};

class EmbeddedProvider final : public ModelProvider {
 public:
  EmbeddedProvider(const AiConfig& config, MetricsRegistry* metrics)
      : config_(config), metrics_(metrics) {}

  const std::string& name() const override { return name_; }
  const std::string& kind() const override { return name_; }
  ProviderCapabilities capabilities() const override {
    return {.embeds = true, .reranks = true, .is_local = true};
  }

  Status Health(const CancelToken&) override { return OkStatus(); }

  Result<std::vector<ProviderModel>> ListModels(const CancelToken&) override {
    const std::filesystem::path root =
        std::filesystem::path(ModelDirectory(AiConfig())).parent_path();
    std::error_code ignored;
    std::vector<ProviderModel> models;
    for (const auto& entry : std::filesystem::directory_iterator(root, ignored)) {
      const Result<ProviderModel> model =
          DescribeDirectory(entry.path().string(), entry.path().filename().string());
      if (model.ok()) models.push_back(*model);
    }
    std::ranges::sort(models, {}, &ProviderModel::name);
    return models;
  }

  Result<std::vector<LoadedModel>> LoadedModels(const CancelToken&) override {
    return open_->List();
  }

  Result<ProviderModel> Describe(const std::string& model, const CancelToken&) override {
    return DescribeDirectory(DirectoryOf(Find(model)), model);
  }

  Status Preload(const std::string& model, const CancelToken&) override {
    return InvalidArgument("an embedded model is in memory as long as it is open: ", model);
  }
  Status Unload(const std::string& model, const CancelToken& cancel) override {
    return Preload(model, cancel);
  }

  Result<std::unique_ptr<EmbeddingModel>> OpenEmbedding(const AiModelConfig& model,
                                                        const CancelToken& cancel) override {
    TRY(cancel.Check());
    ASSIGN_OR_RETURN(auto opened, OpenEmbeddedModel(OptionsOf(model)));
    return std::make_unique<ListedModel>(std::move(opened), open_);
  }

  Result<std::unique_ptr<Reranker>> OpenReranker(const AiModelConfig& model,
                                                 const CancelToken& cancel) override {
    TRY(cancel.Check());
    ASSIGN_OR_RETURN(auto opened, OpenEmbeddedReranker(OptionsOf(model)));
    return std::make_unique<ListedReranker>(std::move(opened), open_);
  }

  Result<GenerateAnswer> Generate(const std::string& model, const GenerateRequest&,
                                  const GenerateSink&) override {
    return InvalidArgument("the embedded provider does not write text: ", model);
  }

 private:
  // The table of that name; a model without one has the defaults.
  AiModelConfig Find(const std::string& name) const {
    const auto table = std::ranges::find(config_.models, name, &AiModelConfig::name);
    if (table != config_.models.end()) return *table;
    return {.name = name, .directory = name == config_.model ? config_.model_dir : ""};
  }

  static std::string DirectoryOf(const AiModelConfig& model) {
    return ModelDirectory({.model = model.name, .model_dir = model.directory});
  }

  EmbeddedModelOptions OptionsOf(const AiModelConfig& model) const {
    const auto prefix = [](const std::string& text) {
      return text == kAsInModel ? std::nullopt : std::optional<std::string>(text);
    };
    return {.name = model.name,
            .directory = DirectoryOf(model),
            .precision = model.precision.empty() ? config_.precision : model.precision,
            .threads = config_.threads,
            .dimensions = model.dimensions,
            .max_tokens = model.max_tokens,
            .document_prefix = prefix(model.document_prefix),
            .query_prefix = prefix(model.query_prefix),
            .metrics = metrics_};
  }

  static Result<ProviderModel> DescribeDirectory(const std::string& directory,
                                                 const std::string& name) {
    ASSIGN_OR_RETURN(const ModelConfig config, ReadModelConfig(directory, name));
    std::error_code ignored;
    const auto size = std::filesystem::file_size(directory + "/model.safetensors", ignored);
    return ProviderModel{.name = name,
                         .size_bytes = ignored ? 0 : size,
                         .dimensions = config.dimensions(),
                         .max_tokens = config.max_tokens,
                         .pooling = config.labels > 0 ? "" : PoolingName(config.pooling)};
  }

  const std::string name_{kEmbeddedProvider};
  const AiConfig config_;
  MetricsRegistry* const metrics_;
  const std::shared_ptr<OpenNames> open_ = std::make_shared<OpenNames>();
};

}  // namespace

std::unique_ptr<ModelProvider> MakeEmbeddedProvider(const AiConfig& config,
                                                    MetricsRegistry* metrics) {
  return std::make_unique<EmbeddedProvider>(config, metrics);
}

}  // namespace lakehouse::ai
