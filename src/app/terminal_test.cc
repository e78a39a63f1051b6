#include "app/terminal.h"

#include <gtest/gtest.h>

namespace lakehouse::app {
namespace {

TEST(FormatDurationTest, PicksTheUnit) {
  EXPECT_EQ(FormatDuration(3.4), "3 s");
  EXPECT_EQ(FormatDuration(245), "4 min 05 s");
  EXPECT_EQ(FormatDuration(7'800), "2 h 10 min");
}

TEST(FormatCountTest, GroupsThousands) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(1'000), "1,000");
  EXPECT_EQ(FormatCount(12'345'678), "12,345,678");
}

}  // namespace
}  // namespace lakehouse::app
