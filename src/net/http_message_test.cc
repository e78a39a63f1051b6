#include "net/http_message.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace lakehouse::net {
namespace {

TEST(HeadersTest, NamesCompareWithoutCaseAndTheFirstWins) {
  Headers headers;
  headers.Set("Content-Type", "a");
  headers.Set("content-type", "b");
  headers.Add("X", "1");
  headers.Add("x", "2");
  EXPECT_EQ(headers.Get("CONTENT-TYPE"), "b");
  EXPECT_EQ(headers.Get("X"), "1");
  EXPECT_EQ(headers.Get("Y"), std::nullopt);
  EXPECT_EQ(headers.all().size(), 3u);
}

TEST(MethodTest, NamesRoundTripAndOthersAreOther) {
  for (const Method method : {Method::kGet, Method::kHead, Method::kPost, Method::kPut,
                              Method::kPatch, Method::kDelete}) {
    EXPECT_EQ(ParseMethod(MethodName(method)), method);
  }
  EXPECT_EQ(ParseMethod("OPTIONS"), Method::kOther);
  EXPECT_EQ(ParseMethod("get"), Method::kOther);
}

TEST(PercentDecodeTest, DecodesOnce) {
  EXPECT_EQ(*PercentDecode("a%2Fb%252e+c", false), "a/b%2e+c");
  EXPECT_EQ(*PercentDecode("a+b%2B", true), "a b+");
  EXPECT_EQ(*PercentDecode("", false), "");
  EXPECT_EQ(*PercentDecode("%C3%A9", false), "é");
}

TEST(PercentDecodeTest, RefusesBadEscapesAndNul) {
  for (const char* bad : {"%", "%4", "%zz", "a%0", "%00", "%-1", "% 1"}) {
    EXPECT_EQ(PercentDecode(bad, false).status().code(), StatusCode::kInvalidArgument) << bad;
  }
}

TEST(PercentEncodeTest, IsUndoneByDecoding) {
  constexpr uint64_t kSeed = 20261123;
  SCOPED_TRACE(kSeed);
  Rng rng(kSeed);
  for (int round = 0; round < 1'000; ++round) {
    std::string text;
    for (uint64_t i = rng.Below(20); i > 0; --i) {
      text.push_back(static_cast<char>(1 + rng.Below(255)));
    }
    EXPECT_EQ(*PercentDecode(PercentEncode(text), false), text);
    EXPECT_EQ(*PercentDecode(PercentEncode(text), true), text);
  }
}

TEST(ParseTargetTest, SplitsPathAndQuery) {
  Request request;
  ASSERT_TRUE(ParseTarget("/a%20b/c?x=1&y=a+b%26&x=2&flag&=empty", request).ok());
  EXPECT_EQ(request.path, "/a b/c");
  EXPECT_EQ(request.QueryParam("x"), "1");
  EXPECT_EQ(request.QueryParam("y"), "a b&");
  EXPECT_EQ(request.QueryParam("flag"), "");
  EXPECT_EQ(request.QueryParam("none"), std::nullopt);
  EXPECT_EQ(request.query.count("x"), 2u);
}

TEST(ParseTargetTest, DropsTheAuthorityOfAnAbsoluteTarget) {
  Request request;
  ASSERT_TRUE(ParseTarget("http://localhost:3100/a?b=c", request).ok());
  EXPECT_EQ(request.path, "/a");
  EXPECT_EQ(request.QueryParam("b"), "c");
  ASSERT_TRUE(ParseTarget("HTTP://localhost", request).ok());
  EXPECT_EQ(request.path, "/");
}

TEST(ParseTargetTest, RefusesWhatCouldEscapeItsRoot) {
  for (const char* bad :
       {"", "a", "*", "//../x", "/..", "/../a", "/a/..", "/%2e%2e/a", "/a%2F..%2Fb", "/./a", "/a/.",
        "/a\\b", "/a%5Cb", "/%00", "/%ff", "/#a", "/a?b=%", "/a?%ff=1"}) {
    Request request;
    EXPECT_EQ(ParseTarget(bad, request).code(), StatusCode::kInvalidArgument) << bad;
  }
}

TEST(ParseTargetTest, KeepsDotsThatAreNoSegment) {
  Request request;
  ASSERT_TRUE(ParseTarget("/a..b/...", request).ok());
  EXPECT_EQ(request.path, "/a..b/...");
}

}  // namespace
}  // namespace lakehouse::net
