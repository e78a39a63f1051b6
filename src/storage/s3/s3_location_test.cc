#include <gtest/gtest.h>

#include "base/strings.h"
#include "storage/s3/s3_store.h"

namespace lakehouse::storage {
namespace {

BucketConfig Config() {
  BucketConfig config;
  config.name = "s3:lake";
  config.backend = "s3";
  config.bucket = "lake";
  config.endpoint = "https://minio.example:9000";
  return config;
}

S3Location Read(const BucketConfig& config) {
  const auto location = S3Location::FromConfig(config);
  EXPECT_TRUE(location.ok()) << location.status().ToString();
  return location.value_or({});
}

std::string Refusal(const BucketConfig& config) {
  const auto location = S3Location::FromConfig(config);
  EXPECT_EQ(location.status().code(), StatusCode::kInvalidArgument);
  return location.status().message();
}

TEST(S3LocationTest, TakesAnEndpointInAnyDress) {
  for (const char* endpoint : {"https://minio.example:9000", "https://minio.example:9000/",
                               "HTTPS://MinIO.Example:9000//"}) {
    BucketConfig config = Config();
    config.endpoint = endpoint;
    EXPECT_EQ(Read(config).endpoint, "https://minio.example:9000") << endpoint;
  }
  BucketConfig config = Config();
  config.endpoint = "https://minio.example:443";
  EXPECT_EQ(Read(config).endpoint, "https://minio.example");
  config.endpoint = "https://[2001:DB8:0::1]:9000";
  EXPECT_EQ(Read(config).endpoint, "https://[2001:db8::1]:9000");
  config.endpoint = "https://[2001:db8::1]";
  EXPECT_EQ(Read(config).endpoint, "https://[2001:db8::1]");
  config.endpoint = "http://localhost:80";
  EXPECT_EQ(Read(config).endpoint, "http://localhost");
}

TEST(S3LocationTest, RefusesWhatIsNoEndpoint) {
  for (const char* endpoint : {"minio:9000",         "ftp://minio",        "https://",
                               "https:///",          "https://minio/lake", "https://minio?x=1",
                               "https://minio#x",    "https://minio:0",    "https://minio:65536",
                               "https://minio:port", "https://minio:",     "https://mi nio",
                               "https://..",         "https://-x",         "https://[::1",
                               "https://[::1]x",     "https://[1.2.3.4]",  "https://[::1]:x",
                               "https://a\\b",       "https://a_b",        "http:/x",
                               "https://\xc3\xa9"}) {
    BucketConfig config = Config();
    config.endpoint = endpoint;
    EXPECT_NE(Refusal(config).find("endpoint"), std::string::npos) << endpoint;
  }
}

TEST(S3LocationTest, RefusesAUserWithoutRepeatingIt) {
  BucketConfig config = Config();
  config.endpoint = "https://admin:hunter2@minio:9000";
  const std::string message = Refusal(config);
  EXPECT_EQ(message.find("hunter2"), std::string::npos) << message;
  EXPECT_NE(message.find("credentials"), std::string::npos) << message;
}

TEST(S3LocationTest, RefusesLinkLocalAddresses) {
  for (const char* endpoint :
       {"http://169.254.169.254", "https://169.254.0.1:9000", "https://[fe80::1]",
        "https://[febf::1]:9000", "https://[::ffff:169.254.169.254]"}) {
    BucketConfig config = Config();
    config.endpoint = endpoint;
    config.allow_http = true;
    EXPECT_NE(Refusal(config).find("link-local"), std::string::npos) << endpoint;
  }
}

TEST(S3LocationTest, SendsInTheClearOnlyToThisMachine) {
  for (const char* endpoint : {"http://127.0.0.1:9000", "http://127.8.9.1", "http://localhost",
                               "http://lake.localhost:1", "http://[::1]:9000"}) {
    BucketConfig config = Config();
    config.endpoint = endpoint;
    Read(config);
    config.allow_http = false;
    EXPECT_NE(Refusal(config).find("allow_http"), std::string::npos) << endpoint;
  }
  for (const char* endpoint : {"http://minio:9000", "http://128.0.0.1", "http://127.0.0.1.evil.com",
                               "http://localhost.evil.com", "http://[::2]"}) {
    BucketConfig config = Config();
    config.endpoint = endpoint;
    EXPECT_NE(Refusal(config).find("allow_http"), std::string::npos) << endpoint;
    config.allow_http = true;
    Read(config);
  }
}

TEST(S3LocationTest, FindsAwsByItsRegion) {
  BucketConfig config = Config();
  config.endpoint = "";
  config.region = "eu-west-1";
  EXPECT_EQ(Read(config).endpoint, "https://s3.eu-west-1.amazonaws.com");
  EXPECT_FALSE(Read(config).path_style);
  config.region = "cn-north-1";
  EXPECT_EQ(Read(config).endpoint, "https://s3.cn-north-1.amazonaws.com.cn");
  // The certificate of *.s3.… covers no further dot.
  config.bucket = "my.lake";
  EXPECT_TRUE(Read(config).path_style);
}

TEST(S3LocationTest, UsesPathStyleExceptOnAws) {
  BucketConfig config = Config();
  EXPECT_TRUE(Read(config).path_style);
  config.path_style = false;
  EXPECT_FALSE(Read(config).path_style);
  for (const char* endpoint : {"https://10.0.0.1:9000", "https://[::1]:9000"}) {
    config.endpoint = endpoint;
    EXPECT_NE(Refusal(config).find("path_style"), std::string::npos);
  }
  config = Config();
  config.bucket = "Old_Bucket";
  config.path_style = false;
  EXPECT_NE(Refusal(config).find("path_style"), std::string::npos);
}

TEST(S3LocationTest, NormalisesThePrefix) {
  BucketConfig config = Config();
  EXPECT_EQ(Read(config).prefix, "");
  for (const char* prefix : {"a/b", "/a/b", "a/b/", "//a/b//"}) {
    config.prefix = prefix;
    EXPECT_EQ(Read(config).prefix, "a/b/") << prefix;
  }
  config.prefix = "/";
  EXPECT_EQ(Read(config).prefix, "");
  for (const char* prefix : {"a//b", "../x", "a/./b", "a\\b", "\xff"}) {
    config.prefix = prefix;
    EXPECT_NE(Refusal(config).find("prefix"), std::string::npos) << prefix;
  }
}

TEST(S3LocationTest, RefusesBadNamesOfBucketsAndRegions) {
  for (const std::string bucket :
       {"", "ab", "a/b", "a b", "..", "a..b", "-ab", "lake?x", std::string(64, 'a').c_str()}) {
    BucketConfig config = Config();
    config.bucket = bucket;
    EXPECT_NE(Refusal(config).find("bucket"), std::string::npos) << bucket;
  }
  for (const char* region : {"", "US EAST", "us/east", "us-east-1\n"}) {
    BucketConfig config = Config();
    config.region = region;
    EXPECT_NE(Refusal(config).find("region"), std::string::npos) << region;
  }
}

TEST(S3LocationTest, SaysWhereItIs) {
  BucketConfig config = Config();
  EXPECT_EQ(Read(config).ToString(), "s3://lake at https://minio.example:9000");
  config.prefix = "a/b";
  EXPECT_EQ(Read(config).ToString(), "s3://lake/a/b at https://minio.example:9000");
}

}  // namespace
}  // namespace lakehouse::storage
