// A small lakehouse for the tests of this module.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "catalog/catalog.h"
#include "sql/engine.h"
#include "storage/bucket_registry.h"
#include "storage/local_store.h"
#include "support/temp_dir.h"

namespace lakehouse::sql {

// Returns the value of a result that the test expects to be ok.
template <typename T>
T Must(Result<T> result) {
  EXPECT_TRUE(result.ok()) << result.status().ToString();
  return *std::move(result);
}

// Owns buckets `primary` (local) and `remote` (memory, so that nothing can be read by path), a
// catalog and an engine.
class LakeTest : public ::testing::Test {
 protected:
  LakeTest() {
    std::map<BucketName, std::unique_ptr<storage::ObjectStore>> stores;
    stores.emplace(Bucket("primary"), Must(storage::OpenLocalStore(dir_.Join("bucket"))));
    stores.emplace(Bucket("remote"), storage::NewMemoryStore());
    buckets_ = storage::BucketRegistry::FromStores(std::move(stores));
    catalog_ = Must(catalog::Catalog::Open(*buckets_));
    OpenEngine({});
  }

  static BucketName Bucket(const std::string& name) { return Must(BucketName::Parse(name)); }

  void OpenEngine(const SqlConfig& config) {
    engine_.reset();
    engine_ = Must(Engine::Open(config, dir_.Join("temp"), *buckets_, *catalog_));
  }

  // Writes one file per query and commits them as one new version of the dataset.
  catalog::DatasetPtr AddDataset(const std::string& name, const std::vector<std::string>& queries,
                                 const std::string& bucket = "primary") {
    const DatasetName dataset = Must(DatasetName::Parse(name));
    catalog::DatasetCommit commit{
        .name = dataset, .bucket = Bucket(bucket), .mode = catalog::CommitMode::kReplace};
    if (const auto current = catalog_->Get(dataset); current.ok()) {
      commit.expected_version = (*current)->version;
    }
    const auto session = Must(engine_->NewSession());
    for (const std::string& query : queries) {
      const std::string path = dir_.Join("stage.parquet");
      EXPECT_TRUE(session
                      ->Execute(StrCat("COPY (", query, ") TO ", QuoteLiteral(StagePath(path)),
                                       " (FORMAT parquet)"))
                      .ok());
      const std::string key =
          StrCat(catalog::Catalog::DataPrefix(dataset), ++files_written_, ".parquet");
      const auto info = Must(Must(buckets_->Find(Bucket(bucket)))->PutFile(key, path));
      commit.files.push_back({.key = key, .size_bytes = info.size_bytes});
    }
    const ColumnBatch columns = Must(session->Query("DESCRIBE " + queries.front()));
    for (size_t i = 0; i < columns.rows; ++i) {
      commit.columns.push_back({columns.columns[0].texts[i], columns.columns[1].texts[i], {}});
    }
    return Must(catalog_->Commit(commit));
  }

  Result<QueryResult> Run(const std::string& sql, std::vector<Json> params = {}) {
    QueryRequest request;
    request.sql = sql;
    request.params = std::move(params);
    return engine_->Query(request);
  }
  // The rows of a query that must succeed.
  std::string Rows(const std::string& sql, std::vector<Json> params = {}) {
    const Result<QueryResult> result = Run(sql, std::move(params));
    EXPECT_TRUE(result.ok()) << sql << "\n" << result.status().ToString();
    return result.ok() ? result->rows_json : "";
  }
  // The error of a query that must fail.
  Status Error(const std::string& sql, std::vector<Json> params = {}) {
    const Result<QueryResult> result = Run(sql, std::move(params));
    EXPECT_FALSE(result.ok()) << sql << "\n" << result->rows_json;
    return result.status();
  }

  testing::TempDir dir_;
  std::unique_ptr<storage::BucketRegistry> buckets_;
  std::unique_ptr<catalog::Catalog> catalog_;
  std::unique_ptr<Engine> engine_;
  int files_written_ = 0;
};

}  // namespace lakehouse::sql
