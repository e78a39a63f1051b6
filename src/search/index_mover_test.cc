#include "search/index_mover.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/hash.h"
#include "search/embedding_garbage.h"
#include "search/hashed_words_model.h"
#include "storage/faulty_store.h"
#include "support/temp_dir.h"

namespace lakehouse::search {
namespace {

using storage::StoreFault;

constexpr int64_t kHour = 3'600'000'000;

class IndexMoverTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::map<BucketName, std::unique_ptr<storage::ObjectStore>> stores;
    for (const char* name : {"primary", "spare"}) {
      auto store = std::make_unique<storage::FaultyStore>(storage::NewMemoryStore(clock_));
      stores_[name] = store.get();
      stores.emplace(Bucket(name), std::move(store));
    }
    buckets_ = storage::BucketRegistry::FromStores(std::move(stores));
    Restart();
  }
  static BucketName Bucket(const char* name) { return *BucketName::Parse(name); }

  void Restart() {
    registry_.reset();
    registry_ = *IndexRegistry::Open(*buckets_, {.loading = {.in_background = false}});
  }
  // Publishes an index of two parts in primary, and nothing else stays of what was before.
  IndexPtr Begin() {
    if (const IndexPtr old = registry_->Find(kName)) {
      EXPECT_TRUE(registry_->Remove(*old).ok());
    }
    IndexInfo index{
        .name = kName, .source = *DatasetName::Parse("people"), .bucket = Bucket("primary")};
    index.id_column = "id";
    index.text_column = "text";
    index.chunk_tokens = 64;
    index.space = HashedWordsModel().space();
    index.rows_total = index.rows_done = 10;
    for (int i = 0; i < 2; ++i) {
      const std::string bytes = StrCat("part ", ++parts_);
      EmbeddingPart part{.key = StrCat("vectors/a_v1/embeddings/", parts_, ".parquet"),
                         .size_bytes = bytes.size(),
                         .crc32c = Crc32c(bytes)};
      EXPECT_TRUE(stores_["primary"]->Put(part.key, bytes).ok());
      index.parts.push_back(part);
    }
    return *registry_->Publish(index);
  }
  Status Move(const char* bucket, const CancelToken& cancel = {}) {
    IndexMover mover({.buckets = buckets_.get(),
                      .registry = registry_.get(),
                      .work_dir = work_.path(),
                      .clock = &clock_},
                     [&](const JobProgress& progress) {
                       EXPECT_LE(progress.done, progress.total);
                       stages_.push_back(progress.stage);
                     });
    return mover.Run(kName, Bucket(bucket), cancel);
  }
  // The index is what it was, in whichever bucket, and its parts are whole.
  void ExpectWhole(const IndexInfo& before) {
    const Result<IndexPtr> found = registry_->Get(kName);
    ASSERT_TRUE(found.ok()) << found.status().ToString();
    IndexInfo expected = before;
    expected.bucket = (*found)->bucket;
    expected.version = (*found)->version;
    EXPECT_EQ(IndexToJson(**found), IndexToJson(expected));
    EXPECT_GE((*found)->version, before.version);
    EXPECT_EQ(registry_->List().size(), 1u);
    for (const EmbeddingPart& part : (*found)->parts) {
      const auto bytes = (*buckets_->Find((*found)->bucket))->Get(part.key);
      ASSERT_TRUE(bytes.ok()) << bytes.status().ToString();
      EXPECT_EQ(Crc32c(*bytes), part.crc32c);
    }
  }
  // Collects twice, a grace period apart; returns how many parts stay in each bucket.
  std::pair<size_t, size_t> PartsAfterGrace() {
    for (int i = 0; i < 2; ++i) {
      clock_.AdvanceMicros(2 * kHour);
      const EmbeddingGarbage garbage(*buckets_, *registry_, {clock_.Now().micros - kHour});
      const auto suspects = garbage.List();
      EXPECT_TRUE(suspects.ok());
      for (const auto& found : *suspects) EXPECT_TRUE(garbage.Delete(found).ok());
    }
    return {stores_["primary"]->List("vectors/")->size(),
            stores_["spare"]->List("vectors/")->size()};
  }

  const IndexName kName = *IndexName::Parse("a_v1");
  ManualClock clock_{{1'700'000'000'000'000}};
  testing::TempDir work_;
  std::map<std::string, storage::FaultyStore*> stores_;  // Owned by buckets_.
  std::unique_ptr<storage::BucketRegistry> buckets_;
  std::unique_ptr<IndexRegistry> registry_;
  std::vector<std::string> stages_;
  int parts_ = 0;
};

TEST_F(IndexMoverTest, MovesPartsAndDocumentBackAndForth) {
  const IndexPtr before = Begin();
  uint64_t last = before->version;
  for (const char* bucket : {"spare", "primary", "spare"}) {
    ASSERT_TRUE(Move(bucket).ok());
    const IndexPtr moved = registry_->Find(kName);
    EXPECT_EQ(moved->bucket, Bucket(bucket));
    EXPECT_GT(moved->version, last + 1);
    last = moved->version;
    ExpectWhole(*before);
    Restart();
    EXPECT_EQ(registry_->Find(kName)->bucket, Bucket(bucket));
    ExpectWhole(*before);
  }
  EXPECT_EQ(stages_.front(), "copying");
  EXPECT_EQ(stages_.back(), "publishing");
  IndexInfo next = *registry_->Find(kName);
  next.complete = true;
  EXPECT_TRUE(registry_->Publish(next).ok()) << "work goes on where it is now";
  EXPECT_EQ(PartsAfterGrace(), std::pair(size_t{0}, size_t{2}));
}

TEST_F(IndexMoverTest, MovingToWhereItIsWritesNothing) {
  Begin();
  const uint64_t calls = stores_["primary"]->calls() + stores_["spare"]->calls();
  EXPECT_TRUE(Move("primary").ok());
  EXPECT_EQ(stores_["primary"]->calls() + stores_["spare"]->calls(), calls);
}

TEST_F(IndexMoverTest, CancelledOrDamagedChangesNothing) {
  const IndexPtr before = Begin();
  CancelToken cancel;
  cancel.Cancel();
  EXPECT_EQ(Move("spare", cancel).code(), StatusCode::kCancelled);
  EXPECT_EQ(registry_->Find(kName), before);
  ASSERT_TRUE(stores_["primary"]->Put(before->parts[1].key, "pXrt 2").ok());
  EXPECT_EQ(Move("spare").code(), StatusCode::kInternal);
  EXPECT_EQ(Move("nowhere").code(), StatusCode::kNotFound);
  Restart();
  EXPECT_EQ(registry_->Find(kName)->bucket, Bucket("primary"));
}

TEST_F(IndexMoverTest, EveryFaultLeavesTheIndexInOnePlaceAndWhole) {
  for (const char* where : {"primary", "spare"}) {
    for (const auto effect : {StoreFault::Effect::kBefore, StoreFault::Effect::kAfter}) {
      for (const uint64_t repeat : {uint64_t{1}, UINT64_MAX}) {
        bool fired = true;
        for (uint64_t ordinal = 1; fired; ++ordinal) {
          SCOPED_TRACE(StrCat(where, ", call ", ordinal, ", effect ", static_cast<int>(effect),
                              ", ", repeat, " times"));
          const IndexPtr before = Begin();
          storage::FaultyStore& store = *stores_[where];
          const uint64_t calls = store.calls();
          store.AddFault({.ordinal = ordinal, .repeat = repeat, .effect = effect});
          const Status status = Move("spare");
          fired = store.calls() - calls >= ordinal;
          store.ClearFaults();
          EXPECT_TRUE(status.ok() || fired) << status.ToString();
          ExpectWhole(*before);
          Restart();
          ExpectWhole(*before);
          if (status.ok()) {
            EXPECT_EQ(registry_->Find(kName)->bucket, Bucket("spare"));
          }
          const Status again = Move("spare");
          EXPECT_TRUE(again.ok()) << again.ToString();
          ExpectWhole(*before);
          EXPECT_EQ(registry_->Find(kName)->bucket, Bucket("spare"));
          ASSERT_FALSE(HasFailure());
        }
      }
    }
  }
  EXPECT_EQ(PartsAfterGrace(), std::pair(size_t{0}, size_t{2}));
}

TEST_F(IndexMoverTest, AFailedMoveLeavesNoGarbageForLong) {
  const IndexPtr before = Begin();
  stores_["primary"]->AddFault({.call = storage::StoreCall::kPut, .repeat = UINT64_MAX});
  EXPECT_FALSE(Move("spare").ok());
  stores_["primary"]->ClearFaults();
  EXPECT_EQ(stores_["spare"]->List("vectors/")->size(), 2u);
  Restart();
  EXPECT_EQ(PartsAfterGrace(), std::pair(size_t{2}, size_t{0}));
  ExpectWhole(*before);
}

TEST_F(IndexMoverTest, GarbageIsOnlyWhatIsOursAndOldAndUnnamed) {
  const IndexPtr index = Begin();
  const std::vector<std::string> foreign = {
      "vectors/a_v1/generations/1.graph", "vectors/a_v1/embeddings/x.txt",
      "vectors/a_v1/embeddings/sub/x.parquet", "vectors/UPPER/embeddings/x.parquet"};
  for (const std::string& key : foreign) ASSERT_TRUE(stores_["spare"]->Put(key, "x").ok());
  const std::string dropped = "vectors/gone_v1/embeddings/x.parquet";
  const std::string unnamed = "vectors/a_v1/embeddings/unnamed.parquet";
  ASSERT_TRUE(stores_["primary"]->Put(dropped, "x").ok());
  ASSERT_TRUE(stores_["primary"]->Put(unnamed, "x").ok());
  const EmbeddingGarbage young(*buckets_, *registry_, {clock_.Now().micros - kHour});
  EXPECT_TRUE(young.List()->empty());
  EXPECT_EQ(PartsAfterGrace(), std::pair(index->parts.size(), foreign.size()));
}

}  // namespace
}  // namespace lakehouse::search
