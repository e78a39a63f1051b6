#include "search/query_vectors.h"

#include <gtest/gtest.h>

#include "search/hashed_words_provider.h"

namespace lakehouse::search {
namespace {

TEST(QueryVectorsTest, KeepsTheMostRecentlyUsed) {
  HashedWordsProvider provider;
  QueryVectors vectors(provider, 2);
  const auto embeds = [&](const std::string& query) {
    const uint64_t before = provider.queries_embedded();
    const auto vector = vectors.Get(query, {});
    EXPECT_TRUE(vector.ok());
    EXPECT_EQ(*vector, HashedWordsProvider::VectorOf(query));
    return provider.queries_embedded() > before;
  };
  EXPECT_TRUE(embeds("a"));
  EXPECT_TRUE(embeds("b"));
  EXPECT_FALSE(embeds("a"));
  EXPECT_TRUE(embeds("c"));
  EXPECT_FALSE(embeds("a"));
  EXPECT_TRUE(embeds("b")) << "was the least recently used";
}

TEST(QueryVectorsTest, DoesNotKeepHugeQueries) {
  HashedWordsProvider provider;
  QueryVectors vectors(provider, 2);
  const std::string huge(5'000, 'x');
  ASSERT_TRUE(vectors.Get(huge, {}).ok());
  ASSERT_TRUE(vectors.Get(huge, {}).ok());
  EXPECT_EQ(provider.queries_embedded(), 2u);
}

TEST(QueryVectorsTest, CancelledQueryFails) {
  HashedWordsProvider provider;
  QueryVectors vectors(provider, 2);
  CancelToken cancel;
  cancel.Cancel();
  EXPECT_EQ(vectors.Get("a", cancel).status().code(), StatusCode::kCancelled);
  EXPECT_TRUE(vectors.Get("a", {}).ok());
}

}  // namespace
}  // namespace lakehouse::search
