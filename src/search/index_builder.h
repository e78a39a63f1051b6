// The work of an index job: from rows of a dataset to published parts.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ai/embedding_model.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/status.h"
#include "catalog/catalog.h"
#include "search/embedding_store.h"
#include "search/index_registry.h"
#include "search/job_board.h"
#include "search/part_batch.h"
#include "search/passport_checker.h"

namespace lakehouse::search {

// What building needs. Every pointer outlives the builder.
struct IndexBuilderOptions {
  SearchConfig config;
  IndexRegistry* registry = nullptr;
  EmbeddingStore* embeddings = nullptr;
  catalog::Catalog* catalog = nullptr;
  sql::Engine* engine = nullptr;
  ai::EmbeddingModels* models = nullptr;
  PassportChecker* passports = nullptr;
  MetricsRegistry* metrics = nullptr;
  const Clock* clock = &Clock::System();
};

// Continues an index after its last published part until it is complete. A part is published as a
// whole or not at all; while one is stored, the next ones are read, cut and embedded. Not
// thread-safe, and one builder at a time works on an index.
class IndexBuilder {
 public:
  using Report = std::function<void(const JobProgress&)>;

  IndexBuilder(const IndexBuilderOptions& options, Report report)
      : options_(options), report_(std::move(report)) {}

  // Ok when the index is complete. kConflict when the model is not the one of the index, kNotFound
  // when its dataset or model is gone, kCancelled at the next step after `cancel`.
  Status Run(const IndexName& name, const CancelToken& cancel);
  // True when Run failed because the model does not answer for now.
  bool waits_for_model() const { return waits_for_model_; }

 private:
  // Sets index_ to the index, begun anew when its dataset was replaced meanwhile, and model_ to the
  // model that it began with.
  Status Prepare(const IndexName& name);
  // Opens the model; the index has a passport and the model agrees with it on return.
  Status PrepareModel();
  Status BuildParts();
  Status PublishBatch(PartBatch& batch);
  // Publishes `index` and makes it index_.
  Status Publish(IndexInfo index);
  Status Complete();
  // Notes whether an error of the model may pass.
  Status OfModel(Status status);
  void ReportStage(std::string_view stage, uint64_t rows) EXCLUDES_LOCK(report_mutex_);
  void ReportFailures() EXCLUDES_LOCK(report_mutex_);

  const IndexBuilderOptions options_;
  const Report report_;
  CancelToken cancel_;
  catalog::DatasetPtr dataset_;
  IndexPtr index_;
  ModelPtr model_;
  bool waits_for_model_ = false;

  Mutex report_mutex_;  // The pipeline's threads report too.
  JobProgress progress_ GUARDED_BY(report_mutex_);
};

}  // namespace lakehouse::search
