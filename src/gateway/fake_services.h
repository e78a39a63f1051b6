// For tests: services that do what a test tells them, so that every answer and error can be asked
// for. Buckets and catalog are real, in memory.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/config.h"
#include "base/metrics.h"
#include "gateway/gateway.h"
#include "storage/object_store.h"

namespace lakehouse::gateway {

class FakeEngine : public sql::Engine {
 public:
  std::function<Result<sql::QueryResult>(const sql::QueryRequest&)> on_query;

  Result<sql::QueryResult> Query(const sql::QueryRequest& request) override {
    return on_query(request);
  }
  Result<std::unique_ptr<sql::Session>> NewSession() override {
    return Unavailable("the gateway opens no sessions");
  }
  Status WriteParquet(const std::vector<sql::ColumnBatch>&, const std::string&) override {
    return Unavailable("the gateway writes no files");
  }
};

// Keeps what it received; answers as told.
class FakeIngester : public ingest::Ingester {
 public:
  std::function<Result<ingest::IngestAnswer>(const ingest::IngestRequest&)> on_ingest;
  std::string received;

  Result<std::unique_ptr<ingest::SpooledFile>> Receive(ByteSource& content,
                                                       const CancelToken&) override {
    ASSIGN_OR_RETURN(received, ReadAll(content, 1 << 20));
    auto file = std::make_unique<ingest::SpooledFile>("");
    file->size_bytes = received.size();
    return file;
  }
  Result<ingest::IngestAnswer> Ingest(const ingest::IngestRequest& request) override {
    return on_ingest(request);
  }
};

class FakeSearch : public search::SearchService {
 public:
  std::function<Result<search::SearchAnswer>(const search::SearchRequest&)> on_search;
  std::function<Result<search::JobInfo>(const JobId&)> on_get_job;
  std::vector<search::JobInfo> jobs;
  std::vector<std::string> users;

  Result<search::JobInfo> CreateIndex(const search::CreateIndexRequest&) override {
    return jobs.at(0);
  }
  std::vector<search::IndexInfo> ListIndexes() const override { return {}; }
  Result<search::IndexInfo> GetIndex(const IndexName& name) const override {
    return NotFound("index: ", name);
  }
  Status DropIndex(const IndexName&) override { return OkStatus(); }
  Result<search::JobInfo> StartMoveDataset(const DatasetName&, const BucketName&) override {
    return jobs.at(0);
  }
  Result<search::JobInfo> StartMoveIndex(const IndexName&, const BucketName&) override {
    return jobs.at(0);
  }
  Status LoadBucket(const BucketName&) override { return OkStatus(); }
  void ForgetBucket(const BucketName&) override {}
  std::vector<std::string> UsersOf(const BucketName&) const override { return users; }
  Result<search::SearchAnswer> Search(const search::SearchRequest& request) override {
    return on_search(request);
  }
  Result<std::vector<search::SearchHit>> GetDocument(const IndexName&,
                                                     const std::string& doc_id) override {
    return std::vector<search::SearchHit>{{.doc_id = doc_id, .text = "text"}};
  }
  std::vector<search::JobInfo> ListJobs() const override { return jobs; }
  Result<search::JobInfo> GetJob(const JobId& id) const override { return on_get_job(id); }
  Status CancelJob(const JobId&) override { return OkStatus(); }
  Result<uint64_t> CollectGarbage(int64_t) override { return 0; }
  void Shutdown() override {}
};

// Every model answers as told; unless told, there is none.
class FakeModels : public ai::Models {
 public:
  using Opened = Result<std::shared_ptr<ai::EmbeddingModel>>;

  std::function<Opened(const std::string&)> on_get;
  std::function<Result<std::shared_ptr<ai::Reranker>>(const std::string&)> on_get_reranker;
  std::function<Result<ai::GenerateAnswer>(const ai::GenerateRequest&, const ai::GenerateSink&)>
      on_generate;
  std::vector<ai::ModelInfo> models;
  std::vector<ai::ProviderInfo> providers;
  std::string reranker_name;
  std::string generator_name;

  const std::string& default_name() const override { return name_; }
  const std::string& default_reranker() const override { return reranker_name; }
  const std::string& default_generator() const override { return generator_name; }
  Opened Get(const std::string& name, const CancelToken&) override {
    return on_get ? on_get(name) : Opened(NotFound("model: ", name));
  }
  Result<std::shared_ptr<ai::Reranker>> GetReranker(const std::string& name,
                                                    const CancelToken&) override {
    return on_get_reranker(name);
  }
  Result<ai::GenerateAnswer> Generate(const std::string&, const ai::GenerateRequest& request,
                                      const ai::GenerateSink& sink) override {
    return on_generate(request, sink);
  }
  Status Check(const std::string& name, std::string_view) const override {
    return name == "missing" ? NotFound("model: ", name) : OkStatus();
  }
  Status Preload(const std::string& name, const CancelToken&) override { return Check(name, ""); }
  Status Unload(const std::string& name, const CancelToken&) override { return Check(name, ""); }
  std::vector<ai::ModelInfo> ListModels(const CancelToken&) override { return models; }
  std::vector<ai::ProviderInfo> ListProviders(const CancelToken&) override { return providers; }
  std::shared_ptr<ai::EmbeddingModel> FindOpened(const std::string&) override { return nullptr; }
  Status LastError(const std::string&) override { return last_error; }

  Status last_error;

 private:
  const std::string name_ = "default";
};

// Everything a gateway needs.
struct FakeServices {
  FakeServices() {
    std::map<BucketName, std::unique_ptr<storage::ObjectStore>> stores;
    stores.emplace(*BucketName::Parse("primary"), storage::NewMemoryStore());
    buckets = storage::BucketRegistry::FromStores(std::move(stores));
    catalog = *catalog::Catalog::Open(*buckets);
    config.server.max_request_bytes = 1'000;
    config.server.worker_threads = 4;
    gateway = Gateway::Create({.config = &config,
                               .metrics = &metrics,
                               .buckets = buckets.get(),
                               .catalog = catalog.get(),
                               .engine = &engine,
                               .ingester = &ingester,
                               .search = &search,
                               .models = &models,
                               .draining = [this] { return draining; }});
  }

  Config config;
  MetricsRegistry metrics;
  std::unique_ptr<storage::BucketRegistry> buckets;
  std::unique_ptr<catalog::Catalog> catalog;
  FakeEngine engine;
  FakeIngester ingester;
  FakeSearch search;
  FakeModels models;
  bool draining = false;
  std::unique_ptr<Gateway> gateway;
};

}  // namespace lakehouse::gateway
