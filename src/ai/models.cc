#include "ai/models.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <thread>
#include <utility>

#include "ai/cached_embedding_model.h"
#include "ai/embedded_provider.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/strings.h"

namespace lakehouse::ai {
namespace {

// A server may give a name to another model at any time: that is looked up this often.
constexpr int64_t kIdentityMicros = 30'000'000;
constexpr int64_t kListTimeoutMs = 2'000;
// How often somebody who waits for another one's opening looks whether to give up.
constexpr std::chrono::milliseconds kOpeningPoll{50};

// Something that is opened once, by whoever needs it first. Thread-safe.
template <typename T>
class OpenOnce {
 public:
  using Open = std::function<Result<std::shared_ptr<T>>()>;

  // What is open already, or else what `open` gives. Only one caller opens; the others wait for it,
  // and one of them tries next when it fails.
  Result<std::shared_ptr<T>> Get(const CancelToken& cancel, const Open& open) {
    {
      const MutexLock lock(mutex_);
      while (opening_) {
        TRY(cancel.Check());
        changed_.WaitFor(mutex_, kOpeningPoll);
      }
      if (value_ != nullptr) return value_;
      opening_ = true;
    }
    Result<std::shared_ptr<T>> opened = open();
    const MutexLock lock(mutex_);
    opening_ = false;
    if (opened.ok()) value_ = *opened;
    error_ = opened.status();
    changed_.NotifyAll();
    return opened;
  }

  std::shared_ptr<T> Find() {
    const MutexLock lock(mutex_);
    return value_;
  }

  // Why the last attempt failed.
  Status error() {
    const MutexLock lock(mutex_);
    return error_;
  }

  // Forgets `value`, unless another one has taken its place.
  void Drop(const std::shared_ptr<T>& value) {
    const MutexLock lock(mutex_);
    if (value_ == value) value_ = nullptr;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool opening_ GUARDED_BY(mutex_) = false;
  Status error_ GUARDED_BY(mutex_);
  std::shared_ptr<T> value_ GUARDED_BY(mutex_);  // Shared with those who use it.
};

// One model of the configuration.
struct Entry {
  AiModelConfig config;
  ModelProvider* provider = nullptr;
  OpenOnce<EmbeddingModel> embedding;
  OpenOnce<Reranker> reranker;
  std::atomic<int64_t> identity_checked_micros{0};

  // Its name at the provider.
  const std::string& provider_model() const {
    return config.model.empty() ? config.name : config.model;
  }
};

bool IsLoaded(const std::vector<LoadedModel>& loaded, const std::string& name) {
  return std::ranges::any_of(loaded, [&](const LoadedModel& model) {
    // Ollama completes a name without a tag.
    return model.name == name || model.name == name + ":latest";
  });
}

class ConfiguredModels final : public Models {
 public:
  explicit ConfiguredModels(const ModelsOptions& options) : options_(options) {}

  Status Start() {
    providers_.push_back(MakeEmbeddedProvider(options_.config, options_.metrics));
    for (const AiProviderConfig& config : options_.config.providers) {
      ASSIGN_OR_RETURN(auto provider, OpenModelServer({.config = config,
                                                       .secrets = options_.secrets,
                                                       .metrics = options_.metrics}));
      providers_.push_back(std::move(provider));
    }
    for (const AiModelConfig& config : options_.config.models) AddEntry(config);
    if (!entries_.contains(default_name())) {
      AddEntry({.name = default_name(), .directory = options_.config.model_dir});
    }
    return OkStatus();
  }

  const std::string& default_name() const override { return options_.config.model; }
  const std::string& default_reranker() const override { return options_.config.rerank_model; }
  const std::string& default_generator() const override { return options_.config.generate_model; }

  Result<std::shared_ptr<EmbeddingModel>> Get(const std::string& name,
                                              const CancelToken& cancel) override {
    ASSIGN_OR_RETURN(Entry* const entry, FindEntry(name, "embed"));
    DropChanged(*entry, cancel);
    return entry->embedding.Get(cancel, [&]() -> Result<std::shared_ptr<EmbeddingModel>> {
      ASSIGN_OR_RETURN(auto model, entry->provider->OpenEmbedding(entry->config, cancel));
      LogInfo("embedding model opened", {{"model", name},
                                         {"provider", entry->provider->name()},
                                         {"dimensions", model->space().dimensions},
                                         {"precision", model->space().precision}});
      entry->identity_checked_micros = clock_.MonotonicMicros();
      if (options_.cache == nullptr) return std::shared_ptr<EmbeddingModel>(std::move(model));
      return std::shared_ptr<EmbeddingModel>(
          CacheEmbeddings(std::move(model), *options_.cache, *options_.metrics));
    });
  }

  Result<std::shared_ptr<Reranker>> GetReranker(const std::string& name,
                                                const CancelToken& cancel) override {
    ASSIGN_OR_RETURN(Entry* const entry, FindEntry(name, "rerank"));
    return entry->reranker.Get(cancel, [&]() -> Result<std::shared_ptr<Reranker>> {
      ASSIGN_OR_RETURN(auto reranker, entry->provider->OpenReranker(entry->config, cancel));
      return std::shared_ptr<Reranker>(std::move(reranker));
    });
  }

  Result<GenerateAnswer> Generate(const std::string& name, const GenerateRequest& request,
                                  const GenerateSink& sink) override {
    ASSIGN_OR_RETURN(Entry* const entry, FindEntry(name, "generate"));
    return entry->provider->Generate(entry->provider_model(), request, sink);
  }

  Status Check(const std::string& name, std::string_view task) const override {
    return FindEntry(name, task).status();
  }

  Status Preload(const std::string& name, const CancelToken& cancel) override {
    ASSIGN_OR_RETURN(Entry* const entry, FindEntry(name, ""));
    if (entry->provider->capabilities().loads_on_demand) {
      return entry->provider->Preload(entry->provider_model(), cancel);
    }
    if (entry->config.task == "embed") return Get(name, cancel).status();
    if (entry->config.task == "rerank") return GetReranker(name, cancel).status();
    return InvalidArgument("provider ", entry->provider->name(),
                           " loads models by itself and not on demand: ", name);
  }

  Status Unload(const std::string& name, const CancelToken& cancel) override {
    ASSIGN_OR_RETURN(Entry* const entry, FindEntry(name, ""));
    if (entry->provider->capabilities().loads_on_demand) {
      return entry->provider->Unload(entry->provider_model(), cancel);
    }
    if (entry->provider->kind() != kEmbeddedProvider) {
      return InvalidArgument("provider ", entry->provider->name(),
                             " unloads models by itself and not on demand: ", name);
    }
    entry->embedding.Drop(entry->embedding.Find());
    entry->reranker.Drop(entry->reranker.Find());
    return OkStatus();
  }

  std::vector<ModelInfo> ListModels(const CancelToken& cancel) override {
    const std::vector<ProviderInfo> providers = ListProviders(cancel);
    std::vector<ModelInfo> models;
    for (const auto& [name, entry] : entries_) {
      const auto provider =
          std::ranges::find(providers, entry->provider->name(), &ProviderInfo::name);
      ModelInfo info{.name = name,
                     .task = entry->config.task,
                     .provider = provider->name,
                     .provider_kind = provider->kind,
                     .provider_model = entry->provider_model(),
                     .is_default = name == default_name() || name == default_reranker() ||
                                   name == default_generator(),
                     .loaded = IsLoaded(provider->loaded, entry->provider_model())};
      if (const auto model = entry->embedding.Find()) info.space = model->space();
      info.error = entry->embedding.error().message();
      if (!provider->health.ok()) info.error = provider->health.message();
      models.push_back(std::move(info));
    }
    return models;
  }

  std::vector<ProviderInfo> ListProviders(const CancelToken& cancel) override {
    std::vector<ProviderInfo> infos(providers_.size());
    // One that does not answer must not make the others wait.
    std::vector<std::thread> threads;
    for (size_t i = 0; i < providers_.size(); ++i) {
      threads.emplace_back([&, i] { infos[i] = Ask(*providers_[i], cancel); });
    }
    for (std::thread& thread : threads) thread.join();
    return infos;
  }

  std::shared_ptr<EmbeddingModel> FindOpened(const std::string& name) override {
    const auto found = entries_.find(name);
    return found == entries_.end() ? nullptr : found->second->embedding.Find();
  }

  Status LastError(const std::string& name) override {
    const auto found = entries_.find(name);
    return found == entries_.end() ? OkStatus() : found->second->embedding.error();
  }

 private:
  void AddEntry(const AiModelConfig& config) {
    auto entry = std::make_unique<Entry>();
    entry->config = config;
    for (const auto& provider : providers_) {
      if (provider->name() == config.provider) entry->provider = provider.get();
    }
    CHECK(entry->provider != nullptr);  // FindMistake (base/config.h) saw to it.
    entries_.emplace(config.name, std::move(entry));
  }

  // `task` may be "" for any.
  Result<Entry*> FindEntry(const std::string& name, std::string_view task) const {
    const auto found = entries_.find(name);
    if (found == entries_.end()) {
      std::vector<std::string> names;
      for (const auto& [known, entry] : entries_) names.push_back(known);
      const std::string nearest = NearestName(name, names);
      return NotFound("model ", QuoteForMessage(name), " is not in the configuration; ",
                      nearest.empty() ? StrCat("it has ", JoinStrings(names, ", "))
                                      : StrCat("did you mean ", QuoteForMessage(nearest), "?"));
    }
    if (!task.empty() && found->second->config.task != task) {
      return InvalidArgument("the task of model ", QuoteForMessage(name), " is ",
                             found->second->config.task, ", not ", task);
    }
    return found->second.get();
  }

  // Forgets a model that its server has replaced, so that it is opened anew.
  void DropChanged(Entry& entry, const CancelToken& cancel) {
    if (entry.provider->kind() == kEmbeddedProvider) return;
    const auto model = entry.embedding.Find();
    if (model == nullptr) return;
    const int64_t now = clock_.MonotonicMicros();
    int64_t checked = entry.identity_checked_micros;
    if (now - checked < kIdentityMicros) return;
    // Of many callers one asks; the others go on with what was true a moment ago.
    if (!entry.identity_checked_micros.compare_exchange_strong(checked, now)) return;
    const Status status = model->CheckIdentity(cancel);
    if (status.code() != StatusCode::kConflict) return;
    LogWarning("model changed at its provider",
               {{"model", entry.config.name}, {"error", status.message()}});
    entry.embedding.Drop(model);
  }

  static ProviderInfo Ask(ModelProvider& provider, const CancelToken& cancel) {
    const CancelToken soon = cancel.Child(kListTimeoutMs);
    ProviderInfo info{.name = provider.name(),
                      .kind = provider.kind(),
                      .capabilities = provider.capabilities(),
                      .health = provider.Health(soon),
                      .loaded = {}};
    if (!info.health.ok()) return info;
    if (auto loaded = provider.LoadedModels(soon); loaded.ok()) info.loaded = *std::move(loaded);
    return info;
  }

  const ModelsOptions options_;
  const Clock& clock_ = Clock::System();
  std::vector<std::unique_ptr<ModelProvider>> providers_;
  std::map<std::string, std::unique_ptr<Entry>> entries_;  // Destroyed before the providers.
};

}  // namespace

Result<std::unique_ptr<Models>> Models::Open(const ModelsOptions& options) {
  auto models = std::make_unique<ConfiguredModels>(options);
  TRY(models->Start());
  return std::unique_ptr<Models>(std::move(models));
}

}  // namespace lakehouse::ai
