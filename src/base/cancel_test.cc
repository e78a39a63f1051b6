#include "base/cancel.h"

#include <limits>

#include <gtest/gtest.h>

namespace lakehouse {
namespace {

TEST(CancelTokenTest, CopiesShareTheRequest) {
  CancelToken token;
  const CancelToken copy = token;
  EXPECT_TRUE(copy.Check().ok());
  EXPECT_FALSE(copy.stopped());
  token.Cancel();
  EXPECT_EQ(copy.Check().code(), StatusCode::kCancelled);
  EXPECT_TRUE(copy.stopped());
}

TEST(CancelTokenTest, StopsAtTheDeadline) {
  ManualClock clock({5'000'000});
  const CancelToken token = CancelToken::WithTimeout(10, clock);
  clock.AdvanceMicros(9'999);
  EXPECT_TRUE(token.Check().ok());
  clock.AdvanceMicros(1);
  EXPECT_EQ(token.Check().code(), StatusCode::kDeadlineExceeded);
}

TEST(CancelTokenTest, CancelWinsOverThePassedDeadline) {
  ManualClock clock;
  CancelToken token = CancelToken::WithTimeout(1, clock);
  clock.AdvanceMicros(2'000);
  token.Cancel();
  EXPECT_EQ(token.Check().code(), StatusCode::kCancelled);
}

TEST(CancelTokenTest, ZeroAndTheLongestTimeoutNeverPass) {
  ManualClock clock({1});
  const CancelToken none = CancelToken::WithTimeout(0, clock);
  const CancelToken longest = CancelToken::WithTimeout(std::numeric_limits<int64_t>::max(), clock);
  clock.AdvanceMicros(int64_t{1} << 60);
  EXPECT_TRUE(none.Check().ok());
  EXPECT_TRUE(longest.Check().ok());
}

TEST(CancelTokenTest, AChildStopsWithItsParentOrByItself) {
  ManualClock clock;
  CancelToken parent;
  CancelToken child = parent.Child(100, clock);
  const CancelToken other = parent.Child(0, clock);
  EXPECT_FALSE(child.stopped());
  clock.AdvanceMicros(100'000);
  EXPECT_EQ(child.Check().code(), StatusCode::kDeadlineExceeded);
  EXPECT_FALSE(parent.stopped());
  EXPECT_FALSE(other.stopped());
  parent.Cancel();
  EXPECT_EQ(other.Check().code(), StatusCode::kCancelled);
}

}  // namespace
}  // namespace lakehouse
