// Indexes over datasets: building them in background jobs, searching them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ai/embedding_model.h"
#include "base/config.h"
#include "base/metrics.h"
#include "catalog/catalog.h"
#include "search/index.h"
#include "search/job.h"
#include "sql/engine.h"
#include "storage/bucket_registry.h"

namespace lakehouse::search {

struct SearchServiceOptions {
  SearchConfig config;
  std::string work_dir;  // For files on their way; on the data directory's filesystem.
  // Below the data directory: keeps which indexes each bucket was last known to hold. "": nothing
  // is remembered between runs.
  std::string state_dir;
  storage::BucketRegistry* buckets = nullptr;
  catalog::Catalog* catalog = nullptr;
  sql::Engine* engine = nullptr;
  // Says why a model is not there; then only what needs that model fails.
  ai::EmbeddingModels* models = nullptr;
  MetricsRegistry* metrics = nullptr;
  bool run_jobs = true;  // False: jobs stay queued (read-only copies).
  catalog::BucketLoader::Options loading = {};
  JobWaits waits = {};  // Of jobs whose model does not answer.
};

// Thread-safe. Every pointer of the options outlives it. Invariants:
// 1. An index answers only with chunks of parts that its published document names.
// 2. A part is published after it is durable; a job restarts after the last published part.
// 3. At most one job writes an index, and at most one moves a dataset.
// 4. A bucket that cannot be reached does not stop Open; what it holds answers kUnavailable and is
//    loaded in the background as soon as the bucket answers.
// 5. A query meets only vectors of a model that agrees with the index's passport. A model that
//    cannot be opened or has drifted stops nothing but the indexes and jobs that need it.
class SearchService {
 public:
  static constexpr int64_t kOpenModelMillis = 20'000;

  virtual ~SearchService() = default;
  // Reads every index and job; unfinished jobs are queued again.
  static Result<std::unique_ptr<SearchService>> Open(const SearchServiceOptions& options);

  // Checks everything that can be checked now, publishes the empty index and queues its job. Opens
  // the model, but waits for that no longer than kOpenModelMillis. Asked for an index whose job
  // failed or was cancelled, continues it.
  virtual Result<JobInfo> CreateIndex(const CreateIndexRequest& request) = 0;
  // With last_check, as far as there was one.
  virtual std::vector<IndexInfo> ListIndexes() const = 0;
  virtual Result<IndexInfo> GetIndex(const IndexName& name) const = 0;
  // Cancels its job, if any, then removes it.
  virtual Status DropIndex(const IndexName& name) = 0;

  // Queue a job (kinds "move_dataset" and "move_index") that moves data and document to `bucket`;
  // queries and searches go on meanwhile, and the job goes on after a restart. A move to where it
  // is already ends at once and changes nothing. kNotFound: no such dataset, index or bucket.
  // kUnavailable: one of the two buckets cannot be reached. kConflict names the job that works on
  // it already: another move, or the index's build.
  virtual Result<JobInfo> StartMoveDataset(const DatasetName& name, const BucketName& bucket) = 0;
  virtual Result<JobInfo> StartMoveIndex(const IndexName& name, const BucketName& bucket) = 0;

  // To be called after BucketRegistry::Add: reads what lies in the bucket, datasets and indexes.
  // An error only says that it is not read yet; it is read later by itself then.
  virtual Status LoadBucket(const BucketName& bucket) = 0;
  // To be called after BucketRegistry::Remove.
  virtual void ForgetBucket(const BucketName& bucket) = 0;
  // Why `bucket` may not go, for BucketRegistry::Remove: "dataset people", "index people_v1", "job
  // 0190… moves dataset people here"; also what an unreachable bucket was last known to hold.
  virtual std::vector<std::string> UsersOf(const BucketName& bucket) const = 0;

  virtual Result<SearchAnswer> Search(const SearchRequest& request) = 0;
  // The chunks of one document in order; kNotFound.
  virtual Result<std::vector<SearchHit>> GetDocument(const IndexName& index,
                                                     const std::string& doc_id) = 0;

  virtual std::vector<JobInfo> ListJobs() const = 0;  // Newest first.
  virtual Result<JobInfo> GetJob(const JobId& id) const = 0;
  // Answers at once; the job stops at its next step. kConflict when it has ended.
  virtual Status CancelJob(const JobId& id) = 0;

  // Deletes embeddings that are older than `grace_micros` and that no index has named since: what
  // moves and killed jobs left. Returns how many bytes were freed. A bucket that could not be read
  // yet keeps everything. Deletes nothing after a failed listing, and stops at the first error.
  virtual Result<uint64_t> CollectGarbage(int64_t grace_micros) = 0;

  // Stops the workers; running jobs stay resumable. Idempotent.
  virtual void Shutdown() = 0;
};

}  // namespace lakehouse::search
