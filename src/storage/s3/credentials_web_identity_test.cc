#include <atomic>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/byte_source.h"
#include "base/mutex.h"
#include "net/test_server.h"
#include "storage/s3/credentials_testing.h"
#include "support/temp_dir.h"

namespace lakehouse::storage {
namespace {

using ::testing::AllOf;
using testing::ExpectNoCanary;
using ::testing::HasSubstr;
using testing::kCanaryIdentity;
using testing::kCanarySecret;
using testing::kCanaryToken;
using testing::OpenOrDie;

constexpr int64_t kSecond = 1'000'000;

std::string GoodAnswer(std::string_view key, std::string_view expiration) {
  return StrCat(
      R"(<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">)",
      "<AssumeRoleWithWebIdentityResult><SubjectFromWebIdentityToken>lake",
      "</SubjectFromWebIdentityToken><Credentials><SessionToken>", kCanaryToken,
      "</SessionToken><SecretAccessKey>", kCanarySecret, "</SecretAccessKey><Expiration>",
      expiration, "</Expiration><AccessKeyId>", key,
      "</AccessKeyId></Credentials></AssumeRoleWithWebIdentityResult>",
      "</AssumeRoleWithWebIdentityResponse>");
}

std::string ErrorAnswer(std::string_view code) {
  return StrCat(R"(<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error>)",
                "<Type>Sender</Type><Code>", code, "</Code><Message>", kCanaryIdentity,
                "</Message></Error></ErrorResponse>");
}

// A token service on a real socket that answers what the test says and keeps what it was sent.
class WebIdentityTest : public ::testing::Test {
 protected:
  WebIdentityTest() {
    WriteToken(kCanaryIdentity);
    environment_.Set("AWS_WEB_IDENTITY_TOKEN_FILE", dir_.Join("token"));
    environment_.Set("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/lake+house");
    environment_.Set("AWS_ENDPOINT_URL_STS", net::testing::Url(*server_, "/"));
  }

  void WriteToken(std::string_view token) { std::ofstream(dir_.Join("token")) << token << "\n"; }
  void Answer(int status, std::string body) {
    const MutexLock lock(mutex_);
    status_ = status;
    body_ = std::move(body);
  }
  std::string LastForm() {
    const MutexLock lock(mutex_);
    return form_;
  }
  Status GetError() {
    const Status status = OpenOrDie("aws:web-identity", clock_)->Get().status();
    ExpectNoCanary(status.message());
    return status;
  }

  net::Response Serve(net::Request& request) {
    const Result<std::string> form = ReadAll(*request.body, 1 << 20);
    EXPECT_EQ(request.method, net::Method::kPost);
    const MutexLock lock(mutex_);
    ++asked_;
    form_ = form.value_or("");
    net::Response response;
    response.status = status_;
    response.body = body_;
    return response;
  }

  testing::CleanEnvironment environment_;
  lakehouse::testing::TempDir dir_;
  ManualClock clock_{*ParseTimestamp("2026-11-23T17:00:00.000000Z")};
  std::atomic<int> asked_{0};
  Mutex mutex_;
  int status_ GUARDED_BY(mutex_) = 200;
  std::string body_ GUARDED_BY(mutex_) = GoodAnswer("key", "2026-11-23T18:00:00Z");
  std::string form_ GUARDED_BY(mutex_);
  std::unique_ptr<net::HttpServer> server_ =
      net::testing::StartServer([this](net::Request& request) { return Serve(request); });
};

TEST_F(WebIdentityTest, TradesTheTokenForCredentials) {
  const auto credentials = OpenOrDie("aws:web-identity", clock_)->Get();
  ASSERT_TRUE(credentials.ok()) << credentials.status().ToString();
  EXPECT_EQ(credentials->access_key_id, "key");
  EXPECT_EQ(credentials->secret_access_key.Reveal(), kCanarySecret);
  EXPECT_EQ(credentials->session_token.Reveal(), kCanaryToken);
  EXPECT_EQ(LastForm(),
            StrCat("Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn="
                   "arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Flake%2Bhouse&RoleSessionName="
                   "lakehouse&WebIdentityToken=",
                   kCanaryIdentity));
}

TEST_F(WebIdentityTest, IsPartOfTheChain) {
  environment_.Set("AWS_ROLE_SESSION_NAME", "night shift");
  EXPECT_EQ(OpenOrDie("aws:chain", clock_)->Get()->access_key_id, "key");
  EXPECT_THAT(LastForm(), HasSubstr("RoleSessionName=night%20shift&"));
}

TEST_F(WebIdentityTest, ReadsTheTokenFileAtEveryRenewal) {
  const auto provider = OpenOrDie("aws:web-identity", clock_);
  EXPECT_EQ(provider->Get()->access_key_id, "key");
  WriteToken("second");
  clock_.AdvanceMicros(3'299 * kSecond);
  EXPECT_EQ(provider->Get()->access_key_id, "key");
  EXPECT_EQ(asked_, 1);
  // With a fraction, as some services write it.
  Answer(200, GoodAnswer("next", "2026-11-23T19:00:00.123456789Z"));
  clock_.AdvanceMicros(kSecond);
  EXPECT_EQ(provider->Get()->access_key_id, "next");
  EXPECT_THAT(LastForm(), ::testing::EndsWith("&WebIdentityToken=second"));
  EXPECT_EQ(asked_, 2);
}

TEST_F(WebIdentityTest, KeepsTheOldCredentialsWhileTheServiceRefuses) {
  const auto provider = OpenOrDie("aws:web-identity", clock_);
  EXPECT_EQ(provider->Get()->access_key_id, "key");
  Answer(403, ErrorAnswer("AccessDenied"));
  clock_.AdvanceMicros(3'590 * kSecond);
  EXPECT_EQ(provider->Get()->access_key_id, "key");
  EXPECT_EQ(asked_, 2);
  clock_.AdvanceMicros(10 * kSecond);
  EXPECT_EQ(provider->Get().status().code(), StatusCode::kPermissionDenied);
  Answer(200, GoodAnswer("again", "2026-11-23T19:00:00Z"));
  EXPECT_EQ(provider->Get()->access_key_id, "again");
}

TEST_F(WebIdentityTest, AsksAnewAfterAServerCalledTheCredentialsExpired) {
  const auto provider = OpenOrDie("aws:web-identity", clock_);
  EXPECT_EQ(provider->Get()->access_key_id, "key");
  Answer(200, GoodAnswer("next", "2026-11-23T18:00:00Z"));
  provider->Invalidate();
  EXPECT_EQ(provider->Get()->access_key_id, "next");
}

TEST_F(WebIdentityTest, SaysWhatTheServiceRefuses) {
  struct Case {
    int status;
    std::string code;
    StatusCode expected;
    std::string words;
  };
  for (const Case& refusal : {
           Case{403, "AccessDenied", StatusCode::kPermissionDenied, "trust policy"},
           Case{400, "ExpiredTokenException", StatusCode::kPermissionDenied, "token expired"},
           Case{400, "InvalidIdentityToken", StatusCode::kPermissionDenied, "issuer"},
           Case{400, "IDPCommunicationError", StatusCode::kUnavailable, "IDPCommunicationError"},
           Case{400, "Throttling", StatusCode::kUnavailable, "Throttling"},
           Case{503, "ServiceUnavailable", StatusCode::kUnavailable, "HTTP 503"},
           Case{302, "Moved", StatusCode::kUnavailable, "HTTP 302"},
       }) {
    Answer(refusal.status, ErrorAnswer(refusal.code));
    const Status status = GetError();
    EXPECT_EQ(status.code(), refusal.expected) << refusal.code;
    EXPECT_THAT(status.message(), AllOf(HasSubstr(refusal.words), HasSubstr(refusal.code),
                                        HasSubstr("s3://lake"), HasSubstr("127.0.0.1")));
  }
}

TEST_F(WebIdentityTest, DoesNotRepeatWhatAConfusedServiceSendsBack) {
  for (const std::string& code : {std::string(kCanaryIdentity) + "-1", std::string(200, 'A')}) {
    Answer(400, ErrorAnswer(code));
    EXPECT_THAT(GetError().message(), ::testing::EndsWith("HTTP 400"));
  }
}

TEST_F(WebIdentityTest, RefusesAnswersThatAreNoCredentials) {
  const std::string good = GoodAnswer("key", "2026-11-23T18:00:00Z");
  std::string without_secret = good;
  const size_t at = without_secret.find(kCanarySecret);
  without_secret.erase(at, kCanarySecret.size());
  for (const std::string& garbage :
       {std::string(), std::string("<html>"), std::string("{}"), good.substr(0, good.size() / 2),
        std::string(300'000, 'x'), without_secret, GoodAnswer("two words", "2026-11-23T18:00:00Z"),
        GoodAnswer("key", ""), GoodAnswer("key", kCanarySecret), GoodAnswer("key", "Z"),
        GoodAnswer("key", "2026-11-23T18:00:00+01:00"), GoodAnswer("key", "2026-13-23T18:00:00Z"),
        GoodAnswer("key", "2026-11-23T18:00:00.Z5"),
        GoodAnswer("key", "2026-11-23T18:00:00.5xZ")}) {
    Answer(200, garbage);
    const Status status = GetError();
    EXPECT_TRUE(status.code() == StatusCode::kUnavailable ||
                status.code() == StatusCode::kResourceExhausted)
        << garbage.substr(0, 200) << " " << status.ToString();
  }
}

TEST_F(WebIdentityTest, RefusesCredentialsThatAreExpiredOnArrival) {
  Answer(200, GoodAnswer("key", "2026-11-23T16:59:59Z"));
  EXPECT_THAT(GetError().message(), HasSubstr("the clock here says 2026-11-23T17:00:00"));
}

TEST_F(WebIdentityTest, SaysWhenTheServiceCannotBeReached) {
  environment_.Set("AWS_ENDPOINT_URL_STS", testing::UnreachableAddress());
  const Status status = GetError();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("token service"), HasSubstr("127.0.0.1:1")));
}

TEST_F(WebIdentityTest, NeverContactsALinkLocalAddress) {
  environment_.Set("AWS_ENDPOINT_URL_STS", "http://169.254.169.254");
  EXPECT_EQ(GetError().code(), StatusCode::kPermissionDenied);
}

TEST_F(WebIdentityTest, NamesWhatTheEnvironmentLacks) {
  environment_.Set("AWS_ROLE_ARN", "");
  EXPECT_THAT(GetError().message(), HasSubstr("AWS_ROLE_ARN"));
  environment_.Set("AWS_ROLE_ARN", "role");
  environment_.Set("AWS_WEB_IDENTITY_TOKEN_FILE", "");
  EXPECT_THAT(GetError().message(), HasSubstr("AWS_WEB_IDENTITY_TOKEN_FILE"));
  environment_.Set("AWS_WEB_IDENTITY_TOKEN_FILE", dir_.Join("missing"));
  EXPECT_EQ(GetError().code(), StatusCode::kNotFound);
  EXPECT_THAT(GetError().message(), HasSubstr(dir_.Join("missing")));
  environment_.Set("AWS_WEB_IDENTITY_TOKEN_FILE", dir_.Join("token"));
  WriteToken("");
  EXPECT_THAT(GetError().message(), HasSubstr("empty"));
  EXPECT_EQ(asked_, 0);
}

TEST_F(WebIdentityTest, RefusesAddressesThatAreNone) {
  for (const std::string& address :
       {std::string("sts.example.com"), std::string("ftp://sts"),
        StrCat("http://u:", kCanarySecret, "@h"), std::string("http://h?x"),
        std::string("file:///etc/passwd")}) {
    environment_.Set("AWS_ENDPOINT_URL_STS", address);
    const Status status = GetError();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << address;
    EXPECT_THAT(status.message(), HasSubstr("AWS_ENDPOINT_URL_STS"));
  }
}

TEST_F(WebIdentityTest, RefusesARegionThatWouldLeadElsewhere) {
  environment_.Set("AWS_ENDPOINT_URL_STS", "");
  const auto provider = OpenOrDie("aws:web-identity", clock_, "x.evil.example/");
  EXPECT_EQ(provider->Get().status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace lakehouse::storage
