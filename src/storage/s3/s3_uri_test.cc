#include "storage/s3/s3_uri.h"

#include <gtest/gtest.h>

#include "net/http_message.h"

namespace lakehouse::storage {
namespace {

TEST(S3UriTest, EncodesKeysSegmentBySegment) {
  EXPECT_EQ(EncodeKey("a/b.c-d_e~f"), "a/b.c-d_e~f");
  EXPECT_EQ(EncodeKey("a b+c%d"), "a%20b%2Bc%25d");
  EXPECT_EQ(EncodeKey("é/日"), "%C3%A9/%E6%97%A5");
  EXPECT_EQ(EncodeKey("?#&=:@,;!*'()"), "%3F%23%26%3D%3A%40%2C%3B%21%2A%27%28%29");
  EXPECT_EQ(EncodeKey(""), "");
  const std::string every_byte = [] {
    std::string text;
    for (int byte = 1; byte < 256; ++byte) text.push_back(static_cast<char>(byte));
    return text;
  }();
  EXPECT_EQ(net::PercentDecode(EncodeKey(every_byte), false).value_or(""), every_byte);
}

TEST(S3UriTest, EncodesAndSortsParameters) {
  EXPECT_EQ(EncodeQuery({}), "");
  EXPECT_EQ(EncodeQuery({{"uploads", ""}}), "uploads=");
  EXPECT_EQ(EncodeQuery({{"prefix", "a/b c"}, {"list-type", "2"}}), "list-type=2&prefix=a%2Fb%20c");
}

TEST(S3UriTest, AddressesBucketsByPathOrHost) {
  S3Location location{.endpoint = "http://localhost:9000",
                      .region = "us-east-1",
                      .bucket = "lake",
                      .prefix = "",
                      .path_style = true};
  S3Target target = TargetOf(location, "a b/c");
  EXPECT_EQ(target.host, "localhost:9000");
  EXPECT_EQ(target.path, "/lake/a%20b/c");
  EXPECT_EQ(target.url, "http://localhost:9000/lake/a%20b/c");
  EXPECT_EQ(TargetOf(location, "").url, "http://localhost:9000/lake");

  location.path_style = false;
  target = TargetOf(location, "a b/c");
  EXPECT_EQ(target.host, "lake.localhost:9000");
  EXPECT_EQ(target.path, "/a%20b/c");
  EXPECT_EQ(target.url, "http://lake.localhost:9000/a%20b/c");
  EXPECT_EQ(TargetOf(location, "").path, "/");
}

}  // namespace
}  // namespace lakehouse::storage
