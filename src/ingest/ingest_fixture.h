// A small lakehouse for the tests of this module.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "catalog/catalog.h"
#include "ingest/ingester.h"
#include "sql/engine.h"
#include "storage/bucket_registry.h"
#include "storage/faulty_store.h"
#include "storage/local_store.h"
#include "support/temp_dir.h"

namespace lakehouse::ingest {

// Returns the value of a result that the test expects to be ok.
template <typename T>
T Must(Result<T> result) {
  EXPECT_TRUE(result.ok()) << result.status().ToString();
  return *std::move(result);
}

// Owns bucket `primary` (local, can be made to fail) and bucket `other` (memory), a catalog, an
// engine and an ingester.
class IngestTest : public ::testing::Test {
 protected:
  IngestTest() {
    auto primary =
        std::make_unique<storage::FaultyStore>(Must(storage::OpenLocalStore(dir_.Join("bucket"))));
    faults_ = primary.get();
    std::map<BucketName, std::unique_ptr<storage::ObjectStore>> stores;
    stores.emplace(Must(BucketName::Parse("primary")), std::move(primary));
    stores.emplace(Must(BucketName::Parse("other")), storage::NewMemoryStore());
    buckets_ = storage::BucketRegistry::FromStores(std::move(stores));
    catalog_ = Must(catalog::Catalog::Open(*buckets_));
    SqlConfig sql;
    sql.memory_limit_bytes = int64_t{1} << 30;
    sql.threads = 2;
    engine_ = Must(sql::Engine::Open(sql, dir_.Join("temp"), *buckets_, *catalog_));
    OpenIngester();
  }

  void OpenIngester() {
    ingester_.reset();
    Ingester::Options options;
    options.config = config_;
    options.work_dir = work_dir_.empty() ? dir_.Join("work") : work_dir_;
    options.buckets = buckets_.get();
    options.catalog = catalog_.get();
    options.engine = engine_.get();
    options.metrics = &metrics_;
    ingester_ = Must(Ingester::Open(options));
  }

  struct Send {
    std::string file_name = "people.csv";
    std::string dataset = "people";
    catalog::CommitMode mode = catalog::CommitMode::kCreate;
    std::string bucket;
    CancelToken cancel;
  };

  Result<IngestAnswer> Ingest(std::string bytes, const Send& send) {
    StringSource source(std::move(bytes));
    ASSIGN_OR_RETURN(const auto file, ingester_->Receive(source, send.cancel));
    IngestRequest request;
    request.file_name = send.file_name;
    request.content = file.get();
    if (!send.dataset.empty()) request.dataset = Must(DatasetName::Parse(send.dataset));
    if (!send.bucket.empty()) request.bucket = Must(BucketName::Parse(send.bucket));
    request.mode = send.mode;
    request.cancel = send.cancel;
    return ingester_->Ingest(request);
  }
  Result<IngestAnswer> Ingest(std::string bytes) { return Ingest(std::move(bytes), Send()); }
  Result<IngestAnswer> Append(std::string bytes) {
    return Ingest(std::move(bytes), {.mode = catalog::CommitMode::kAppend});
  }

  // The rows of a query over datasets, as JSON.
  std::string Rows(const std::string& sql) {
    const auto result = engine_->Query({.sql = sql});
    return result.ok() ? result->rows_json : result.status().ToString();
  }

  // "name TYPE, name TYPE"
  std::string Schema(const std::string& dataset = "people") {
    const auto found = catalog_->Get(Must(DatasetName::Parse(dataset)));
    if (!found.ok()) return found.status().ToString();
    std::string out;
    for (const catalog::Column& column : (*found)->columns) {
      StrAppend(out, out.empty() ? "" : ", ", column.name, " ", column.type);
    }
    return out;
  }

  size_t FilesInBucket() {
    const auto objects = Must(buckets_->primary().List("data/"));
    return objects.size();
  }

  bool WorkIsEmpty() { return std::filesystem::is_empty(dir_.Join("work")); }

  testing::TempDir dir_;
  std::string work_dir_;  // "": below dir_.
  IngestConfig config_;
  MetricsRegistry metrics_;
  storage::FaultyStore* faults_ = nullptr;  // Owned by the registry.
  std::unique_ptr<storage::BucketRegistry> buckets_;
  std::unique_ptr<catalog::Catalog> catalog_;
  std::unique_ptr<sql::Engine> engine_;
  std::unique_ptr<Ingester> ingester_;
};

}  // namespace lakehouse::ingest
