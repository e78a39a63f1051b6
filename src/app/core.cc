#include "app/core.h"

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
  Status embedding_error = Unavailable("the embedding model is not loaded by this command");
  if (options.load_model) {
    auto embedding = ai::OpenEmbeddedProvider(config_.ai);
    embedding_error = embedding.status();
    if (embedding.ok()) {
      embedding_ = *std::move(embedding);
    } else {
      LogWarning("embedding model not loaded", {{"error", embedding_error.message()}});
    }
  }
  ASSIGN_OR_RETURN(search_, search::SearchService::Open({.config = config_.search,
                                                         .work_dir = work + "/search",
                                                         .state_dir = data + "/state/indexes",
                                                         .buckets = buckets_.get(),
                                                         .catalog = catalog_.get(),
                                                         .engine = engine_.get(),
                                                         .embedding = embedding_.get(),
                                                         .embedding_error = embedding_error,
                                                         .metrics = &metrics_,
                                                         .run_jobs = options.run_jobs}));
  gateway_ = gateway::Gateway::Create({.config = &config_,
                                       .metrics = &metrics_,
                                       .buckets = buckets_.get(),
                                       .catalog = catalog_.get(),
                                       .engine = engine_.get(),
                                       .ingester = ingester_.get(),
                                       .search = search_.get(),
                                       .embedding = embedding_.get(),
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

Core::~Core() {
  if (upload_cleaner_.joinable()) upload_cleaner_.join();
  if (search_) search_->Shutdown();
}

}  // namespace lakehouse::app
