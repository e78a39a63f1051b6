#include "app/core.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/log.h"

namespace lakehouse::app {

namespace {

// A data file that no dataset names may belong to an ingest that was killed: it is kept this long.
constexpr int64_t kGarbageGraceMicros = int64_t{24} * 3600 * 1'000'000;
// The same holds for an upload in parts.
constexpr int64_t kUploadGraceMicros = kGarbageGraceMicros;

}  // namespace

Result<std::unique_ptr<Core>> Core::Open(DataDirectory directory, const CoreOptions& options) {
  std::unique_ptr<Core> core(new Core(std::move(directory), options.config, options.secrets));
  TRY(core->Start(options));
  return core;
}

Status Core::Start(const CoreOptions& options) {
  const std::string& data = directory_.path();
  const std::string work = data + "/staging";
  ASSIGN_OR_RETURN(buckets_, storage::BucketRegistry::Open({.config = config_.storage,
                                                            .data_dir = data,
                                                            .secrets = &secrets_,
                                                            .metrics = &metrics_}));
  ASSIGN_OR_RETURN(catalog_,
                   catalog::Catalog::Open(*buckets_, {.state_dir = data + "/state/datasets"}));
  ASSIGN_OR_RETURN(engine_, sql::Engine::Open(config_.sql, data + "/temp", *buckets_, *catalog_));
  ASSIGN_OR_RETURN(ingester_, ingest::Ingester::Open({.config = config_.ingest,
                                                      .work_dir = work + "/ingest",
                                                      .buckets = buckets_.get(),
                                                      .catalog = catalog_.get(),
                                                      .engine = engine_.get(),
                                                      .metrics = &metrics_}));
  vector_cache_ = search::BucketVectorCache::Open(
      {.store = &buckets_->primary(),
       .memory_bytes = static_cast<uint64_t>(config_.ai.cache_memory_bytes),
       .disk_bytes = static_cast<uint64_t>(config_.ai.cache_disk_bytes),
       .metrics = &metrics_});
  ASSIGN_OR_RETURN(models_, ai::Models::Open({.config = config_.ai,
                                              .secrets = &secrets_,
                                              .metrics = &metrics_,
                                              .cache = vector_cache_.get()}));
  if (options.preload_model) PreloadModel();
  ASSIGN_OR_RETURN(search_, search::SearchService::Open({.config = config_.search,
                                                         .work_dir = work + "/search",
                                                         .state_dir = data + "/state/indexes",
                                                         .buckets = buckets_.get(),
                                                         .catalog = catalog_.get(),
                                                         .engine = engine_.get(),
                                                         .models = models_.get(),
                                                         .metrics = &metrics_,
                                                         .run_jobs = options.run_jobs}));
  gateway_ = gateway::Gateway::Create({.config = &config_,
                                       .metrics = &metrics_,
                                       .buckets = buckets_.get(),
                                       .catalog = catalog_.get(),
                                       .engine = engine_.get(),
                                       .ingester = ingester_.get(),
                                       .search = search_.get(),
                                       .models = models_.get(),
                                       .draining = [this] { return draining_.load(); }});
  for (const auto& freed : {catalog_->CollectGarbage(kGarbageGraceMicros),
                            search_->CollectGarbage(kGarbageGraceMicros)}) {
    if (freed.ok()) continue;
    LogWarning("garbage collection skipped", {{"error", freed.status().message()}});
  }
  if (options.run_jobs) {
    // A bucket that does not answer must not keep the server from starting.
    upload_cleaner_ = std::thread([this] {
      buckets_->AbortStaleUploads({Clock::System().Now().micros - kUploadGraceMicros});
    });
  }
  return OkStatus();
}

void Core::PreloadModel() {
  const std::string& name = models_->default_name();
  const auto& tables = config_.ai.models;
  const auto table = std::ranges::find(tables, name, &AiModelConfig::name);
  // The model of a server is not waited for.
  if (table != tables.end() && table->provider != kEmbeddedProvider) return;
  if (const auto model = models_->Get(name, CancelToken()); !model.ok()) {
    LogWarning("embedding model not opened", {{"error", model.status().message()}});
  }
}

Core::~Core() {
  if (upload_cleaner_.joinable()) upload_cleaner_.join();
  if (search_) search_->Shutdown();
}

}  // namespace lakehouse::app
