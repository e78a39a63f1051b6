#include "base/rng.h"

#include <regex>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace lakehouse {
namespace {

TEST(RngTest, GivesTheReferenceSequence) {
  // The authors' C code, seeded with four SplitMix64 outputs from 0.
  Rng rng(0);
  EXPECT_EQ(rng.Next(), 0x99EC5F36CB75F2B4);
  EXPECT_EQ(rng.Next(), 0xBF6E1F784956452A);
  EXPECT_EQ(rng.Next(), 0x1A5F849D4933E6E0);
  EXPECT_EQ(rng.Next(), 0x6AA594F1262D2D2C);
}

TEST(RngTest, SystemSeedsDiffer) { EXPECT_NE(Rng::FromSystem().Next(), Rng::FromSystem().Next()); }

TEST(RngTest, BelowReachesEveryValueEvenly) {
  constexpr uint64_t kSeed = 42;
  SCOPED_TRACE(kSeed);
  Rng rng(kSeed);
  std::vector<int> counts(7);
  for (int i = 0; i < 70'000; ++i) ++counts.at(rng.Below(7));
  for (const int count : counts) {
    EXPECT_GT(count, 9'500);
    EXPECT_LT(count, 10'500);
  }
  EXPECT_EQ(rng.Below(1), 0u);
}

TEST(RngTest, BelowIsNotBiasedForAHugeBound) {
  constexpr uint64_t kSeed = 43;
  SCOPED_TRACE(kSeed);
  Rng rng(kSeed);
  // A plain remainder would put two thirds of all values below the half.
  constexpr uint64_t kBound = uint64_t{3} << 62;
  int low = 0;
  for (int i = 0; i < 10'000; ++i) low += rng.Below(kBound) < kBound / 2 ? 1 : 0;
  EXPECT_GT(low, 4'800);
  EXPECT_LT(low, 5'200);
}

TEST(RngTest, NextDoubleStaysInTheUnitInterval) {
  constexpr uint64_t kSeed = 44;
  SCOPED_TRACE(kSeed);
  Rng rng(kSeed);
  double sum = 0;
  for (int i = 0; i < 100'000; ++i) {
    const double value = rng.NextDouble();
    ASSERT_GE(value, 0);
    ASSERT_LT(value, 1);
    sum += value;
  }
  EXPECT_NEAR(sum / 100'000, 0.5, 0.01);
}

TEST(NewUuidTest, HasVersionVariantAndTime) {
  const ManualClock clock({0x0123456789AB * 1000});
  const std::string uuid = NewUuid(clock);
  const std::regex form("01234567-89ab-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");
  EXPECT_TRUE(std::regex_match(uuid, form)) << uuid;
}

TEST(NewUuidTest, SortsByTimeToTheMicrosecond) {
  ManualClock clock({1'795'454'717'000'000});
  std::string last = NewUuid(clock);
  for (int i = 0; i < 3'000; ++i) {
    clock.AdvanceMicros(1);
    std::string next = NewUuid(clock);
    ASSERT_LT(last, next) << i;
    last = std::move(next);
  }
}

TEST(NewUuidTest, ThreadsNeverMakeTheSame) {
  const ManualClock clock;
  std::vector<std::vector<std::string>> made(4);
  std::vector<std::thread> threads;
  for (std::vector<std::string>& mine : made) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2'000; ++i) mine.push_back(NewUuid(clock));
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::string> all;
  for (const std::vector<std::string>& mine : made) all.insert(mine.begin(), mine.end());
  EXPECT_EQ(all.size(), 8'000u);
}

}  // namespace
}  // namespace lakehouse
