// The work of an index job: from rows of a dataset to published parts.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ai/embedding_provider.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/metrics.h"
#include "base/status.h"
#include "catalog/catalog.h"
#include "search/embedding_store.h"
#include "search/index_registry.h"
#include "search/job_board.h"
#include "search/source_reader.h"

namespace lakehouse::search {

// What building needs. Every pointer outlives the builder.
struct IndexBuilderOptions {
  SearchConfig config;
  IndexRegistry* registry = nullptr;
  EmbeddingStore* embeddings = nullptr;
  catalog::Catalog* catalog = nullptr;
  sql::Engine* engine = nullptr;
  ai::EmbeddingProvider* provider = nullptr;
  MetricsRegistry* metrics = nullptr;
  const Clock* clock = &Clock::System();
};

// Continues an index after its last published part until it is complete. A part is one step: its
// rows are read, cut, embedded, stored and published together, or not at all. Not thread-safe, and
// one builder at a time works on an index.
class IndexBuilder {
 public:
  using Report = std::function<void(const JobProgress&)>;

  IndexBuilder(const IndexBuilderOptions& options, Report report)
      : options_(options), report_(std::move(report)) {}

  // Ok when the index is complete. kConflict when the provider's embedding space is not the
  // index's, kNotFound when its dataset is gone, kCancelled at the next step after `cancel`.
  Status Run(const IndexName& name, const CancelToken& cancel);

 private:
  // The rows of one part on their way.
  struct Batch;

  // Sets index_ to the index, begun anew when its dataset was replaced meanwhile.
  Status Prepare(const IndexName& name);
  Status BuildPart(SourceReader& reader);
  Status ReadRows(SourceReader& reader, Batch& batch);
  Status CutTexts(Batch& batch);
  Status EmbedChunks(Batch& batch);
  Status PublishBatch(Batch& batch);
  // Publishes `index` and makes it index_.
  Status Publish(IndexInfo index);
  Status Complete();
  void ReportStage(std::string_view stage, uint64_t rows_in_part);

  const IndexBuilderOptions options_;
  const Report report_;
  CancelToken cancel_;
  catalog::DatasetPtr dataset_;
  IndexPtr index_;
};

}  // namespace lakehouse::search
