#include "vector/flat_index.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "support/test_seed.h"
#include "vector/kernels/dispatch.h"

namespace lakehouse::vector {
namespace {

using ::testing::HasSubstr;

std::vector<float> RandomFloats(Rng& rng, size_t count) {
  std::vector<float> floats(count);
  for (float& value : floats) value = static_cast<float>(rng.NextDouble() * 2 - 1);
  return floats;
}

FlatIndex MakeIndex(Metric metric, size_t dimensions, std::span<const float> rows) {
  Result<FlatIndex> index = FlatIndex::Create(metric, dimensions);
  CHECK(index.ok());
  CHECK(index->Add(rows).ok());
  return *std::move(index);
}

// The naive model: double precision, every row, a full sort.
std::vector<std::pair<double, uint32_t>> NaiveSearch(Metric metric, std::span<const float> rows,
                                                     std::span<const float> query,
                                                     RowFilter filter) {
  const size_t d = query.size();
  std::vector<std::pair<double, uint32_t>> scored;
  for (size_t r = 0; r < rows.size() / d; ++r) {
    if (!filter.empty() && !(filter[r / 64] >> (r % 64) & 1)) continue;
    double dot = 0, query_norm = 0, row_norm = 0, distance = 0;
    for (size_t i = 0; i < d; ++i) {
      const double q = query[i], x = rows[r * d + i];
      dot += q * x, query_norm += q * q, row_norm += x * x, distance += (q - x) * (q - x);
    }
    const double score = metric == Metric::kL2       ? -distance
                         : metric == Metric::kCosine ? dot / std::sqrt(query_norm * row_norm)
                                                     : dot;
    scored.emplace_back(-score, static_cast<uint32_t>(r));
  }
  std::sort(scored.begin(), scored.end());
  return scored;
}

class FlatIndexMetricTest : public ::testing::TestWithParam<Metric> {};

TEST_P(FlatIndexMetricTest, EqualsNaiveSearch) {
  const uint64_t seed = testing::TestSeed();
  SCOPED_TRACE(seed);
  Rng rng(seed);
  for (int round = 0; round < 60; ++round) {
    const size_t d = 1 + rng.Below(70);
    const size_t n = 1 + rng.Below(300);
    const std::vector<float> rows = RandomFloats(rng, n * d);
    const std::vector<float> query = RandomFloats(rng, d);
    std::vector<uint64_t> filter;
    if (rng.Below(2) == 0) {
      filter.resize((n + 63) / 64);
      // From almost nothing to almost everything passes.
      for (uint64_t& word : filter) {
        word = rng.Next();
        for (uint64_t i = rng.Below(5); i > 0; --i) word &= rng.Next();
      }
    }
    const FlatIndex index = MakeIndex(GetParam(), d, rows);
    const size_t k = 1 + rng.Below(n + 5);
    const Result<std::vector<Hit>> hits = index.Search(query, k, filter);
    ASSERT_TRUE(hits.ok());
    const auto expected = NaiveSearch(GetParam(), rows, query, filter);
    ASSERT_EQ(hits->size(), std::min(k, expected.size()));
    for (size_t i = 0; i < hits->size(); ++i) {
      // Rows nearer together than float precision may change places; scores may not.
      EXPECT_NEAR((*hits)[i].score, -expected[i].first, 1e-5 * (1 + d)) << i;
      if (i > 0) {
        EXPECT_TRUE(Precedes((*hits)[i - 1], (*hits)[i])) << i;
      }
    }
  }
}

TEST_P(FlatIndexMetricTest, IsEqualToTheBitOnEveryInstructionSet) {
  const uint64_t seed = testing::TestSeed();
  SCOPED_TRACE(seed);
  Rng rng(seed);
  const std::string before = kernels::ActiveKernels().name;
  for (size_t d = 1; d <= 130; d += 3) {
    const std::vector<float> rows = RandomFloats(rng, 150 * d);
    const std::vector<float> query = RandomFloats(rng, d);
    std::vector<std::vector<Hit>> answers;
    for (const kernels::KernelSet* set : kernels::SupportedKernels()) {
      ASSERT_TRUE(kernels::UseKernels(set->name).ok());
      answers.push_back(*MakeIndex(GetParam(), d, rows).Search(query, 40));
    }
    for (const auto& answer : answers) EXPECT_EQ(answer, answers[0]) << d;
  }
  ASSERT_TRUE(kernels::UseKernels(before).ok());
}

TEST_P(FlatIndexMetricTest, OrdersEqualRowsByNumber) {
  std::vector<float> rows;
  for (int i = 0; i < 200; ++i) rows.insert(rows.end(), {0.5f, -1.0f, 2.0f});
  const FlatIndex index = MakeIndex(GetParam(), 3, rows);
  const std::vector<Hit> hits = *index.Search(std::vector<float>{0.5f, -1.0f, 2.0f}, 150);
  ASSERT_EQ(hits.size(), 150u);
  for (size_t i = 0; i < hits.size(); ++i) EXPECT_EQ(hits[i].row, i);
}

TEST_P(FlatIndexMetricTest, AddInPiecesEqualsAddAtOnce) {
  const uint64_t seed = testing::TestSeed();
  SCOPED_TRACE(seed);
  Rng rng(seed);
  const std::vector<float> rows = RandomFloats(rng, 100 * 7);
  FlatIndex pieces = *FlatIndex::Create(GetParam(), 7);
  for (size_t r = 0; r < 100; r += 20) {
    ASSERT_TRUE(pieces.Add(std::span(rows).subspan(r * 7, 20 * 7)).ok());
  }
  const FlatIndex at_once = MakeIndex(GetParam(), 7, rows);
  const std::vector<float> query = RandomFloats(rng, 7);
  EXPECT_EQ(*pieces.Search(query, 100), *at_once.Search(query, 100));
}

INSTANTIATE_TEST_SUITE_P(Metrics, FlatIndexMetricTest,
                         ::testing::Values(Metric::kCosine, Metric::kInnerProduct, Metric::kL2),
                         [](const auto& param) {
                           switch (param.param) {
                             case Metric::kCosine:
                               return "Cosine";
                             case Metric::kInnerProduct:
                               return "InnerProduct";
                             case Metric::kL2:
                               return "L2";
                           }
                           return "";
                         });

TEST(FlatIndexTest, CosineIgnoresLengthAtEveryMagnitude) {
  const FlatIndex index = MakeIndex(Metric::kCosine, 2, std::vector<float>{1e-40f, 0, 0, 3e38f});
  const std::vector<Hit> hits = *index.Search(std::vector<float>{1e30f, 0}, 2);
  EXPECT_EQ(hits, (std::vector<Hit>{{0, 1.0f}, {1, 0.0f}}));
}

TEST(FlatIndexTest, EveryRowFindsItself) {
  const uint64_t seed = testing::TestSeed();
  SCOPED_TRACE(seed);
  Rng rng(seed);
  const std::vector<float> rows = RandomFloats(rng, 300 * 20);
  for (const Metric metric : {Metric::kCosine, Metric::kL2}) {
    const FlatIndex index = MakeIndex(metric, 20, rows);
    for (uint32_t r = 0; r < 300; ++r) {
      EXPECT_EQ((*index.Search(std::span(rows).subspan(r * 20, 20), 1))[0].row, r);
    }
  }
}

TEST(FlatIndexTest, SearchAtTheEdges) {
  const FlatIndex empty = *FlatIndex::Create(Metric::kL2, 2);
  const std::vector<float> query = {1, 2};
  EXPECT_TRUE(empty.Search(query, 5)->empty());

  const FlatIndex index = MakeIndex(Metric::kL2, 2, std::vector<float>{1, 2, 3, 4, 5, 6});
  EXPECT_EQ(index.Search(query, SIZE_MAX)->size(), 3u);
  EXPECT_EQ((*index.Search(query, 1))[0], (Hit{0, 0.0f}));
  EXPECT_FALSE(std::signbit((*index.Search(query, 1))[0].score));
  const std::vector<uint64_t> none = {0};
  EXPECT_TRUE(index.Search(query, 2, none)->empty());
  const std::vector<uint64_t> beyond = {~uint64_t{0} << 3, ~uint64_t{0}};
  EXPECT_TRUE(index.Search(query, 2, beyond)->empty());
}

TEST(FlatIndexTest, NamesWhatIsWrongWithAQuery) {
  const FlatIndex index = MakeIndex(Metric::kCosine, 2, std::vector<float>(130 * 2, 1.0f));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  struct Case {
    std::vector<float> query;
    size_t k;
    std::vector<uint64_t> filter;
    const char* message;
  };
  for (const Case& c :
       {Case{{1, 2}, 0, {}, "k is 0"},
        Case{{1, 2, 3}, 1, {}, "the query has 3 components, the index 2"},
        Case{{}, 1, {}, "the query has 0 components"},
        Case{{1, nan}, 1, {}, "query: component 1 is NaN"}, Case{{0, 0}, 1, {}, "zero"},
        Case{{1, 2}, 1, {1, 1}, "the filter covers 128 rows, the index has 130"}}) {
    const auto result = index.Search(c.query, c.k, c.filter);
    ASSERT_FALSE(result.ok()) << c.message;
    EXPECT_EQ(result.status().code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(result.status().message(), HasSubstr(c.message));
  }
}

TEST(FlatIndexTest, NamesWhatIsWrongWithRowsAndStoresNone) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  struct Case {
    Metric metric;
    std::vector<float> rows;
    const char* message;
  };
  for (const Case& c :
       {Case{Metric::kL2, {1, 2, 3}, "3 floats are not a multiple"},
        Case{Metric::kL2, {1, 2, 3, nan}, "row 1: component 1 is NaN"},
        Case{Metric::kInnerProduct, {1, 2, -infinity, 4}, "row 1: component 0 is infinite"},
        Case{Metric::kL2, {1, 2, 3, 4, 2e17f, 1}, "row 2: component 0 is 2e+17, beyond"},
        Case{Metric::kCosine, {1, 2, 0, -0.0f}, "row 1: every component is zero"}}) {
    FlatIndex index = MakeIndex(c.metric, 2, std::vector<float>{1, 1});
    const Status status = index.Add(c.rows);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << c.message;
    EXPECT_THAT(status.message(), HasSubstr(c.message));
    EXPECT_EQ(index.size(), 1u);
    EXPECT_EQ(index.Search(std::vector<float>{1, 1}, 10)->size(), 1u);
  }
}

TEST(FlatIndexTest, LargestComponentsKeepScoresFinite) {
  for (const Metric metric : {Metric::kInnerProduct, Metric::kL2}) {
    std::vector<float> row(4096, kMaxComponent), query(4096, -kMaxComponent);
    const FlatIndex index = MakeIndex(metric, 4096, row);
    EXPECT_TRUE(std::isfinite((*index.Search(query, 1))[0].score));
  }
}

TEST(FlatIndexTest, RefusesWidthsOutOfRange) {
  for (const size_t dimensions : {size_t{0}, size_t{4097}, SIZE_MAX}) {
    EXPECT_EQ(FlatIndex::Create(Metric::kL2, dimensions).status().code(),
              StatusCode::kInvalidArgument);
  }
  EXPECT_TRUE(FlatIndex::Create(Metric::kL2, 4096).ok());
}

TEST(FlatIndexTest, ConcurrentSearchesAgree) {
  const uint64_t seed = testing::TestSeed();
  SCOPED_TRACE(seed);
  Rng rng(seed);
  const FlatIndex index = MakeIndex(Metric::kCosine, 32, RandomFloats(rng, 500 * 32));
  const std::vector<float> query = RandomFloats(rng, 32);
  const std::vector<Hit> expected = *index.Search(query, 20);
  std::vector<std::vector<Hit>> answers(4);
  {
    std::vector<std::jthread> threads;
    for (auto& answer : answers) {
      threads.emplace_back([&] { answer = *index.Search(query, 20); });
    }
  }
  for (const auto& answer : answers) EXPECT_EQ(answer, expected);
}

TEST(FlatIndexTest, CountsItsMemory) {
  const FlatIndex index = MakeIndex(Metric::kL2, 384, std::vector<float>(100 * 384, 1.0f));
  EXPECT_GE(index.resident_bytes(), 100 * 384 * sizeof(float));
  EXPECT_LE(index.resident_bytes(), 2 * 100 * 384 * sizeof(float));
}

}  // namespace
}  // namespace lakehouse::vector
