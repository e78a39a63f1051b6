#include "ai/remote/retry_policy.h"

#include <atomic>
#include <chrono>
#include <thread>

#include <gtest/gtest.h>

namespace lakehouse::ai {
namespace {

TEST(RetryPolicyTest, BackOffDoublesUpToItsLimitAndKeepsHalfOfItRandom) {
  const RetryPolicy policy{.first_wait_ms = 100, .max_wait_ms = 1'000};
  Rng rng(7);
  const int64_t whole[] = {100, 200, 400, 800, 1'000, 1'000};
  for (int64_t retry = 0; retry < 6; ++retry) {
    int64_t least = INT64_MAX;
    int64_t most = 0;
    for (int i = 0; i < 1'000; ++i) {
      const int64_t wait = BackOffMs(policy, retry, rng);
      least = std::min(least, wait);
      most = std::max(most, wait);
    }
    EXPECT_GE(least, whole[retry] / 2);
    EXPECT_LT(least, whole[retry] * 6 / 10) << "the lower end is never taken";
    EXPECT_LE(most, whole[retry]);
    EXPECT_GT(most, whole[retry] * 9 / 10) << "the upper end is never taken";
  }
  EXPECT_LE(BackOffMs(policy, 1'000'000, rng), 1'000);
  EXPECT_EQ(BackOffMs({.first_wait_ms = 0}, 3, rng), 0);
}

TEST(RetryPolicyTest, ReadsRetryAfterInSeconds) {
  const auto read = [](std::string_view value) {
    net::Headers headers;
    headers.Add("Retry-After", value);
    return RetryAfterMs(headers);
  };
  EXPECT_EQ(read("3"), 3'000);
  EXPECT_EQ(read(" 0 "), 0);
  EXPECT_EQ(read("99999999999"), 1'000'000'000);
  for (const char* value :
       {"", "-1", "1.5", "soon", "Sun, 06 Nov 1994 08:49:37 GMT", "99999999999999999999999"}) {
    EXPECT_EQ(read(value), std::nullopt) << value;
  }
  EXPECT_EQ(RetryAfterMs({}), std::nullopt);
}

TEST(RetryPolicyTest, APauseLastsAsLongAsItsClockSays) {
  ManualClock clock;
  std::atomic<bool> ended = false;
  std::thread waiting([&] {
    EXPECT_TRUE(Pause(60'000, clock, CancelToken()).ok());
    ended = true;
  });
  clock.AdvanceMicros(59'999'000);
  std::this_thread::sleep_for(std::chrono::milliseconds(40));
  EXPECT_FALSE(ended);
  // The pause began at any time before or after the first step.
  while (!ended) clock.AdvanceMicros(1'000);
  waiting.join();
}

TEST(RetryPolicyTest, ACancelledPauseEndsAtOnce) {
  ManualClock clock;
  CancelToken cancel;
  std::thread stopper([cancel]() mutable { cancel.Cancel(); });
  EXPECT_EQ(Pause(60'000, clock, cancel).code(), StatusCode::kCancelled);
  stopper.join();
  EXPECT_EQ(Pause(0, clock, CancelToken()).code(), StatusCode::kOk);
}

}  // namespace
}  // namespace lakehouse::ai
