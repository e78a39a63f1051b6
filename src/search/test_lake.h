// A whole small lakehouse for the tests of this module: real storage, catalog and SQL on one
// directory, so that opening it again is a restart.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/rng.h"
#include "search/hashed_words_model.h"
#include "search/search_service.h"
#include "storage/faulty_store.h"
#include "storage/local_store.h"

namespace lakehouse::search {

struct TestRow {
  std::optional<std::string> id;
  std::optional<std::string> text;
};

class TestLake {
 public:
  struct Options {
    SearchConfig config = {.rows_per_part = 16};
    bool run_jobs = true;
    bool spare_is_down = false;  // From the start on.
    catalog::BucketLoader::Options loading = {};
    JobWaits waits = {};
  };

  // Opens the lake in `directory`. `models` outlives it.
  TestLake(const std::string& directory, ai::EmbeddingModels& models, Options options)
      : directory_(directory) {
    Start(models, std::move(options));
  }
  // With one model, which outlives it, under the name of its space; null: it cannot be opened.
  TestLake(const std::string& directory, ai::EmbeddingModel* model, Options options)
      : directory_(directory), models_(std::make_unique<NamedModels>(model)) {
    Start(*models_, std::move(options));
  }
  TestLake(const std::string& directory, ai::EmbeddingModel* model)
      : TestLake(directory, model, Options{}) {}

 private:
  void Start(ai::EmbeddingModels& models, Options options) {
    const std::string& directory = directory_;
    std::map<BucketName, std::unique_ptr<storage::ObjectStore>> stores;
    for (const char* name : {"primary", "spare"}) {
      const bool primary = name == std::string_view("primary");
      auto faulty = std::make_unique<storage::FaultyStore>(
          Take(storage::OpenLocalStore(directory + (primary ? "/bucket" : "/spare"))));
      (primary ? store_ : spare_) = faulty.get();
      if (!primary && options.spare_is_down) TakeDown(*faulty);
      stores.emplace(Take(BucketName::Parse(name)), std::move(faulty));
    }
    buckets_ = storage::BucketRegistry::FromStores(std::move(stores));
    catalog_ = Take(catalog::Catalog::Open(
        *buckets_, {.state_dir = directory + "/state/datasets", .loading = options.loading}));
    engine_ = Take(sql::Engine::Open({.memory_limit_bytes = 1 << 29, .threads = 2},
                                     directory + "/temp", *buckets_, *catalog_));
    service_options_ = {.config = options.config,
                        .work_dir = directory + "/work",
                        .state_dir = directory + "/state/indexes",
                        .buckets = buckets_.get(),
                        .catalog = catalog_.get(),
                        .engine = engine_.get(),
                        .models = &models,
                        .metrics = &metrics_,
                        .run_jobs = options.run_jobs,
                        .loading = options.loading,
                        .waits = options.waits};
    service_ = Take(SearchService::Open(service_options_));
  }

 public:
  storage::FaultyStore& store() { return *store_; }
  storage::FaultyStore& spare() { return *spare_; }
  static void TakeDown(storage::FaultyStore& store) {
    store.AddFault({.repeat = UINT64_MAX, .status = Unavailable("it is down")});
  }
  catalog::Catalog& catalog() { return *catalog_; }
  sql::Engine& engine() { return *engine_; }
  SearchService& service() { return *service_; }
  MetricsRegistry& metrics() { return metrics_; }
  void CloseService() { service_.reset(); }
  Status ReopenService() {
    service_.reset();
    auto service = SearchService::Open(service_options_);
    TRY(service.status());
    service_ = *std::move(service);
    return OkStatus();
  }

  // Commits rows with the columns "id" and "text" as one file; a new dataset goes to primary.
  void Commit(const std::string& dataset, const std::vector<TestRow>& rows,
              catalog::CommitMode mode = catalog::CommitMode::kCreate) {
    const DatasetName name = Take(DatasetName::Parse(dataset));
    sql::ColumnBatch batch;
    batch.rows = rows.size();
    batch.columns = {TextColumn("id", rows, &TestRow::id),
                     TextColumn("text", rows, &TestRow::text)};
    const std::string file = NewUuid(Clock::System()) + ".parquet";
    const std::string path = directory_ + "/" + file;
    CHECK(engine_->WriteParquet({batch}, path).ok());
    catalog::DataFile data_file{.key = catalog::Catalog::DataPrefix(name) + file,
                                .rows = rows.size()};
    const auto current = catalog_->Get(name);
    const BucketName bucket =
        current.ok() ? (*current)->bucket : Take(BucketName::Parse("primary"));
    storage::ObjectStore* const store = Take(buckets_->Find(bucket));
    data_file.size_bytes = Take(store->PutFile(data_file.key, path)).size_bytes;
    data_file.crc32c = Crc32c(Take(store->Get(data_file.key)));
    catalog::DatasetCommit commit{.name = name, .bucket = bucket};
    commit.mode = mode;
    commit.expected_version = current.ok() ? (*current)->version : 0;
    commit.columns = {{"id", "VARCHAR", {}}, {"text", "VARCHAR", {}}};
    commit.files = {data_file};
    const auto committed = catalog_->Commit(commit);
    CHECK(committed.ok());
  }

  CreateIndexRequest Request(const std::string& dataset) const {
    CreateIndexRequest request{.source = Take(DatasetName::Parse(dataset))};
    request.id_column = "id";
    request.text_column = "text";
    request.chunk_tokens = 16;
    request.overlap_tokens = 2;
    return request;
  }

  JobInfo WaitForEnd(const JobId& id) {
    while (true) {
      JobInfo job = Take(service_->GetJob(id));
      if (HasEnded(job.state)) return job;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }
  // Creates the default index of a dataset and waits for its job.
  JobInfo Build(const std::string& dataset) {
    return WaitForEnd(Take(service_->CreateIndex(Request(dataset))).id);
  }

  Result<SearchAnswer> Search(const std::string& index, const std::string& query,
                              int64_t top_k = 10) {
    SearchRequest request{.index = Take(IndexName::Parse(index))};
    request.query = query;
    request.top_k = top_k;
    return service_->Search(request);
  }
  IndexInfo Index(const std::string& index) const {
    return Take(service_->GetIndex(Take(IndexName::Parse(index))));
  }

  template <typename T>
  static T Take(Result<T> result) {
    if (!result.ok()) internal::CheckFailed(__FILE__, __LINE__, result.status().message().c_str());
    return *std::move(result);
  }

 private:
  static sql::ColumnVector TextColumn(const std::string& name, const std::vector<TestRow>& rows,
                                      std::optional<std::string> TestRow::*field) {
    sql::ColumnVector column;
    column.kind = sql::ColumnKind::kText;
    column.name = name;
    for (const TestRow& row : rows) {
      column.valid.push_back((row.*field).has_value());
      column.texts.push_back((row.*field).value_or(""));
    }
    return column;
  }

  const std::string directory_;
  std::unique_ptr<NamedModels> models_;  // Null: the test's own.
  MetricsRegistry metrics_;
  storage::FaultyStore* store_ = nullptr;  // Owned by buckets_, as the next.
  storage::FaultyStore* spare_ = nullptr;
  std::unique_ptr<storage::BucketRegistry> buckets_;
  std::unique_ptr<catalog::Catalog> catalog_;
  std::unique_ptr<sql::Engine> engine_;
  SearchServiceOptions service_options_;
  std::unique_ptr<SearchService> service_;
};

}  // namespace lakehouse::search
