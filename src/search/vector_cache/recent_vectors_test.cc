#include "search/vector_cache/recent_vectors.h"

#include <algorithm>
#include <deque>

#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/rng.h"
#include "support/test_seed.h"

namespace lakehouse::search {
namespace {

RecentVectors::Key KeyOf(uint32_t space, uint64_t number) {
  return {space, *ParseVectorKey(Sha256Hex(StrCat(number)))};
}

TEST(RecentVectorsTest, AnswersLikeANaiveList) {
  Rng rng(testing::TestSeed());
  RecentVectors probe(UINT64_MAX);
  probe.Insert(KeyOf(0, 0), std::vector<float>(8));
  const uint64_t entry_bytes = probe.bytes();
  constexpr size_t kCapacity = 20;
  RecentVectors vectors(entry_bytes * kCapacity + entry_bytes / 2);

  struct Naive {
    uint32_t space;
    uint64_t number;
    std::vector<float> vector;
  };
  std::deque<Naive> naive;  // Most recently used first.
  for (int step = 0; step < 20'000; ++step) {
    const auto space = static_cast<uint32_t>(rng.Below(2));
    const uint64_t number = rng.Below(20);
    const auto known = std::ranges::find_if(
        naive, [&](const Naive& entry) { return entry.space == space && entry.number == number; });
    if (rng.Below(2) == 0) {
      const std::vector<float>* found = vectors.Find(KeyOf(space, number));
      ASSERT_EQ(found != nullptr, known != naive.end());
      if (found == nullptr) continue;
      EXPECT_EQ(*found, known->vector);
      std::rotate(naive.begin(), known, known + 1);
    } else {
      const std::vector<float> vector(8, static_cast<float>(step));
      vectors.Insert(KeyOf(space, number), vector);
      if (known != naive.end()) continue;
      naive.push_front({space, number, vector});
      if (naive.size() > kCapacity) naive.pop_back();
    }
    ASSERT_EQ(vectors.bytes(), naive.size() * entry_bytes);
  }
}

TEST(RecentVectorsTest, VectorBeyondTheBudgetIsNotKept) {
  RecentVectors vectors(1'000);
  vectors.Insert(KeyOf(0, 1), std::vector<float>(8));
  vectors.Insert(KeyOf(0, 2), std::vector<float>(1'000));
  EXPECT_NE(vectors.Find(KeyOf(0, 1)), nullptr);
  EXPECT_EQ(vectors.Find(KeyOf(0, 2)), nullptr);
  RecentVectors none(0);
  none.Insert(KeyOf(0, 1), std::vector<float>(1));
  EXPECT_EQ(none.Find(KeyOf(0, 1)), nullptr);
}

}  // namespace
}  // namespace lakehouse::search
