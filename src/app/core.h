// Wires every module into one working lakehouse and owns the order of start and stop.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "ai/models.h"
#include "app/data_directory.h"
#include "base/config.h"
#include "base/metrics.h"
#include "base/secrets.h"
#include "catalog/catalog.h"
#include "gateway/gateway.h"
#include "ingest/ingester.h"
#include "search/search_service.h"
#include "search/vector_cache/bucket_vector_cache.h"
#include "sql/engine.h"
#include "storage/bucket_registry.h"

namespace lakehouse::app {

struct CoreOptions {
  Config config;
  SecretStore secrets;
  // Opens the default model at once when it runs in this process; else whoever needs it first does.
  bool preload_model = false;
  bool run_jobs = true;  // False: unfinished jobs stay queued and nothing is tidied up.
};

// Everything behind the API of one data directory. Thread-safe after Open. A model that cannot be
// opened does not stop the start: what needs it says why.
class Core {
 public:
  static Result<std::unique_ptr<Core>> Open(DataDirectory directory, const CoreOptions& options);
  ~Core();

  gateway::Gateway& gateway() { return *gateway_; }
  sql::Engine& engine() { return *engine_; }
  catalog::Catalog& catalog() { return *catalog_; }
  storage::BucketRegistry& buckets() { return *buckets_; }
  MetricsRegistry& metrics() { return metrics_; }
  DataDirectory& directory() { return directory_; }
  const Config& config() const { return config_; }
  // Makes /readyz answer 503 from now on.
  void StartDraining() { draining_ = true; }

 private:
  Core(DataDirectory directory, const Config& config, const SecretStore& secrets)
      : directory_(std::move(directory)), config_(config), secrets_(secrets) {}
  Status Start(const CoreOptions& options);
  void PreloadModel();

  // Destroyed in reverse: users before what they use, the lock last.
  DataDirectory directory_;
  const Config config_;
  const SecretStore secrets_;
  std::atomic<bool> draining_{false};
  MetricsRegistry metrics_;
  std::unique_ptr<storage::BucketRegistry> buckets_;
  std::unique_ptr<catalog::Catalog> catalog_;
  std::unique_ptr<sql::Engine> engine_;
  std::unique_ptr<ingest::Ingester> ingester_;
  std::unique_ptr<search::BucketVectorCache> vector_cache_;
  std::unique_ptr<ai::Models> models_;
  std::unique_ptr<search::SearchService> search_;
  std::unique_ptr<gateway::Gateway> gateway_;
  std::thread upload_cleaner_;
};

}  // namespace lakehouse::app
