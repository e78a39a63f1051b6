#include "base/clock.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace lakehouse {
namespace {

struct TimestampCase {
  int64_t micros;
  const char* text;
};

class TimestampTest : public ::testing::TestWithParam<TimestampCase> {};

TEST_P(TimestampTest, FormatsAndReadsBack) {
  EXPECT_EQ(FormatTimestamp({GetParam().micros}), GetParam().text);
  const Result<Timestamp> parsed = ParseTimestamp(GetParam().text);
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  EXPECT_EQ(parsed->micros, GetParam().micros);
}

INSTANTIATE_TEST_SUITE_P(
    Times, TimestampTest,
    ::testing::Values(TimestampCase{0, "1970-01-01T00:00:00.000000Z"},
                      TimestampCase{-1, "1969-12-31T23:59:59.999999Z"},
                      TimestampCase{1795454717'000000, "2026-11-23T17:25:17.000000Z"},
                      TimestampCase{951782400'000001, "2000-02-29T00:00:00.000001Z"},
                      TimestampCase{-62167219200'000000, "0000-01-01T00:00:00.000000Z"},
                      TimestampCase{253402300799'999999, "9999-12-31T23:59:59.999999Z"}));

TEST(TimestampTest, ReadsNothingElse) {
  for (const char* text : {"", "2026-11-23", "2026-11-23T17:25:17Z", "2026-11-23T17:25:17.000000",
                           "now", "2026-02-29T00:00:00.000000Z", "2026-11-23T24:00:00.000000Z",
                           "2026-11-23T17:25:17.000000Zx", " 2026-11-23T17:25:17.000000Z",
                           "2026-11-23 17:25:17.000000Z", "2026-11-23T17:25:60.000000Z",
                           "2026-11-23T17:25:17.-00001Z"}) {
    EXPECT_EQ(ParseTimestamp(text).status().code(), StatusCode::kInvalidArgument) << text;
  }
}

TEST(TimestampTest, RandomTimesKeepTheirValueAndOrder) {
  constexpr uint64_t kSeed = 5;
  SCOPED_TRACE(StrCat("seed ", kSeed));
  Rng rng(kSeed);
  constexpr uint64_t kSpan = 253402300800'000000;
  Timestamp last{static_cast<int64_t>(rng.Below(kSpan))};
  for (int round = 0; round < 2'000; ++round) {
    const Timestamp time{static_cast<int64_t>(rng.Below(kSpan))};
    const std::string text = FormatTimestamp(time);
    const Result<Timestamp> parsed = ParseTimestamp(text);
    ASSERT_TRUE(parsed.ok()) << text;
    ASSERT_EQ(*parsed, time) << text;
    ASSERT_EQ(time < last, text < FormatTimestamp(last)) << text;
    last = time;
  }
}

TEST(ClockTest, SystemClockMovesForward) {
  const Clock& clock = Clock::System();
  EXPECT_GT(clock.Now(), Timestamp{1'700'000'000'000'000});
  const int64_t before = clock.MonotonicMicros();
  EXPECT_GE(clock.MonotonicMicros(), before);
}

TEST(ManualClockTest, MovesOnlyWhenTold) {
  ManualClock clock({1'000});
  EXPECT_EQ(clock.Now().micros, 1'000);
  clock.AdvanceMicros(5);
  EXPECT_EQ(clock.Now().micros, 1'005);
  EXPECT_EQ(clock.MonotonicMicros(), 1'005);
}

}  // namespace
}  // namespace lakehouse
