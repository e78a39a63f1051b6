#include "storage/s3/sigv4.h"

#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/strings.h"
#include "storage/s3/s3_time.h"
#include "storage/s3/s3_uri.h"

namespace lakehouse::storage {
namespace {

// The examples of the Amazon S3 API reference, "Examples: Signature Calculations".
class SigV4Test : public ::testing::Test {
 protected:
  std::string Sign(std::string_view method, std::string_view key, const S3Query& query,
                   const std::string& payload_hash, net::Headers headers = {}) {
    headers.Set("Host", "examplebucket.s3.amazonaws.com");
    headers.Set("x-amz-content-sha256", payload_hash);
    const S3Credentials credentials{
        .access_key_id = "AKIAIOSFODNN7EXAMPLE",
        .secret_access_key = Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        .session_token = {}};
    const SigningScope scope{.region = "us-east-1", .time = *ParseIsoTime("2013-05-24T00:00:00Z")};
    SignRequest({.method = method,
                 .path = StrCat("/", EncodeKey(key)),
                 .query = EncodeQuery(query),
                 .payload_hash = payload_hash},
                scope, credentials, headers);
    EXPECT_EQ(headers.Get("x-amz-date"), "20130524T000000Z");
    const std::string authorization(headers.Get("authorization").value_or(""));
    EXPECT_TRUE(authorization.starts_with(
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        "SignedHeaders="))
        << authorization;
    return authorization.substr(authorization.rfind('=') + 1);
  }
  const std::string empty_hash_ = Sha256Hex("");
};

TEST_F(SigV4Test, SignsAGetWithARange) {
  net::Headers headers;
  headers.Set("Range", "bytes=0-9");
  EXPECT_EQ(Sign("GET", "test.txt", {}, empty_hash_, headers),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST_F(SigV4Test, SignsAPutWhoseKeyNeedsEncoding) {
  net::Headers headers;
  headers.Set("Date", "Fri, 24 May 2013 00:00:00 GMT");
  headers.Set("x-amz-storage-class", "REDUCED_REDUNDANCY");
  EXPECT_EQ(Sign("PUT", "test$file.text", {}, Sha256Hex("Welcome to Amazon S3."), headers),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST_F(SigV4Test, SignsAParameterWithoutAValue) {
  EXPECT_EQ(Sign("GET", "", {{"lifecycle", ""}}, empty_hash_),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
}

TEST_F(SigV4Test, SortsParameters) {
  EXPECT_EQ(Sign("GET", "", {{"prefix", "J"}, {"max-keys", "2"}}, empty_hash_),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

// Cases of AWS's published suite for Signature Version 4.
TEST_F(SigV4Test, AgreesWithThePublishedSuite) {
  const auto sign = [&](std::string_view method, std::string_view path, const S3Query& query,
                        net::Headers headers = {}) {
    headers.Set("Host", "example.amazonaws.com");
    const S3Credentials credentials{
        .access_key_id = "AKIDEXAMPLE",
        .secret_access_key = Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        .session_token = {}};
    SignRequest(
        {.method = method, .path = path, .query = EncodeQuery(query), .payload_hash = empty_hash_},
        {.region = "us-east-1",
         .service = "service",
         .time = *ParseIsoTime("2015-08-30T12:36:00Z")},
        credentials, headers);
    const std::string authorization(headers.Get("Authorization").value_or(""));
    return authorization.substr(authorization.rfind('=') + 1);
  };
  EXPECT_EQ(sign("GET", "/", {}),
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
  EXPECT_EQ(sign("POST", "/", {}),
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
  EXPECT_EQ(sign("GET", StrCat("/", EncodeKey("ሴ")), {}),
            "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85");
  EXPECT_EQ(sign("GET", "/", {{"Param2", "value2"}, {"Param1", "value1"}}),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
  net::Headers spaced;
  spaced.Set("My-Header1", " value1");
  spaced.Set("My-Header2", " \"a   b   c\"");
  EXPECT_EQ(sign("GET", "/", {}, spaced),
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736");
}

TEST_F(SigV4Test, SignsTheSessionToken) {
  const auto sign = [&](const std::string& token) {
    net::Headers headers;
    headers.Set("host", "h");
    SignRequest({.method = "GET", .path = "/", .query = "", .payload_hash = empty_hash_},
                {.region = "r", .time = {}},
                {.access_key_id = "id",
                 .secret_access_key = Secret("secret"),
                 .session_token = Secret(token)},
                headers);
    EXPECT_EQ(headers.Get("x-amz-security-token").value_or(""), token);
    return std::string(headers.Get("authorization").value_or(""));
  };
  EXPECT_NE(sign("token").find("SignedHeaders=host;x-amz-date;x-amz-security-token,"),
            std::string::npos);
  EXPECT_NE(sign("token"), sign("other"));
  EXPECT_NE(sign("").find("SignedHeaders=host;x-amz-date,"), std::string::npos);
}

TEST_F(SigV4Test, AnonymousRequestsCarryNothing) {
  net::Headers headers;
  headers.Set("host", "h");
  SignRequest({.method = "GET", .path = "/", .query = "", .payload_hash = empty_hash_},
              {.region = "r", .time = {}}, {}, headers);
  EXPECT_EQ(headers.all().size(), 1u);
}

}  // namespace
}  // namespace lakehouse::storage
