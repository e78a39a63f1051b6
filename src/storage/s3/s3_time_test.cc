#include "storage/s3/s3_time.h"

#include <gtest/gtest.h>

namespace lakehouse::storage {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr Timestamp kExample{1'369'353'600 * kSecond};  // 2013-05-24T00:00:00Z

TEST(S3TimeTest, FormatsWhatIsSigned) {
  EXPECT_EQ(FormatAmzTime(kExample), "20130524T000000Z");
  EXPECT_EQ(FormatAmzTime({kExample.micros + 3'723 * kSecond + 999'999}), "20130524T010203Z");
}

TEST(S3TimeTest, ReadsHttpDates) {
  EXPECT_EQ(ParseHttpDate("Fri, 24 May 2013 00:00:00 GMT"), kExample);
  EXPECT_EQ(ParseHttpDate("Thu, 29 Feb 2024 23:59:59 GMT"), (Timestamp{1'709'251'199 * kSecond}));
  for (const char* bad : {"", "Fri, 24 May 2013 00:00:00", "Fri, 24 Mai 2013 00:00:00 GMT",
                          "Fri, 31 Feb 2013 00:00:00 GMT", "Fri, 24 May 2013 24:00:00 GMT",
                          "Fri, 24 May 2013 00-00-00 GMT", "Fri, -4 May 2013 00:00:00 GMT",
                          "Friday, 24-May-13 00:00:00 GMT"}) {
    EXPECT_EQ(ParseHttpDate(bad), std::nullopt) << bad;
  }
}

TEST(S3TimeTest, ReadsIsoTimesToTheSecond) {
  EXPECT_EQ(ParseIsoTime("2013-05-24T00:00:00Z"), kExample);
  EXPECT_EQ(ParseIsoTime("2013-05-24T00:00:00.999Z"), kExample);
  EXPECT_EQ(ParseIsoTime("2013-05-24T00:00:00.123456789Z"), kExample);
  for (const char* bad : {"", "2013-05-24", "2013-05-24T00:00:00", "2013-05-24T00:00:00+01:00",
                          "2013-13-24T00:00:00Z", "2013-05-24T00:00:00.Z",
                          "2013-05-24T00:00:00.1x2Z", "2013/05/24T00:00:00Z", "20130524T000000Z"}) {
    EXPECT_EQ(ParseIsoTime(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace lakehouse::storage
