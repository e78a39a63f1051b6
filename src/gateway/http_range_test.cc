#include "gateway/http_range.h"

#include <string>

#include <gtest/gtest.h>

#include "base/strings.h"

namespace lakehouse::gateway {
namespace {

std::string Resolve(std::string_view header, uint64_t size_bytes) {
  const RangeAnswer answer = ResolveRange(header, size_bytes);
  if (answer.kind == RangeAnswer::Kind::kWhole) return "whole";
  if (answer.kind == RangeAnswer::Kind::kUnsatisfiable) return "416";
  return StrCat(answer.first, "-", answer.last);
}

TEST(HttpRangeTest, ReadsTheThreeForms) {
  EXPECT_EQ(Resolve("bytes=0-0", 10), "0-0");
  EXPECT_EQ(Resolve("bytes=2-5", 10), "2-5");
  EXPECT_EQ(Resolve("bytes=2-", 10), "2-9");
  EXPECT_EQ(Resolve("bytes=-3", 10), "7-9");
  EXPECT_EQ(Resolve("Bytes = 2 - 5 ", 10), "2-5");
}

TEST(HttpRangeTest, CutsAtTheEnd) {
  EXPECT_EQ(Resolve("bytes=8-100", 10), "8-9");
  EXPECT_EQ(Resolve("bytes=-100", 10), "0-9");
  EXPECT_EQ(Resolve("bytes=9-99999999999999999999999999", 10), "9-9");
}

TEST(HttpRangeTest, RefusesWhatLiesBehindTheEnd) {
  EXPECT_EQ(Resolve("bytes=10-", 10), "416");
  EXPECT_EQ(Resolve("bytes=99999999999999999999999999-", 10), "416");
  EXPECT_EQ(Resolve("bytes=-0", 10), "416");
  EXPECT_EQ(Resolve("bytes=0-", 0), "416");
  EXPECT_EQ(Resolve("bytes=-1", 0), "416");
}

TEST(HttpRangeTest, IgnoresWhatIsNoSingleRange) {
  for (const std::string_view header : {"", "bytes", "bytes=", "bytes=-", "bytes=5-2", "bytes=a-b",
                                        "bytes=1-2,4-5", "items=1-2", "bytes=1", "bytes=+1-2"}) {
    EXPECT_EQ(Resolve(header, 10), "whole") << header;
  }
}

}  // namespace
}  // namespace lakehouse::gateway
