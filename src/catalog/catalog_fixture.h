// A catalog over two buckets in memory whose calls can be made to fail.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/strings.h"
#include "catalog/catalog.h"
#include "storage/faulty_store.h"

namespace lakehouse::catalog {

inline DatasetName Name(const std::string& text) { return *DatasetName::Parse(text); }
inline BucketName Bucket(const std::string& text) { return *BucketName::Parse(text); }

class CatalogFixture : public ::testing::Test {
 protected:
  CatalogFixture() {
    std::map<BucketName, std::unique_ptr<storage::ObjectStore>> stores;
    for (const std::string name : {"primary", "spare"}) {
      auto store = std::make_unique<storage::FaultyStore>(storage::NewMemoryStore(clock_));
      (name == "primary" ? primary_ : spare_) = store.get();
      stores.emplace(Bucket(name), std::move(store));
    }
    buckets_ = storage::BucketRegistry::FromStores(std::move(stores));
    Restart();
  }

  void Restart() {
    auto catalog = Catalog::Open(*buckets_, clock_);
    ASSERT_TRUE(catalog.ok()) << catalog.status().ToString();
    catalog_ = *std::move(catalog);
  }

  // Stores one file of rows and returns it as a commit of it would name it.
  DataFile StoreFile(const std::string& dataset, const std::string& bucket = "primary") {
    const std::string bytes = StrCat("rows ", ++files_);
    const std::string key = StrCat(Catalog::DataPrefix(Name(dataset)), "file-", files_, ".parquet");
    EXPECT_TRUE((*buckets_->Find(Bucket(bucket)))->Put(key, bytes).ok());
    return {key, bytes.size(), static_cast<uint64_t>(files_), Crc32c(bytes)};
  }

  // A commit of one new file on top of what the catalog shows.
  DatasetCommit MakeCommit(const std::string& dataset, CommitMode mode,
                           const std::string& bucket = "primary") {
    const DataFile file = StoreFile(dataset, bucket);
    const auto current = catalog_->Get(Name(dataset));
    return {.name = Name(dataset),
            .bucket = Bucket(bucket),
            .mode = mode,
            .expected_version = current.ok() ? (*current)->version : 0,
            .columns = {{"id", "BIGINT", {}}, {"mail", "VARCHAR", {"email"}}},
            .files = {file},
            .source = {.kind = "file",
                       .name = "people.csv",
                       .format = "csv",
                       .sha256 = StrCat(files_),
                       .size_bytes = 1,
                       .rows = file.rows,
                       .at = clock_.Now()}};
  }

  DatasetPtr MustCommit(const DatasetCommit& commit) {
    const auto dataset = catalog_->Commit(commit);
    EXPECT_TRUE(dataset.ok()) << dataset.status().ToString();
    return dataset.value_or(nullptr);
  }

  DatasetPtr MustCommit(const std::string& dataset, CommitMode mode) {
    return MustCommit(MakeCommit(dataset, mode));
  }

  // Every dataset by value.
  std::vector<Dataset> Everything() const {
    std::vector<Dataset> datasets;
    for (const DatasetPtr& dataset : catalog_->List()) datasets.push_back(*dataset);
    return datasets;
  }

  std::set<std::string> StoredFiles(storage::ObjectStore& store) const {
    std::set<std::string> keys;
    const auto infos = store.List("data/");
    for (const storage::ObjectInfo& info : *infos) keys.insert(info.key);
    return keys;
  }

  // Every published dataset's files are stored as it says.
  void ExpectFilesOfEveryDataset() const {
    for (const DatasetPtr& dataset : catalog_->List()) {
      for (const DataFile& file : dataset->files) {
        const auto bytes = (*buckets_->Find(dataset->bucket))->Get(file.key);
        ASSERT_TRUE(bytes.ok()) << bytes.status().ToString();
        EXPECT_EQ(bytes->size(), file.size_bytes);
        EXPECT_EQ(Crc32c(*bytes), file.crc32c);
      }
    }
  }

  ManualClock clock_{{1'700'000'000'000'000}};
  storage::FaultyStore* primary_ = nullptr;
  storage::FaultyStore* spare_ = nullptr;
  std::unique_ptr<storage::BucketRegistry> buckets_;
  std::unique_ptr<Catalog> catalog_;
  int files_ = 0;
};

}  // namespace lakehouse::catalog
