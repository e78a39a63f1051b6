#include <atomic>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/mutex.h"
#include "net/test_server.h"
#include "storage/s3/credentials_testing.h"

namespace lakehouse::storage {
namespace {

using ::testing::AllOf;
using testing::ExpectNoCanary;
using ::testing::HasSubstr;
using testing::kCanarySecret;
using testing::kCanaryToken;
using testing::OpenOrDie;

constexpr std::string_view kRolePath = "/latest/meta-data/iam/security-credentials/";
constexpr std::string_view kSession = "CanaryIdentityTokenNeverToBeSeen==";

std::string GoodAnswer(std::string_view key, std::string_view expiration) {
  return StrCat(R"({"Code": "Success", "LastUpdated": "2026-11-23T16:00:00Z", "Type": "AWS-HMAC",)",
                R"("AccessKeyId": ")", key, R"(", "SecretAccessKey": ")", kCanarySecret,
                R"(", "Token": ")", kCanaryToken, R"(", "Expiration": ")", expiration, R"("})");
}

// A metadata service, version 2, on a real socket.
class InstanceTest : public ::testing::Test {
 protected:
  InstanceTest() {
    environment_.Set("AWS_EC2_METADATA_SERVICE_ENDPOINT", net::testing::Url(*server_, "/"));
  }

  net::Response Serve(net::Request& request) {
    const MutexLock lock(mutex_);
    net::Response response;
    if (request.path == "/latest/api/token") {
      ++sessions_;
      response.status = token_status_;
      if (request.method != net::Method::kPut ||
          !request.headers.Get("X-aws-ec2-metadata-token-ttl-seconds").has_value()) {
        response.status = 400;
      }
      response.body = token_;
      return response;
    }
    if (request.headers.Get("X-aws-ec2-metadata-token") != kSession) {
      response.status = 401;
    } else if (request.path == kRolePath) {
      response.status = role_status_;
      response.body = role_;
    } else if (request.path == StrCat(kRolePath, "lake@house")) {
      response.status = credentials_status_;
      response.body = credentials_;
    } else {
      response.status = 404;
    }
    return response;
  }
  Status GetError() {
    const Status status = OpenOrDie("aws:instance", clock_)->Get().status();
    ExpectNoCanary(status.message());
    return status;
  }

  testing::CleanEnvironment environment_;
  ManualClock clock_{*ParseTimestamp("2026-11-23T17:00:00.000000Z")};
  std::atomic<int> sessions_{0};
  Mutex mutex_;
  int token_status_ GUARDED_BY(mutex_) = 200;
  int role_status_ GUARDED_BY(mutex_) = 200;
  int credentials_status_ GUARDED_BY(mutex_) = 200;
  std::string token_ GUARDED_BY(mutex_) = std::string(kSession);
  std::string role_ GUARDED_BY(mutex_) = "lake@house\n";
  std::string credentials_ GUARDED_BY(mutex_) = GoodAnswer("key", "2026-11-23T18:00:00Z");
  std::unique_ptr<net::HttpServer> server_ =
      net::testing::StartServer([this](net::Request& request) { return Serve(request); });
};

TEST_F(InstanceTest, TakesTheCredentialsOfTheInstancesRole) {
  const auto provider = OpenOrDie("aws:instance", clock_);
  const auto credentials = provider->Get();
  ASSERT_TRUE(credentials.ok()) << credentials.status().ToString();
  EXPECT_EQ(credentials->access_key_id, "key");
  EXPECT_EQ(credentials->secret_access_key.Reveal(), kCanarySecret);
  EXPECT_EQ(credentials->session_token.Reveal(), kCanaryToken);
  EXPECT_TRUE(provider->Get().ok());
  EXPECT_EQ(sessions_, 1);
}

TEST_F(InstanceTest, RenewsAheadOfTheEnd) {
  const auto provider = OpenOrDie("aws:instance", clock_);
  EXPECT_TRUE(provider->Get().ok());
  {
    const MutexLock lock(mutex_);
    credentials_ = GoodAnswer("next", "2026-11-23T20:00:00Z");
  }
  clock_.AdvanceMicros(int64_t{55} * 60 * 1'000'000);
  EXPECT_EQ(provider->Get()->access_key_id, "next");
}

TEST_F(InstanceTest, IsTheLastOfTheChain) {
  EXPECT_EQ(OpenOrDie("aws:chain", clock_)->Get()->access_key_id, "key");
}

TEST_F(InstanceTest, SaysThatTheInstanceHasNoRole) {
  {
    const MutexLock lock(mutex_);
    role_status_ = 404;
  }
  const Status status = GetError();
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("instance profile"), HasSubstr("s3://lake")));
}

TEST_F(InstanceTest, SaysWhenTheServiceRefuses) {
  {
    const MutexLock lock(mutex_);
    token_status_ = 403;
  }
  EXPECT_EQ(GetError().code(), StatusCode::kPermissionDenied);
  {
    const MutexLock lock(mutex_);
    token_status_ = 200;
    credentials_ =
        StrCat(R"({"Code": "AssumeRoleUnauthorizedAccess", "Message": ")", kCanarySecret, R"("})");
  }
  const Status status = GetError();
  EXPECT_EQ(status.code(), StatusCode::kPermissionDenied);
  EXPECT_THAT(status.message(), HasSubstr("trusts EC2"));
}

TEST_F(InstanceTest, RefusesRoleNamesThatLeadElsewhere) {
  for (const std::string_view role :
       {"", "a/b", "../../x", "lake house", "<html>", "CanarySecretKeyNeverToBeSeen?"}) {
    {
      const MutexLock lock(mutex_);
      role_ = std::string(role);
    }
    EXPECT_EQ(GetError().code(), StatusCode::kUnavailable) << role;
  }
}

TEST_F(InstanceTest, RefusesAnswersThatAreNoCredentials) {
  const std::string good = GoodAnswer("key", "2026-11-23T18:00:00Z");
  for (const std::string& garbage :
       {std::string(), std::string("[]"), std::string("<html>"), good.substr(0, good.size() / 2),
        GoodAnswer("", "2026-11-23T18:00:00Z"), GoodAnswer("key", "soon"),
        StrCat(R"({"Code": "Success", "AccessKeyId": 5, "Token": ")", kCanaryToken, R"("})"),
        std::string(100'000, ' ')}) {
    {
      const MutexLock lock(mutex_);
      credentials_ = garbage;
    }
    const Status status = GetError();
    EXPECT_TRUE(status.code() == StatusCode::kUnavailable ||
                status.code() == StatusCode::kResourceExhausted)
        << garbage.substr(0, 100) << " " << status.ToString();
  }
}

TEST_F(InstanceTest, RefusesASessionTokenThatCannotBeAHeader) {
  for (const std::string_view token : {"", "two words", "a\r\nHost: b"}) {
    {
      const MutexLock lock(mutex_);
      token_ = std::string(token);
    }
    EXPECT_EQ(GetError().code(), StatusCode::kUnavailable) << token;
  }
}

TEST_F(InstanceTest, SaysWhenTheServiceCannotBeReached) {
  environment_.Set("AWS_EC2_METADATA_SERVICE_ENDPOINT", testing::UnreachableAddress());
  const Status status = GetError();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("instance metadata service"));
  // The chain also says what it passed over.
  EXPECT_THAT(OpenOrDie("aws:chain", clock_)->Get().status().message(),
              AllOf(HasSubstr("instance metadata service"), HasSubstr("AWS_ACCESS_KEY_ID"),
                    HasSubstr("AWS_WEB_IDENTITY_TOKEN_FILE")));
}

TEST_F(InstanceTest, CanBeSwitchedOff) {
  environment_.Set("AWS_EC2_METADATA_DISABLED", "True");
  EXPECT_EQ(GetError().code(), StatusCode::kNotFound);
  EXPECT_EQ(sessions_, 0);
}

}  // namespace
}  // namespace lakehouse::storage
