#include "ai/remote/circuit_breaker.h"

#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lakehouse::ai {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kMillisecond = 1'000;

class CircuitBreakerTest : public ::testing::Test {
 protected:
  void Fail(int times) {
    for (int i = 0; i < times; ++i) {
      Result<CircuitBreaker::Pass> pass = breaker_.Admit();
      ASSERT_TRUE(pass.ok());
      pass->Failed(Unavailable("connection refused"));
    }
  }
  bool IsAdmitted() {
    const Result<CircuitBreaker::Pass> pass = breaker_.Admit();
    EXPECT_TRUE(pass.ok() || pass.status().code() == StatusCode::kUnavailable);
    return pass.ok();
  }

  ManualClock clock_{Timestamp{1'700'000'000'000'000}};
  Gauge state_;
  CircuitBreaker breaker_{
      {.failures_to_open = 3, .first_open_ms = 100, .max_open_ms = 350}, clock_, &state_};
};

TEST_F(CircuitBreakerTest, OpensAfterConsecutiveFailuresAndSaysSinceWhenAndWhy) {
  Fail(2);
  EXPECT_TRUE(IsAdmitted());
  EXPECT_EQ(state_.value(), 0);
  Fail(1);
  const Status refused = breaker_.Admit().status();
  EXPECT_EQ(refused.code(), StatusCode::kUnavailable);
  EXPECT_THAT(refused.message(), HasSubstr(FormatTimestamp({1'700'000'000'000'000})));
  EXPECT_THAT(refused.message(), HasSubstr("3 attempts; the last: connection refused"));
  EXPECT_THAT(refused.message(), HasSubstr("again in 101 ms"));
  EXPECT_EQ(state_.value(), 1);
}

TEST_F(CircuitBreakerTest, AnAnswerInBetweenBeginsTheCountAnew) {
  Fail(2);
  breaker_.Admit()->Reached();
  Fail(2);
  EXPECT_TRUE(IsAdmitted());
}

TEST_F(CircuitBreakerTest, RequestsThatWereGivenUpDoNotCount) {
  Fail(2);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(IsAdmitted());
}

TEST_F(CircuitBreakerTest, LetsOneProbeThroughAndClosesWhenItIsAnswered) {
  Fail(3);
  clock_.AdvanceMicros(100 * kMillisecond - 1);
  EXPECT_FALSE(IsAdmitted());
  clock_.AdvanceMicros(1);
  {
    Result<CircuitBreaker::Pass> probe = breaker_.Admit();
    ASSERT_TRUE(probe.ok());
    EXPECT_EQ(state_.value(), 2);
    EXPECT_THAT(breaker_.Admit().status().message(), HasSubstr("being tried again now"));
    probe->Reached();
  }
  EXPECT_EQ(state_.value(), 0);
  EXPECT_TRUE(IsAdmitted());
  EXPECT_TRUE(IsAdmitted());
}

TEST_F(CircuitBreakerTest, EachProbeThatFailsDoublesTheWaitUpToItsLimit) {
  Fail(3);
  for (const int64_t wait_ms : {100, 200, 350, 350}) {
    clock_.AdvanceMicros(wait_ms * kMillisecond - 1);
    EXPECT_FALSE(IsAdmitted()) << wait_ms;
    clock_.AdvanceMicros(1);
    Fail(1);
  }
  breaker_.NoteReached();
  Fail(3);
  clock_.AdvanceMicros(100 * kMillisecond);
  EXPECT_TRUE(IsAdmitted()) << "the wait begins anew after the server was reached";
}

TEST_F(CircuitBreakerTest, AProbeThatIsGivenUpLetsTheNextOneThrough) {
  Fail(3);
  clock_.AdvanceMicros(100 * kMillisecond);
  EXPECT_TRUE(IsAdmitted());
  EXPECT_EQ(state_.value(), 1);
  EXPECT_TRUE(IsAdmitted());
}

TEST_F(CircuitBreakerTest, AnAnswerToARequestFromBeforeClosesIt) {
  Result<CircuitBreaker::Pass> early = breaker_.Admit();
  Fail(3);
  EXPECT_FALSE(IsAdmitted());
  early->Reached();
  EXPECT_TRUE(IsAdmitted());
}

TEST_F(CircuitBreakerTest, OneProbeAtATimeWhoeverComes) {
  Fail(3);
  clock_.AdvanceMicros(100 * kMillisecond);
  std::atomic<int> admitted = 0;
  std::atomic<int> arrived = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      Result<CircuitBreaker::Pass> pass = breaker_.Admit();
      admitted += pass.ok();
      ++arrived;
      while (arrived < 8) std::this_thread::yield();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(admitted, 1);
}

}  // namespace
}  // namespace lakehouse::ai
