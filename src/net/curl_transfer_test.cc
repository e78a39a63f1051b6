#include "net/curl_transfer.h"

#include <gtest/gtest.h>

namespace lakehouse::net {
namespace {

constexpr int64_t kSecond = 1'000'000;

TEST(StallWatchTest, StallsAfterOneTimeoutWithTooFewBytes) {
  StallWatch watch(2'000);
  watch.Restart(10 * kSecond, 500);
  EXPECT_FALSE(watch.IsStalled(12 * kSecond, 500));
  EXPECT_TRUE(watch.IsStalled(12 * kSecond + 1, 500));
  EXPECT_TRUE(watch.IsStalled(12 * kSecond + 1, 500 + 2'047));
}

TEST(StallWatchTest, BeginsAgainWhenEnoughHasMoved) {
  StallWatch watch(2'000);
  watch.Restart(0, 0);
  EXPECT_FALSE(watch.IsStalled(3 * kSecond, 2'048));
  EXPECT_FALSE(watch.IsStalled(5 * kSecond, 2'048));
  EXPECT_TRUE(watch.IsStalled(5 * kSecond + 1, 4'095));
}

TEST(StallWatchTest, LeavesOutTheCallersTime) {
  StallWatch watch(2'000);
  watch.Restart(0, 0);
  watch.Exclude(60 * kSecond);
  EXPECT_FALSE(watch.IsStalled(62 * kSecond, 0));
  EXPECT_TRUE(watch.IsStalled(62 * kSecond + 1, 0));
}

TEST(StallWatchTest, NeverStallsWithoutATimeoutAndNeedsAByteForAShortOne) {
  StallWatch never(0);
  never.Restart(0, 0);
  EXPECT_FALSE(never.IsStalled(1'000'000 * kSecond, 0));
  StallWatch brief(1);
  brief.Restart(0, 0);
  EXPECT_TRUE(brief.IsStalled(kSecond, 0));
  EXPECT_FALSE(brief.IsStalled(kSecond, 1));
}

TEST(StallWatchTest, TakesAnyByteWhereNoRateIsAskedFor) {
  StallWatch watch(2'000, 0);
  watch.Restart(0, 0);
  EXPECT_FALSE(watch.IsStalled(2 * kSecond, 1));
  EXPECT_FALSE(watch.IsStalled(4 * kSecond, 1));
  EXPECT_TRUE(watch.IsStalled(4 * kSecond + 1, 1));
}

}  // namespace
}  // namespace lakehouse::net
