#include "storage/faulty_store.h"

#include "storage/object_store_conformance.h"

namespace lakehouse::storage {

namespace {

using Effect = StoreFault::Effect;

std::unique_ptr<ObjectStore> MakeFaultyStore(const std::string& /*directory*/) {
  return std::make_unique<FaultyStore>(NewMemoryStore());
}

INSTANTIATE_TEST_SUITE_P(Faulty, ObjectStoreConformance, ::testing::Values(&MakeFaultyStore));

TEST(FaultyStoreTest, FailsTheNthCallOfAKindBeforeItHappens) {
  FaultyStore store(NewMemoryStore());
  store.AddFault({.call = StoreCall::kPut, .ordinal = 2, .status = ResourceExhausted("disk full")});
  EXPECT_TRUE(store.Put("a", "1").ok());
  EXPECT_TRUE(store.Get("a").ok());
  EXPECT_EQ(store.Put("a", "2").status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(*store.Get("a"), "1");
  EXPECT_TRUE(store.Put("a", "3").ok());
  EXPECT_EQ(store.calls(StoreCall::kPut), 3u);
  EXPECT_EQ(store.calls(), 5u);
}

TEST(FaultyStoreTest, LosesTheAnswerOfACallThatHappened) {
  FaultyStore store(NewMemoryStore());
  store.AddFault(
      {.call = StoreCall::kPut, .effect = Effect::kAfter, .status = CommitStateUnknown("lost")});
  EXPECT_EQ(store.Put("a", "1").status().code(), StatusCode::kCommitStateUnknown);
  EXPECT_EQ(*store.Get("a"), "1");
  store.AddFault({.call = StoreCall::kDelete, .effect = Effect::kAfter});
  EXPECT_EQ(store.Delete("a").code(), StatusCode::kUnavailable);
  EXPECT_EQ(store.Get("a").status().code(), StatusCode::kNotFound);
}

TEST(FaultyStoreTest, CountsEveryKindWhenAskedTo) {
  FaultyStore store(NewMemoryStore());
  store.AddFault({.ordinal = 3, .repeat = 2});
  EXPECT_TRUE(store.Put("a", "1").ok());
  EXPECT_TRUE(store.Head("a").ok());
  EXPECT_FALSE(store.List("").ok());
  EXPECT_FALSE(store.Get("a").ok());
  EXPECT_TRUE(store.Get("a").ok());
}

TEST(FaultyStoreTest, ReadsShort) {
  FaultyStore store(NewMemoryStore());
  const auto info = store.Put("a", "12345678");
  ASSERT_TRUE(info.ok());
  store.AddFault({.call = StoreCall::kGet, .effect = Effect::kShortRead});
  store.AddFault({.call = StoreCall::kReadAt, .effect = Effect::kShortRead});
  EXPECT_EQ(*store.Get("a"), "1234");
  char buffer[8];
  EXPECT_EQ(*store.ReadAt(*info, 0, buffer, 8), 4u);
  EXPECT_EQ(*store.ReadAt(*info, 0, buffer, 8), 8u);
}

TEST(FaultyStoreTest, CountsADeletionOfManyKeysAsOneCall) {
  FaultyStore store(NewMemoryStore());
  ASSERT_TRUE(store.Put("a", "1").ok());
  ASSERT_TRUE(store.Put("b", "2").ok());
  store.AddFault({.call = StoreCall::kDeleteMany, .ordinal = 2, .effect = Effect::kAfter});
  EXPECT_TRUE(store.DeleteMany({"a"}).ok());
  EXPECT_EQ(store.DeleteMany({"a", "b"}).code(), StatusCode::kUnavailable);
  EXPECT_TRUE(store.List("")->empty());
  EXPECT_EQ(store.calls(StoreCall::kDeleteMany), 2u);
  EXPECT_EQ(store.calls(StoreCall::kDelete), 0u);
}

TEST(FaultyStoreTest, ForgetsFaults) {
  FaultyStore store(NewMemoryStore());
  store.AddFault({.repeat = UINT64_MAX});
  EXPECT_FALSE(store.Put("a", "1").ok());
  EXPECT_FALSE(store.Put("a", "1").ok());
  store.ClearFaults();
  EXPECT_TRUE(store.Put("a", "1").ok());
}

}  // namespace

}  // namespace lakehouse::storage
