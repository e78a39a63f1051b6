#include "ingest/value_syntax.h"

#include <gtest/gtest.h>

namespace lakehouse::ingest {
namespace {

bool IsInt(std::string_view text) {
  const auto shape = ParseNumber(text);
  return shape && IsExactInt64(text, *shape);
}

bool IsDouble(std::string_view text) {
  const auto shape = ParseNumber(text);
  return shape && IsExactDouble(text, *shape);
}

TEST(ValueSyntaxTest, IntegersAreThoseThatPrintTheSame) {
  for (const char* text : {"0", "7", "-7", "9223372036854775807", "-9223372036854775808"}) {
    EXPECT_TRUE(IsInt(text)) << text;
  }
  for (const char* text : {"", "-", "00", "007", "-0", "+7", "1.0", "1e3", "9223372036854775808",
                           "-9223372036854775809", "1,000", " 1", "0x10", "1_000"}) {
    EXPECT_FALSE(IsInt(text)) << text;
  }
}

TEST(ValueSyntaxTest, DoublesAreThoseThatKeepTheValue) {
  for (const char* text :
       {"0.5", ".5", "-.5", "-0.0", "1.50", "0.1", "0.30000000000000004", "1.5e-05",
        "0.10000000000000000000", "123456789012345", "1e22", "-1.7976931348623157e308"}) {
    EXPECT_TRUE(IsDouble(text)) << text;
  }
  for (const char* text :
       {"", ".", "1.", "-", "e5", "1e", "1.2.3", "0.1234567890123456789", "1e400", "1e-400",
        "12345678901234567890", "9007199254740993", "NaN", "inf"}) {
    EXPECT_FALSE(IsDouble(text)) << text;
  }
}

TEST(ValueSyntaxTest, CountsDigits) {
  const auto shape = ParseNumber("-0012.3400");
  ASSERT_TRUE(shape);
  EXPECT_TRUE(shape->negative);
  EXPECT_FALSE(shape->canonical_integer_part);
  EXPECT_EQ(shape->integer_digits, 4);
  EXPECT_EQ(shape->scale, 4);
  EXPECT_EQ(shape->significant_digits, 6);
}

TEST(ValueSyntaxTest, ReadsDatesByShape) {
  const auto iso = ParseDateShape("2024-02-29");
  ASSERT_TRUE(iso);
  EXPECT_TRUE(iso->iso);
  const auto slashes = ParseDateShape("3/14/2024");
  ASSERT_TRUE(slashes);
  EXPECT_FALSE(slashes->year_first);
  EXPECT_EQ(slashes->second, 14);
  EXPECT_TRUE(ParseDateShape("2024/3/4")->year_first);
  for (const char* text : {"2024-2", "2024-02/29", "20240229", "1-2-24", "123-4-2024",
                           "2024-02-290", "a-b-2024", "2024--01", "555-12-3456"}) {
    EXPECT_FALSE(ParseDateShape(text)) << text;
  }
}

TEST(ValueSyntaxTest, KnowsTheCalendar) {
  EXPECT_TRUE(IsCalendarDay(2024, 2, 29));
  EXPECT_TRUE(IsCalendarDay(2000, 2, 29));
  EXPECT_FALSE(IsCalendarDay(1900, 2, 29));
  EXPECT_FALSE(IsCalendarDay(2023, 2, 29));
  EXPECT_FALSE(IsCalendarDay(2023, 4, 31));
  EXPECT_FALSE(IsCalendarDay(0, 1, 1));
  EXPECT_FALSE(IsCalendarDay(2023, 13, 1));
}

TEST(ValueSyntaxTest, TellsTimestampsWithZoneFromThoseWithout) {
  for (const char* text :
       {"2024-01-02 03:04", "2024-01-02T03:04:05", "2024-01-02 03:04:05.123456"}) {
    EXPECT_EQ(ParseTimestampForm(text), TimestampForm::kLocal) << text;
  }
  for (const char* text : {"2024-01-02T03:04:05Z", "2024-01-02 03:04:05.5+02",
                           "2024-01-02 03:04:05-0330", "2024-01-02 03:04:05+05:30"}) {
    EXPECT_EQ(ParseTimestampForm(text), TimestampForm::kZoned) << text;
  }
  for (const char* text :
       {"2024-01-02", "2024-01-02 24:00:00", "2024-01-02 03:60", "2024-02-30 01:00",
        "2024-01-02 03:04:05.1234567", "2024-01-02 03:04:05+", "2024-01-02 03:04Z",
        "2024-01-02 03:04:05+02:", "2024-01-02  03:04:05", "03:04:05"}) {
    EXPECT_EQ(ParseTimestampForm(text), TimestampForm::kNone) << text;
  }
}

}  // namespace
}  // namespace lakehouse::ingest
