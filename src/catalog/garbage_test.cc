#include <atomic>
#include <thread>

#include "catalog/catalog_fixture.h"
#include "storage/document_format.h"

namespace lakehouse::catalog {

namespace {

constexpr int64_t kHour = 3'600'000'000;
using Keys = std::set<std::string>;

class GarbageTest : public CatalogFixture {
 protected:
  uint64_t Collect(int64_t grace_micros = kHour) {
    const auto freed = catalog_->CollectGarbage(grace_micros);
    EXPECT_TRUE(freed.ok()) << freed.status().ToString();
    ExpectFilesOfEveryDataset();
    return freed.value_or(0);
  }
};

TEST_F(GarbageTest, DeletesOldFilesThatNothingNames) {
  const DatasetPtr dataset = MustCommit("people", CommitMode::kCreate);
  const DataFile orphan = StoreFile("people");
  const DataFile unknown = StoreFile("never-committed", "spare");
  clock_.AdvanceMicros(kHour);
  EXPECT_EQ(Collect(), 0u) << "they are not older than the grace period";
  clock_.AdvanceMicros(1);
  EXPECT_EQ(Collect(), orphan.size_bytes + unknown.size_bytes);
  EXPECT_EQ(StoredFiles(*primary_), Keys{dataset->files[0].key});
  EXPECT_EQ(StoredFiles(*spare_), Keys{});
  EXPECT_EQ(Collect(), 0u);
}

TEST_F(GarbageTest, KeepsReplacedAndDroppedFilesForAGracePeriod) {
  const DatasetPtr first = MustCommit("people", CommitMode::kCreate);
  clock_.AdvanceMicros(10 * kHour);
  MustCommit("people", CommitMode::kReplace);
  EXPECT_EQ(Collect(), 0u) << "a query may still read the first version";
  clock_.AdvanceMicros(kHour + 1);
  EXPECT_EQ(Collect(), first->files[0].size_bytes);
  ASSERT_TRUE(catalog_->Drop(Name("people")).ok());
  EXPECT_EQ(Collect(), 0u);
  Restart();
  EXPECT_EQ(Collect(), 0u);
  clock_.AdvanceMicros(kHour + 1);
  EXPECT_GT(Collect(), 0u);
  EXPECT_EQ(StoredFiles(*primary_), Keys{});
}

TEST_F(GarbageTest, NeverTouchesWhatIsNoDataFileOfOurs) {
  const Keys foreign = {"data/people/metadata/v1.metadata.json", "data/people/data/x.csv",
                        "data/people/data/sub/x.parquet", "data/UPPER/data/x.parquet",
                        "data/x.parquet"};
  for (const std::string& key : foreign) ASSERT_TRUE(primary_->Put(key, "x").ok());
  ASSERT_TRUE(primary_->Put("vectors/i/embeddings/x.parquet", "x").ok());
  clock_.AdvanceMicros(10 * kHour);
  EXPECT_EQ(Collect(0), 0u);
  EXPECT_EQ(StoredFiles(*primary_), foreign);
}

TEST_F(GarbageTest, KeepsTheCopiesInTheRescueBucket) {
  std::map<BucketName, std::unique_ptr<storage::ObjectStore>> stores;
  stores.emplace(Bucket("primary"), storage::NewMemoryStore(clock_));
  stores.emplace(Bucket("rescue"), storage::NewMemoryStore(clock_));
  storage::ObjectStore& rescue = *stores.at(Bucket("rescue"));
  const auto buckets = storage::BucketRegistry::FromStores(std::move(stores));
  const auto catalog = Catalog::Open(*buckets, clock_);
  ASSERT_TRUE(catalog.ok());
  ASSERT_TRUE(rescue.Put("data/people/data/copy.parquet", "x").ok());
  clock_.AdvanceMicros(10 * kHour);
  EXPECT_EQ((*catalog)->CollectGarbage(kHour).value_or(1), 0u);
  EXPECT_EQ(StoredFiles(rescue), Keys{"data/people/data/copy.parquet"});
}

TEST_F(GarbageTest, DeletesNothingAfterAFailedListing) {
  StoreFile("people", "primary");
  StoreFile("people", "spare");
  clock_.AdvanceMicros(10 * kHour);
  spare_->AddFault({.call = storage::StoreCall::kList});
  EXPECT_EQ(catalog_->CollectGarbage(kHour).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(StoredFiles(*primary_).size() + StoredFiles(*spare_).size(), 2u);
}

TEST_F(GarbageTest, DeletesNothingOfADatasetWhoseDocumentsItCannotRead) {
  MustCommit("people", CommitMode::kCreate);
  StoreFile("people");
  clock_.AdvanceMicros(10 * kHour);
  primary_->AddFault({.call = storage::StoreCall::kGet});
  EXPECT_EQ(catalog_->CollectGarbage(kHour).status().code(), StatusCode::kUnavailable);
  ASSERT_TRUE(primary_->Put(storage::DocumentKey("dataset", "people", 1), "damaged").ok());
  Restart();
  EXPECT_EQ(catalog_->CollectGarbage(kHour).status().code(), StatusCode::kInternal);
  EXPECT_EQ(StoredFiles(*primary_).size(), 2u);
}

TEST_F(GarbageTest, KeepsTheFilesOfBothDuplicates) {
  MustCommit("people", CommitMode::kCreate);
  const DataFile file = StoreFile("people", "spare");
  Dataset other{.name = Name("people"), .bucket = Bucket("spare"), .snapshot = 1};
  Json body = DatasetToJson(other);
  body["files"] = *InlineManifest().Save(*spare_, other.name, {file});
  ASSERT_TRUE(storage::DocumentStore(*spare_).Write("dataset", "people", 0, body).ok());
  Restart();
  clock_.AdvanceMicros(10 * kHour);
  EXPECT_EQ(Collect(), 0u);
}

TEST_F(GarbageTest, EveryFaultOfARunKeepsWhatIsReferenced) {
  for (const auto effect :
       {storage::StoreFault::Effect::kBefore, storage::StoreFault::Effect::kAfter}) {
    bool fired = true;
    for (uint64_t ordinal = 1; fired; ++ordinal) {
      MustCommit("people", CommitMode::kReplace);
      MustCommit("people", CommitMode::kAppend);
      StoreFile("people");
      clock_.AdvanceMicros(10 * kHour);
      const uint64_t calls = primary_->calls();
      primary_->AddFault({.ordinal = ordinal, .effect = effect});
      const auto freed = catalog_->CollectGarbage(kHour);
      fired = primary_->calls() - calls >= ordinal;
      EXPECT_EQ(freed.ok(), !fired);
      primary_->ClearFaults();
      ExpectFilesOfEveryDataset();
    }
  }
}

// With no grace at all a file is garbage from its upload to its commit. A commit then either comes
// first, or is refused because its file is gone; it never names a file that is deleted.
TEST_F(GarbageTest, RacesWithCommitsWithoutDeletingWhatTheyName) {
  std::atomic<bool> done{false};
  std::thread collector([&] {
    while (!done) EXPECT_TRUE(catalog_->CollectGarbage(-1).ok());
  });
  int committed = 0;
  for (int i = 0; i < 50; ++i) {
    const auto dataset = catalog_->Commit(MakeCommit("people", CommitMode::kAppend));
    if (dataset.ok()) ++committed;
    EXPECT_TRUE(dataset.ok() || dataset.status().code() == StatusCode::kInvalidArgument);
  }
  done = true;
  collector.join();
  ExpectFilesOfEveryDataset();
  const auto dataset = catalog_->Get(Name("people"));
  EXPECT_EQ(dataset.ok() ? (*dataset)->files.size() : 0u, static_cast<size_t>(committed));
}

}  // namespace

}  // namespace lakehouse::catalog
