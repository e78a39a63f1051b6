#include "search/search_service.h"

#include <array>
#include <exception>
#include <set>
#include <span>
#include <thread>
#include <utility>

#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mutex.h"
#include "search/embedding_garbage.h"
#include "search/embedding_store.h"
#include "search/index_builder.h"
#include "search/index_mover.h"
#include "search/index_plan.h"
#include "search/index_registry.h"
#include "search/job_board.h"
#include "search/passport_checker.h"
#include "search/query_vectors.h"
#include "search/resident_indexes.h"
#include "search/source_reader.h"

namespace lakehouse::search {

namespace {

constexpr std::array<std::string_view, 1> kBuildJobs = {kIndexJob};
constexpr std::array<std::string_view, 2> kMoveJobs = {kMoveDatasetJob, kMoveIndexJob};
constexpr size_t kQueryVectorsKept = 512;
constexpr int kMaxDefaultNames = 10'000;

// Errors that a user sees when a model is opened name it.
std::string ModelContext(const std::string& name) { return StrCat("model ", name); }

// How a job's work ended.
struct Outcome {
  Status status;
  bool may_pass = false;  // A later attempt may get further.
};

// An index may be replaced or grow between the look at its document and the load of its parts.
constexpr int kLoadAttempts = 3;

uint64_t ResidentBudget(const SearchConfig& config) {
  if (config.max_resident_bytes > 0) return static_cast<uint64_t>(config.max_resident_bytes);
  const uint64_t memory =
      static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return memory / 4;
}

class Service : public SearchService {
 public:
  explicit Service(const SearchServiceOptions& options) : options_(options) {}
  ~Service() override { Shutdown(); }

  Status Start();

  Result<JobInfo> CreateIndex(const CreateIndexRequest& request) override;
  std::vector<IndexInfo> ListIndexes() const override;
  Result<IndexInfo> GetIndex(const IndexName& name) const override;
  Status DropIndex(const IndexName& name) override;
  Result<JobInfo> StartMoveDataset(const DatasetName& name, const BucketName& bucket) override;
  Result<JobInfo> StartMoveIndex(const IndexName& name, const BucketName& bucket) override;
  Status LoadBucket(const BucketName& bucket) override;
  void ForgetBucket(const BucketName& bucket) override;
  std::vector<std::string> UsersOf(const BucketName& bucket) const override;
  Result<uint64_t> CollectGarbage(int64_t grace_micros) override;
  Result<SearchAnswer> Search(const SearchRequest& request) override;
  Result<std::vector<SearchHit>> GetDocument(const IndexName& index,
                                             const std::string& doc_id) override;
  std::vector<JobInfo> ListJobs() const override { return jobs_->List(); }
  Result<JobInfo> GetJob(const JobId& id) const override { return jobs_->Get(id); }
  Status CancelJob(const JobId& id) override { return jobs_->Cancel(id); }
  void Shutdown() override;

 private:
  // Keeps a name from being created, moved and dropped at once.
  class NameLock;

  // Removes what a request left that was killed between its index and its job; nobody was told of
  // such an index.
  void RemoveAbandoned();
  // Takes one job after the other until the board stops.
  void RunJobs(std::span<const std::string_view> kinds);
  Outcome RunJob(const ClaimedJob& job);
  Outcome BuildIndex(const ClaimedJob& job);
  Status MoveDataset(const ClaimedJob& job);
  Status MoveIndex(const ClaimedJob& job);
  Result<IndexName> FreeDefaultName(const DatasetName& source) const;
  Result<JobInfo> PublishAndQueue(const IndexInfo& planned);
  Result<std::vector<float>> QueryVector(const SearchRequest& request, const IndexPtr& index);
  IndexInfo WithLastCheck(const IndexPtr& index) const;
  Result<ResidentIndexPtr> LoadIndex(const IndexName& name, const CancelToken& cancel);

  const SearchServiceOptions options_;
  const Clock& clock_ = Clock::System();
  std::unique_ptr<JobBoard> jobs_;
  std::unique_ptr<IndexRegistry> indexes_;  // Its threads load jobs_.
  std::unique_ptr<EmbeddingStore> embeddings_;
  std::unique_ptr<ResidentIndexes> resident_;
  QueryVectors query_vectors_{kQueryVectorsKept};
  PassportChecker passports_{clock_};

  Mutex names_mutex_;
  std::set<IndexName> names_in_change_ GUARDED_BY(names_mutex_);

  Mutex workers_mutex_;
  std::vector<std::thread> workers_ GUARDED_BY(workers_mutex_);
};

class Service::NameLock {
 public:
  NameLock(Service& service, const IndexName& name) : service_(service), name_(name) {
    MutexLock lock(service_.names_mutex_);
    held_ = service_.names_in_change_.insert(name_).second;
  }
  ~NameLock() {
    if (!held_) return;
    MutexLock lock(service_.names_mutex_);
    service_.names_in_change_.erase(name_);
  }
  NameLock(const NameLock&) = delete;
  NameLock& operator=(const NameLock&) = delete;

  Status status() const {
    if (held_) return OkStatus();
    return Conflict("index ", name_, " is being changed by another request");
  }

 private:
  Service& service_;
  const IndexName name_;
  bool held_ = false;
};

Status Service::Start() {
  if (options_.config.rows_per_part < 1) {
    return InvalidArgument("search.rows_per_part must be at least 1, not ",
                           options_.config.rows_per_part);
  }
  jobs_ = std::make_unique<JobBoard>(options_.buckets->primary(), clock_, options_.waits);
  IndexRegistryOptions registry{.state_dir = options_.state_dir, .loading = options_.loading};
  for (const catalog::MissingBucket& missing : options_.catalog->Missing()) {
    registry.unreachable.insert(missing.bucket);
  }
  // The jobs lie in the primary bucket, and are read with its indexes or not at all.
  registry.before_read = [this](const BucketName& bucket) {
    return bucket.str() == "primary" ? jobs_->Load() : OkStatus();
  };
  ASSIGN_OR_RETURN(indexes_, IndexRegistry::Open(*options_.buckets, registry));
  ASSIGN_OR_RETURN(embeddings_,
                   EmbeddingStore::Open(options_.work_dir, *options_.buckets, *options_.engine));
  resident_ = std::make_unique<ResidentIndexes>(*embeddings_, ResidentBudget(options_.config),
                                                *options_.metrics);
  if (!options_.run_jobs) return OkStatus();
  RemoveAbandoned();
  MutexLock lock(workers_mutex_);
  workers_.emplace_back([this] { RunJobs(kMoveJobs); });
  workers_.emplace_back([this] { RunJobs(kBuildJobs); });
  return OkStatus();
}

void Service::Shutdown() {
  if (jobs_ != nullptr) jobs_->Stop();
  MutexLock lock(workers_mutex_);
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
}

void Service::RemoveAbandoned() {
  if (!jobs_->CheckLoaded().ok()) return;
  std::set<std::string> with_job;
  for (const JobInfo& job : jobs_->List()) with_job.insert(job.subject);
  for (const IndexPtr& index : indexes_->List()) {
    if (index->complete || index->rows_done > 0 || with_job.contains(index->name.str())) continue;
    const Status removed = indexes_->Remove(*index);
    LogInfo("index without a job was removed",
            {{"index", index->name}, {"outcome", removed.ToString()}});
  }
}

void Service::RunJobs(std::span<const std::string_view> kinds) {
  while (const std::optional<ClaimedJob> job = jobs_->Claim(kinds)) {
    Outcome outcome;
    try {
      outcome = RunJob(*job);
    } catch (const std::exception& exception) {
      outcome.status = Internal("a job broke off: ", std::string_view(exception.what()));
    }
    LogInfo(outcome.may_pass ? "job waits" : "job ended", {{"job", job->id},
                                                           {"kind", job->kind},
                                                           {"subject", job->subject},
                                                           {"outcome", outcome.status.ToString()}});
    if (outcome.may_pass) {
      jobs_->Postpone(job->id, outcome.status);
    } else {
      jobs_->Finish(job->id, outcome.status);
    }
  }
}

Outcome Service::RunJob(const ClaimedJob& job) {
  if (job.kind == kMoveDatasetJob) return {MoveDataset(job)};
  if (job.kind == kMoveIndexJob) return {MoveIndex(job)};
  return BuildIndex(job);
}

Status Service::MoveDataset(const ClaimedJob& job) {
  ASSIGN_OR_RETURN(const DatasetName name, DatasetName::Parse(job.subject));
  ASSIGN_OR_RETURN(const BucketName bucket, BucketName::Parse(job.target));
  const auto report = [&](const catalog::MoveProgress& progress) {
    jobs_->Report(job.id, {.stage = std::string(progress.stage),
                           .done = progress.bytes_done,
                           .total = progress.bytes_total});
  };
  return options_.catalog
      ->Move({.name = name,
              .bucket = bucket,
              .work_dir = options_.work_dir + "/moves",
              .cancel = job.cancel,
              .report = report})
      .status();
}

Status Service::MoveIndex(const ClaimedJob& job) {
  ASSIGN_OR_RETURN(const IndexName name, IndexName::Parse(job.subject));
  ASSIGN_OR_RETURN(const BucketName bucket, BucketName::Parse(job.target));
  IndexMover mover({.buckets = options_.buckets,
                    .registry = indexes_.get(),
                    .work_dir = options_.work_dir + "/moves",
                    .clock = &clock_},
                   [&](const JobProgress& progress) { jobs_->Report(job.id, progress); });
  return mover.Run(name, bucket, job.cancel);
}

Outcome Service::BuildIndex(const ClaimedJob& job) {
  const Result<IndexName> name = IndexName::Parse(job.subject);
  if (!name.ok()) return {name.status()};
  IndexBuilder builder({.config = options_.config,
                        .registry = indexes_.get(),
                        .embeddings = embeddings_.get(),
                        .catalog = options_.catalog,
                        .engine = options_.engine,
                        .models = options_.models,
                        .passports = &passports_,
                        .metrics = options_.metrics,
                        .clock = &clock_},
                       [&](const JobProgress& progress) { jobs_->Report(job.id, progress); });
  const Status status = builder.Run(*name, job.cancel);
  return {status, builder.waits_for_model()};
}

Result<JobInfo> Service::CreateIndex(const CreateIndexRequest& request) {
  TRY(jobs_->CheckLoaded());
  ASSIGN_OR_RETURN(const catalog::DatasetPtr dataset, options_.catalog->Get(request.source));
  Result<IndexName> name =
      request.name.has_value() ? *request.name : FreeDefaultName(request.source);
  if (!name.ok()) return name.status();
  const std::string model_name = request.model.value_or(options_.models->default_name());
  Result<ModelPtr> model =
      options_.models->Get(model_name, CancelToken::WithTimeout(kOpenModelMillis, clock_));
  TRY(model.status().Annotate(ModelContext(model_name)));
  ASSIGN_OR_RETURN(IndexInfo planned,
                   PlanIndex(request, *name, *dataset, (*model)->space(), clock_.Now()));
  ASSIGN_OR_RETURN(const std::optional<std::string> duplicate,
                   FindDuplicateId(*options_.engine, *dataset, request.id_column));
  if (duplicate.has_value()) {
    return InvalidArgument("id_column: the values of \"", request.id_column,
                           "\" must be unique, but this one stands in several rows: ", *duplicate);
  }
  while (true) {
    Result<JobInfo> job = PublishAndQueue(planned);
    if (request.name.has_value() || job.ok() || job.status().code() != StatusCode::kConflict) {
      return job;
    }
    // Another request took the default name meanwhile.
    ASSIGN_OR_RETURN(planned.name, FreeDefaultName(request.source));
  }
}

Result<IndexName> Service::FreeDefaultName(const DatasetName& source) const {
  for (int n = 1; n <= kMaxDefaultNames; ++n) {
    ASSIGN_OR_RETURN(IndexName name, DefaultIndexName(source, n));
    if (!indexes_->IsTaken(name)) return name;
  }
  return InvalidArgument("index_name: give one, because every default name of dataset ", source,
                         " is taken");
}

Result<JobInfo> Service::PublishAndQueue(const IndexInfo& planned) {
  const NameLock name_lock(*this, planned.name);
  TRY(name_lock.status());
  const IndexPtr existing = indexes_->Find(planned.name);
  if (existing != nullptr) {
    if (const std::optional<JobInfo> job = jobs_->FindActive(kIndexJob, planned.name.str())) {
      return Conflict("index ", planned.name, " is being ",
                      job->kind == kIndexJob ? "built" : "moved", " by job ", job->id);
    }
    TRY(CheckResumable(*existing, planned));
    return jobs_->Add({.kind = std::string(kIndexJob),
                       .subject = planned.name.str(),
                       .total = existing->rows_total});
  }
  ASSIGN_OR_RETURN(const IndexPtr published, indexes_->Publish(planned));
  Result<JobInfo> job = jobs_->Add({.kind = std::string(kIndexJob),
                                    .subject = planned.name.str(),
                                    .total = published->rows_total});
  if (job.ok()) return job;
  // Nothing may stay of a request that failed; what cannot be removed can be resumed by name.
  if (const Status removed = indexes_->Remove(*published); !removed.ok()) {
    LogWarning("index without a job was left", {{"index", planned.name}});
  }
  return job;
}

std::vector<IndexInfo> Service::ListIndexes() const {
  std::vector<IndexInfo> list;
  for (const IndexPtr& index : indexes_->List()) list.push_back(WithLastCheck(index));
  return list;
}

IndexInfo Service::WithLastCheck(const IndexPtr& index) const {
  IndexInfo info = *index;
  info.last_check = passports_.Last(index->name);
  return info;
}

Result<IndexInfo> Service::GetIndex(const IndexName& name) const {
  ASSIGN_OR_RETURN(const IndexPtr index, indexes_->Get(name));
  return WithLastCheck(index);
}

Status Service::DropIndex(const IndexName& name) {
  const NameLock name_lock(*this, name);
  TRY(name_lock.status());
  ASSIGN_OR_RETURN(IndexPtr index, indexes_->Get(name));
  TRY(jobs_->CancelSubject(kIndexJob, name.str()));
  ASSIGN_OR_RETURN(index, indexes_->Get(name));
  TRY(indexes_->Remove(*index));
  resident_->Drop(name);
  passports_.Forget(name);
  // Nothing names the objects any more; the next index of this name removes what is left of them.
  if (const Status status = embeddings_->RemoveAll(*index); !status.ok()) {
    LogWarning("objects of a dropped index were left",
               {{"index", name}, {"error", status.message()}});
  }
  return OkStatus();
}

Result<JobInfo> Service::StartMoveDataset(const DatasetName& name, const BucketName& bucket) {
  TRY(jobs_->CheckLoaded());
  ASSIGN_OR_RETURN(const catalog::DatasetPtr dataset, options_.catalog->Get(name));
  TRY(options_.catalog->PrepareBucket(bucket));
  return jobs_->Add({.kind = std::string(kMoveDatasetJob),
                     .subject = name.str(),
                     .target = bucket.str(),
                     .total = dataset->size_bytes()});
}

Result<JobInfo> Service::StartMoveIndex(const IndexName& name, const BucketName& bucket) {
  const NameLock name_lock(*this, name);
  TRY(name_lock.status());
  TRY(jobs_->CheckLoaded());
  ASSIGN_OR_RETURN(const IndexPtr index, indexes_->Get(name));
  TRY(indexes_->PrepareBucket(bucket));
  uint64_t bytes = 0;
  for (const EmbeddingPart& part : index->parts) bytes += part.size_bytes;
  return jobs_->Add({.kind = std::string(kMoveIndexJob),
                     .subject = name.str(),
                     .target = bucket.str(),
                     .total = bytes});
}

Status Service::LoadBucket(const BucketName& bucket) {
  const Status datasets = options_.catalog->LoadBucket(bucket);
  const Status indexes = indexes_->LoadBucket(bucket);
  return datasets.ok() ? indexes : datasets;
}

void Service::ForgetBucket(const BucketName& bucket) {
  options_.catalog->ForgetBucket(bucket);
  indexes_->ForgetBucket(bucket);
}

std::vector<std::string> Service::UsersOf(const BucketName& bucket) const {
  std::vector<std::string> users;
  for (const std::string& name : options_.catalog->NamesIn(bucket)) {
    users.push_back(StrCat("dataset ", name));
  }
  for (const std::string& name : indexes_->NamesIn(bucket)) users.push_back(StrCat("index ", name));
  for (const JobInfo& job : jobs_->List()) {
    if (HasEnded(job.state) || job.target != bucket.str()) continue;
    users.push_back(
        StrCat("job ", job.id, " moves ", JobSubjectType(job.kind), " ", job.subject, " here"));
  }
  return users;
}

Result<uint64_t> Service::CollectGarbage(int64_t grace_micros) {
  const Timestamp since{clock_.Now().micros - grace_micros};
  const EmbeddingGarbage garbage(*options_.buckets, *indexes_, since);
  ASSIGN_OR_RETURN(const auto suspects, garbage.List());
  uint64_t freed = 0;
  for (const EmbeddingGarbage::Suspects& found : suspects) {
    // Whoever works on the index may be about to name a part.
    const NameLock name_lock(*this, found.index);
    if (!name_lock.status().ok()) continue;
    if (jobs_->FindActive(kIndexJob, found.index.str()).has_value()) continue;
    ASSIGN_OR_RETURN(const uint64_t bytes, garbage.Delete(found));
    freed += bytes;
  }
  return freed;
}

Result<std::vector<float>> Service::QueryVector(const SearchRequest& request,
                                                const IndexPtr& index) {
  if (request.query.empty() == request.vector.empty()) {
    return InvalidArgument(
        "exactly one of query and vector was expected, and it must not be empty");
  }
  if (!request.vector.empty()) {
    const ai::EmbeddingSpace& space = index->space;
    if (request.vector.size() != static_cast<size_t>(space.dimensions)) {
      return InvalidArgument("vector: ", request.vector.size(),
                             " components were given, but index ", index->name, " (", space.model,
                             ") has ", space.dimensions);
    }
    return request.vector;
  }
  if (TrimWhitespace(request.query).empty()) return InvalidArgument("query: it is blank");
  Result<ModelPtr> model = options_.models->Get(index->space.model, request.cancel);
  TRY(model.status().Annotate(
      StrCat("index ", index->name, " needs ", ModelContext(index->space.model))));
  TRY(passports_.CheckForSearch(index, *model, request.cancel));
  return query_vectors_.Get(**model, request.query, request.cancel);
}

Result<ResidentIndexPtr> Service::LoadIndex(const IndexName& name, const CancelToken& cancel) {
  for (int attempt = 1;; ++attempt) {
    ASSIGN_OR_RETURN(const IndexPtr index, indexes_->Get(name));
    Result<ResidentIndexPtr> loaded = resident_->Get(index, cancel);
    // A failed load of what is no longer the newest version says nothing.
    if (loaded.ok() || attempt == kLoadAttempts || indexes_->Find(name) == index) return loaded;
  }
}

Result<SearchAnswer> Service::Search(const SearchRequest& request) {
  const int64_t begin_micros = clock_.MonotonicMicros();
  if (request.top_k < 1) {
    return InvalidArgument("top_k: at least 1 was expected, not ", request.top_k);
  }
  ASSIGN_OR_RETURN(const IndexPtr index, indexes_->Get(request.index));
  ASSIGN_OR_RETURN(const std::vector<float> query, QueryVector(request, index));
  ASSIGN_OR_RETURN(const ResidentIndexPtr resident, LoadIndex(request.index, request.cancel));
  SearchAnswer answer{.source = resident->info->source};
  ASSIGN_OR_RETURN(answer.results,
                   resident->Search(query, static_cast<size_t>(request.top_k), request.cancel));
  answer.method = "flat";
  answer.generation = resident->info->version;
  answer.rows_embedded = resident->info->rows_embedded();
  answer.rows_total = resident->info->rows_total;
  options_.metrics
      ->GetHistogram("lakehouse_search_seconds", "Time of searches, embedding the query included.")
      .Observe(static_cast<double>(clock_.MonotonicMicros() - begin_micros) / 1e6);
  return answer;
}

Result<std::vector<SearchHit>> Service::GetDocument(const IndexName& index,
                                                    const std::string& doc_id) {
  ASSIGN_OR_RETURN(const ResidentIndexPtr resident, LoadIndex(index, CancelToken()));
  std::vector<SearchHit> chunks = resident->DocumentChunks(doc_id);
  if (chunks.empty()) return NotFound("index ", index, " has no chunk of document ", doc_id);
  return chunks;
}

}  // namespace

Result<std::unique_ptr<SearchService>> SearchService::Open(const SearchServiceOptions& options) {
  CHECK(options.buckets != nullptr && options.catalog != nullptr && options.engine != nullptr &&
        options.models != nullptr && options.metrics != nullptr);
  auto service = std::make_unique<Service>(options);
  TRY(service->Start());
  return std::unique_ptr<SearchService>(std::move(service));
}

}  // namespace lakehouse::search
