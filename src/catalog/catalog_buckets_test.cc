// What the catalog does about buckets that do not answer, come back, come and go.
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include <gmock/gmock.h>

#include "catalog/catalog_fixture.h"
#include "storage/document_store.h"
#include "support/temp_dir.h"

namespace lakehouse::catalog {

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kHour = 3'600'000'000;

class CatalogBucketsTest : public CatalogFixture {
 protected:
  // Opens the catalog anew with what it remembers. Only LoadMissing tries again.
  void RestartRemembering() {
    catalog_.reset();
    auto catalog = Catalog::Open(
        *buckets_,
        {.clock = &clock_, .state_dir = state_.path(), .loading = {.in_background = false}});
    ASSERT_TRUE(catalog.ok()) << catalog.status().ToString();
    catalog_ = *std::move(catalog);
  }
  static void TakeDown(storage::FaultyStore& store, StatusCode code = StatusCode::kUnavailable) {
    store.AddFault({.repeat = UINT64_MAX, .status = Status(code, "it is down")});
  }

  testing::TempDir state_;
};

TEST_F(CatalogBucketsTest, StartsWithoutABucketAndReadsItWhenItAnswers) {
  RestartRemembering();
  MustCommit("people", CommitMode::kCreate);
  MustCommit(MakeCommit("calls", CommitMode::kCreate, "spare"));
  const std::vector<Dataset> before = Everything();
  for (const StatusCode code :
       {StatusCode::kUnavailable, StatusCode::kDeadlineExceeded, StatusCode::kPermissionDenied,
        StatusCode::kNotFound, StatusCode::kInternal}) {
    TakeDown(*spare_, code);
    RestartRemembering();
    EXPECT_TRUE(catalog_->Get(Name("people")).ok());
    const Status known = catalog_->Get(Name("calls")).status();
    EXPECT_EQ(known.code(), StatusCode::kUnavailable);
    EXPECT_THAT(known.message(), HasSubstr("dataset calls is in bucket spare, which cannot be"));
    EXPECT_THAT(known.message(), HasSubstr("it is down"));
    const Status unknown = catalog_->Get(Name("nobody")).status();
    EXPECT_EQ(unknown.code(), StatusCode::kUnavailable) << "it may be in the bucket";
    EXPECT_THAT(unknown.message(), HasSubstr("spare"));
    const std::vector<MissingBucket> missing = catalog_->Missing();
    ASSERT_EQ(missing.size(), 1u);
    EXPECT_EQ(missing[0].bucket, Bucket("spare"));
    EXPECT_EQ(missing[0].why.code(), code);
    EXPECT_THAT(missing[0].names, ElementsAre("calls"));
    EXPECT_FALSE(catalog_->LoadMissing().ok());

    spare_->ClearFaults();
    EXPECT_TRUE(catalog_->LoadMissing().ok());
    EXPECT_EQ(Everything(), before);
    EXPECT_TRUE(catalog_->Missing().empty());
    EXPECT_EQ(catalog_->Get(Name("nobody")).status().code(), StatusCode::kNotFound);
  }
}

TEST_F(CatalogBucketsTest, StartsWithoutThePrimaryBucket) {
  RestartRemembering();
  MustCommit("people", CommitMode::kCreate);
  MustCommit(MakeCommit("calls", CommitMode::kCreate, "spare"));
  TakeDown(*primary_);
  RestartRemembering();
  EXPECT_TRUE(catalog_->Get(Name("calls")).ok());
  EXPECT_EQ(catalog_->Get(Name("people")).status().code(), StatusCode::kUnavailable);
}

TEST_F(CatalogBucketsTest, CreatesElsewhereButNeverANameThatTheBucketHolds) {
  RestartRemembering();
  MustCommit(MakeCommit("calls", CommitMode::kCreate, "spare"));
  MustCommit("people", CommitMode::kCreate);
  const DatasetCommit there = MakeCommit("fresh", CommitMode::kCreate, "spare");
  TakeDown(*spare_);
  RestartRemembering();
  EXPECT_EQ(*catalog_->GetOrNull(Name("jobs")), nullptr);
  EXPECT_EQ(catalog_->GetOrNull(Name("calls")).status().code(), StatusCode::kUnavailable);
  MustCommit("jobs", CommitMode::kCreate);
  EXPECT_EQ(*catalog_->GetOrNull(Name("jobs")), *catalog_->Get(Name("jobs")));
  for (const CommitMode mode : {CommitMode::kCreate, CommitMode::kAppend, CommitMode::kReplace}) {
    const Status taken = catalog_->Commit(MakeCommit("calls", mode)).status();
    EXPECT_EQ(taken.code(), StatusCode::kUnavailable) << taken.ToString();
  }
  EXPECT_EQ(catalog_->Commit(there).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(catalog_->Drop(Name("calls")).code(), StatusCode::kUnavailable);
  EXPECT_TRUE(catalog_->Drop(Name("people")).ok()) << "the bucket was never known to hold it";
  spare_->ClearFaults();
  EXPECT_TRUE(catalog_->Commit(there).ok()) << "the commit itself found the bucket again";
  EXPECT_EQ(catalog_->List().size(), 3u);
}

TEST_F(CatalogBucketsTest, ForgottenOrDamagedHintsOnlyCostTheNames) {
  RestartRemembering();
  MustCommit(MakeCommit("calls", CommitMode::kCreate, "spare"));
  catalog_.reset();
  const std::string hint = state_.Join("bucket_names/dataset.json");
  ASSERT_TRUE(std::filesystem::exists(hint));
  TakeDown(*spare_);
  for (const char* text : {"", "{", "[]", R"({"buckets":[]})", R"({"buckets":{"spare":7}})",
                           R"({"buckets":{"NO NAME":[]}})"}) {
    std::ofstream(hint, std::ios::trunc) << text;
    RestartRemembering();
    EXPECT_EQ(catalog_->Get(Name("calls")).status().code(), StatusCode::kUnavailable);
    EXPECT_TRUE(catalog_->Missing().at(0).names.empty());
  }
}

TEST_F(CatalogBucketsTest, KeepsEveryFileOfABucketThatWasNotRead) {
  MustCommit(MakeCommit("calls", CommitMode::kCreate, "spare"));
  StoreFile("calls", "spare");
  const DataFile orphan = StoreFile("people");
  clock_.AdvanceMicros(10 * kHour);
  // The listing of documents fails once; that of data files would succeed.
  spare_->AddFault({.call = storage::StoreCall::kList});
  RestartRemembering();
  ASSERT_EQ(catalog_->Missing().size(), 1u);
  const auto freed = catalog_->CollectGarbage(kHour);
  ASSERT_TRUE(freed.ok()) << freed.status().ToString();
  EXPECT_EQ(*freed, orphan.size_bytes) << "the other buckets are collected";
  EXPECT_EQ(StoredFiles(*spare_).size(), 2u);
  ASSERT_TRUE(catalog_->LoadMissing().ok());
  EXPECT_GT(*catalog_->CollectGarbage(kHour), 0u);
  EXPECT_EQ(StoredFiles(*spare_).size(), 1u);
  ExpectFilesOfEveryDataset();
}

TEST_F(CatalogBucketsTest, TriesAgainByItself) {
  MustCommit("people", CommitMode::kCreate);
  TakeDown(*primary_);
  catalog_ = *Catalog::Open(
      *buckets_, {.clock = &clock_, .loading = {.first_wait_micros = 100, .max_wait_micros = 500}});
  EXPECT_FALSE(catalog_->Get(Name("people")).ok());
  primary_->ClearFaults();
  while (!catalog_->Get(Name("people")).ok()) std::this_thread::yield();
  EXPECT_TRUE(catalog_->Missing().empty());
}

// A store that answers a listing only when it may.
class HangingStore : public storage::FaultyStore {
 public:
  using FaultyStore::FaultyStore;
  Result<std::vector<storage::ObjectInfo>> List(std::string_view prefix,
                                                std::string_view start_after,
                                                size_t limit) const override {
    released_.wait();
    return FaultyStore::List(prefix, start_after, limit);
  }
  void Release() { release_.set_value(); }

 private:
  std::promise<void> release_;
  std::shared_future<void> released_ = release_.get_future().share();
};

TEST(CatalogStartTest, ABucketThatHangsHoldsUpNeitherTheStartNorTheOthers) {
  auto owned = std::make_unique<HangingStore>(storage::NewMemoryStore());
  HangingStore& hanging = *owned;
  std::map<BucketName, std::unique_ptr<storage::ObjectStore>> stores;
  stores.emplace(Bucket("primary"), storage::NewMemoryStore());
  stores.emplace(Bucket("spare"), std::move(owned));
  const auto buckets = storage::BucketRegistry::FromStores(std::move(stores));
  const auto catalog = *Catalog::Open(*buckets, {.start_wait_micros = 1'000});
  EXPECT_EQ(catalog->Missing().at(0).bucket, Bucket("spare"));
  EXPECT_TRUE(catalog->Commit({.name = Name("people"), .bucket = Bucket("primary")}).ok());
  EXPECT_TRUE(catalog->Get(Name("people")).ok());
  hanging.Release();
  while (!catalog->Missing().empty()) std::this_thread::yield();
  EXPECT_EQ(catalog->Get(Name("other")).status().code(), StatusCode::kNotFound);
}

TEST(CatalogRuntimeTest, ReadsABucketThatIsAddedAndForgetsOneThatIsRemoved) {
  testing::TempDir directory;
  const std::string root = directory.Join("old");
  const auto open = [&](const std::string& data) {
    return *storage::BucketRegistry::Open({.config = {}, .data_dir = directory.Join(data)});
  };
  const BucketConfig added{.name = "old", .backend = "local", .root = root};
  {
    const auto buckets = open("a");
    ASSERT_TRUE(buckets->Add(added).ok());
    const auto catalog = *Catalog::Open(*buckets);
    ASSERT_TRUE(catalog->Commit({.name = Name("people"), .bucket = Bucket("old")}).ok());
  }
  const auto buckets = open("b");
  const auto catalog = *Catalog::Open(
      *buckets, {.state_dir = directory.Join("state"), .loading = {.in_background = false}});
  EXPECT_EQ(catalog->Get(Name("people")).status().code(), StatusCode::kNotFound);
  ASSERT_TRUE(buckets->Add(added).ok());
  EXPECT_EQ(catalog->Get(Name("people")).status().code(), StatusCode::kUnavailable);
  ASSERT_TRUE(catalog->LoadBucket(Bucket("old")).ok());
  EXPECT_TRUE(catalog->Get(Name("people")).ok());
  EXPECT_THAT(catalog->NamesIn(Bucket("old")), ElementsAre("people"));
  EXPECT_TRUE(catalog->NamesIn(Bucket("primary")).empty());
  ASSERT_TRUE(
      buckets->Remove(Bucket("old"), [](const BucketName&) { return std::vector<std::string>(); })
          .ok());
  catalog->ForgetBucket(Bucket("old"));
  EXPECT_EQ(catalog->Get(Name("people")).status().code(), StatusCode::kNotFound);
  EXPECT_TRUE(catalog->Missing().empty());
  EXPECT_EQ(catalog->LoadBucket(Bucket("old")).code(), StatusCode::kNotFound);
}

}  // namespace

}  // namespace lakehouse::catalog
