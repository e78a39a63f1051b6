#include "search/rate_meter.h"

#include <gtest/gtest.h>

namespace lakehouse::search {
namespace {

constexpr int64_t kSecond = 1'000'000;

TEST(RateMeterTest, SaysNothingBeforeItHasMeasured) {
  RateMeter meter;
  EXPECT_EQ(meter.RatePerSecond(5 * kSecond), -1);
  EXPECT_EQ(meter.EtaSeconds(5 * kSecond, 10), -1);
  meter.Restart(5 * kSecond, 100);
  meter.Record(5 * kSecond + kSecond / 4, 200);
  EXPECT_EQ(meter.RatePerSecond(5 * kSecond + kSecond / 4), -1);
}

TEST(RateMeterTest, CountsOnlyWhatCameSinceTheRestart) {
  RateMeter meter;
  meter.Restart(0, 1'000);
  meter.Record(2 * kSecond, 1'100);
  EXPECT_DOUBLE_EQ(meter.RatePerSecond(2 * kSecond), 50);
  EXPECT_DOUBLE_EQ(meter.EtaSeconds(2 * kSecond, 1'600), 10);
}

TEST(RateMeterTest, ForgetsWhatIsOlderThanTheWindow) {
  RateMeter meter;
  meter.Restart(0, 0);
  for (int second = 1; second <= 100; ++second) {
    // 10 a second at first, 2 a second later.
    meter.Record(second * kSecond, second <= 50 ? second * 10 : 500 + (second - 50) * 2);
  }
  EXPECT_DOUBLE_EQ(meter.RatePerSecond(100 * kSecond), 2);
}

TEST(RateMeterTest, FallsToZeroDuringAStall) {
  RateMeter meter;
  meter.Restart(0, 0);
  meter.Record(10 * kSecond, 100);
  EXPECT_DOUBLE_EQ(meter.RatePerSecond(10 * kSecond), 10);
  EXPECT_DOUBLE_EQ(meter.RatePerSecond(20 * kSecond), 5);
  EXPECT_DOUBLE_EQ(meter.RatePerSecond(60 * kSecond), 0);
  EXPECT_EQ(meter.EtaSeconds(60 * kSecond, 200), -1);
}

TEST(RateMeterTest, ManyReportsDoNotShiftTheMeasure) {
  RateMeter meter;
  meter.Restart(0, 0);
  for (int i = 1; i <= 100'000; ++i) meter.Record(i * 100, i);
  EXPECT_DOUBLE_EQ(meter.RatePerSecond(10 * kSecond), 10'000);
}

}  // namespace
}  // namespace lakehouse::search
