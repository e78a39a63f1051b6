#include "search/query_vectors.h"

#include <gtest/gtest.h>

#include "search/hashed_words_model.h"

namespace lakehouse::search {
namespace {

TEST(QueryVectorsTest, KeepsTheMostRecentlyUsed) {
  HashedWordsModel model;
  QueryVectors vectors(2);
  const auto embeds = [&](const std::string& query) {
    const uint64_t before = model.queries_embedded();
    const auto vector = vectors.Get(model, query, {});
    EXPECT_TRUE(vector.ok());
    EXPECT_EQ(*vector, HashedWordsModel::VectorOf(query));
    return model.queries_embedded() > before;
  };
  EXPECT_TRUE(embeds("a"));
  EXPECT_TRUE(embeds("b"));
  EXPECT_FALSE(embeds("a"));
  EXPECT_TRUE(embeds("c"));
  EXPECT_FALSE(embeds("a"));
  EXPECT_TRUE(embeds("b")) << "was the least recently used";
}

TEST(QueryVectorsTest, DoesNotKeepHugeQueries) {
  HashedWordsModel model;
  QueryVectors vectors(2);
  const std::string huge(5'000, 'x');
  ASSERT_TRUE(vectors.Get(model, huge, {}).ok());
  ASSERT_TRUE(vectors.Get(model, huge, {}).ok());
  EXPECT_EQ(model.queries_embedded(), 2u);
}

TEST(QueryVectorsTest, ModelsShareVectorsOnlyWithinASpace) {
  HashedWordsModel model, twin, other;
  other.mutable_space().digest = Sha256Hex("other weights");
  QueryVectors vectors(4);
  ASSERT_TRUE(vectors.Get(model, "a", {}).ok());
  ASSERT_TRUE(vectors.Get(twin, "a", {}).ok());
  EXPECT_EQ(twin.queries_embedded(), 0u) << "the same space";
  ASSERT_TRUE(vectors.Get(other, "a", {}).ok());
  EXPECT_EQ(other.queries_embedded(), 1u);
}

TEST(QueryVectorsTest, CancelledQueryFails) {
  HashedWordsModel model;
  QueryVectors vectors(2);
  CancelToken cancel;
  cancel.Cancel();
  EXPECT_EQ(vectors.Get(model, "a", cancel).status().code(), StatusCode::kCancelled);
  EXPECT_TRUE(vectors.Get(model, "a", {}).ok());
}

}  // namespace
}  // namespace lakehouse::search
