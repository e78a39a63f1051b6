#include "search/index_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "search/hashed_words_model.h"
#include "storage/document_store.h"
#include "storage/faulty_store.h"

namespace lakehouse::search {
namespace {

class IndexRegistryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::map<BucketName, std::unique_ptr<storage::ObjectStore>> stores;
    for (const char* name : {"archive", "primary"}) {
      auto store = std::make_unique<storage::FaultyStore>(storage::NewMemoryStore());
      stores_[name] = store.get();
      stores.emplace(*BucketName::Parse(name), std::move(store));
    }
    buckets_ = storage::BucketRegistry::FromStores(std::move(stores));
  }
  std::unique_ptr<IndexRegistry> Open() {
    auto registry = IndexRegistry::Open(*buckets_);
    CHECK(registry.ok());
    return *std::move(registry);
  }
  static IndexInfo MakeIndex(const char* name, const char* bucket = "primary") {
    IndexInfo index{.name = *IndexName::Parse(name),
                    .source = *DatasetName::Parse("people"),
                    .bucket = *BucketName::Parse(bucket)};
    index.id_column = "id";
    index.text_column = "text";
    index.chunk_tokens = 64;
    index.space = HashedWordsModel().space();
    index.rows_total = 10;
    return index;
  }

  std::map<std::string, storage::FaultyStore*> stores_;  // Owned by buckets_.
  std::unique_ptr<storage::BucketRegistry> buckets_;
};

TEST_F(IndexRegistryTest, FindsEveryBucketsIndexesAfterAnotherOpen) {
  const auto registry = Open();
  ASSERT_TRUE(registry->Publish(MakeIndex("b_v1")).ok());
  ASSERT_TRUE(registry->Publish(MakeIndex("a_v1", "archive")).ok());
  const std::vector<IndexPtr> list = Open()->List();
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0]->name.str(), "a_v1");
  EXPECT_EQ(list[0]->bucket.str(), "archive");
  EXPECT_EQ(list[1]->version, 1u);
}

TEST_F(IndexRegistryTest, EarlierPointersAreNotChangedByPublishing) {
  const auto registry = Open();
  const IndexPtr first = *registry->Publish(MakeIndex("a_v1"));
  IndexInfo next = *first;
  next.rows_done = 4;
  const IndexPtr second = *registry->Publish(next);
  EXPECT_EQ(first->rows_done, 0u);
  EXPECT_EQ(second->version, 2u);
  EXPECT_EQ(registry->Find(first->name), second);
}

TEST_F(IndexRegistryTest, LoserOfARaceSeesTheWinner) {
  const auto one = Open();
  const auto other = Open();
  const IndexPtr first = *one->Publish(MakeIndex("a_v1"));
  IndexInfo winner = *first;
  winner.rows_done = 7;
  const auto third = Open();
  ASSERT_TRUE(one->Publish(winner).ok());
  IndexInfo loser = *first;
  loser.rows_done = 3;
  EXPECT_EQ(third->Publish(loser).status().code(), StatusCode::kConflict);
  EXPECT_EQ(third->Find(first->name)->rows_done, 7u) << "memory agrees with storage again";
  EXPECT_EQ(other->Publish(MakeIndex("a_v1")).status().code(), StatusCode::kConflict);
}

TEST_F(IndexRegistryTest, FailedPublishChangesNothing) {
  const auto registry = Open();
  const IndexPtr first = *registry->Publish(MakeIndex("a_v1"));
  stores_["primary"]->AddFault(
      {.call = storage::StoreCall::kPut, .status = ResourceExhausted("no space")});
  IndexInfo next = *first;
  next.rows_done = 4;
  EXPECT_EQ(registry->Publish(next).status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(registry->Find(first->name)->rows_done, 0u);
  EXPECT_EQ((*registry->Publish(next))->rows_done, 4u);
}

TEST_F(IndexRegistryTest, RemovedIndexIsGoneAndItsNameFree) {
  const auto registry = Open();
  const IndexPtr index = *registry->Publish(MakeIndex("a_v1"));
  ASSERT_TRUE(registry->Remove(*index).ok());
  EXPECT_EQ(registry->Find(index->name), nullptr);
  EXPECT_TRUE(Open()->List().empty());
  const IndexPtr again = *registry->Publish(MakeIndex("a_v1"));
  EXPECT_GT(again->version, index->version);
  EXPECT_TRUE(registry->Publish(*again).ok());
}

TEST_F(IndexRegistryTest, FailedRemoveLeavesTheIndex) {
  const auto registry = Open();
  const IndexPtr index = *registry->Publish(MakeIndex("a_v1"));
  stores_["primary"]->AddFault(
      {.call = storage::StoreCall::kPut, .status = ResourceExhausted("no space")});
  EXPECT_FALSE(registry->Remove(*index).ok());
  EXPECT_NE(registry->Find(index->name), nullptr);
}

TEST_F(IndexRegistryTest, DamagedOrDoubledDocumentIsLeftOut) {
  ASSERT_TRUE(Open()->Publish(MakeIndex("good_v1")).ok());
  ASSERT_TRUE(Open()->Publish(MakeIndex("twice_v1", "archive")).ok());
  storage::DocumentStore documents(buckets_->primary());
  ASSERT_TRUE(documents.Write("index", "twice_v1", 0, IndexToJson(MakeIndex("twice_v1"))).ok());
  ASSERT_TRUE(documents.Write("index", "bad_v1", 0, Json{{"name", "bad_v1"}}).ok());
  const std::vector<IndexPtr> list = Open()->List();
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0]->name.str(), "good_v1");
  EXPECT_EQ(list[1]->name.str(), "twice_v1");
  EXPECT_EQ(list[1]->bucket.str(), "archive");
}

TEST_F(IndexRegistryTest, NotFoundNamesTheNearest) {
  const auto registry = Open();
  const IndexName name = *IndexName::Parse("peple_v1");
  EXPECT_EQ(registry->Get(name).status().message(), "there is no index peple_v1");
  ASSERT_TRUE(registry->Publish(MakeIndex("people_v1")).ok());
  EXPECT_THAT(registry->Get(name).status().message(),
              ::testing::HasSubstr("did you mean people_v1?"));
}

}  // namespace
}  // namespace lakehouse::search
