#include "storage/s3/s3_client.h"

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/mutex.h"
#include "net/test_server.h"
#include "storage/s3/s3_test_server.h"

namespace lakehouse::storage {
namespace {

using testing::FixedCredentials;

net::Response ErrorAnswer(int status, const std::string& code, const std::string& more = "") {
  net::Response response;
  response.status = status;
  response.body = StrCat("<?xml version=\"1.0\"?><Error><Code>", code,
                         "</Code><Message>because</Message>", more, "</Error>");
  return response;
}

net::Response OkAnswer() {
  net::Response response;
  response.headers.Set("ETag", "\"e\"");
  return response;
}

// A server that gives the answers it is told to, the last one again and again, and keeps what it
// was asked.
class S3ClientTest : public ::testing::Test {
 protected:
  struct Seen {
    net::Method method;
    std::string path;
    net::Headers headers;
    std::string body;
  };

  S3ClientTest() {
    server_ = net::testing::StartServer([this](net::Request& request) {
      Seen seen{request.method, request.path, request.headers,
                ReadAll(*request.body, 1 << 20).value_or("")};
      MutexLock lock(mutex_);
      seen_.push_back(std::move(seen));
      net::Response answer = answers_.front();
      if (answers_.size() > 1) answers_.pop_front();
      return answer;
    });
    options_.location = {.endpoint = StrCat("http://127.0.0.1:", server_->port()),
                         .region = "us-east-1",
                         .bucket = "lake",
                         .prefix = "",
                         .path_style = true};
    credentials_ = std::make_shared<FixedCredentials>(S3Credentials{
        .access_key_id = "ID", .secret_access_key = Secret("canary"), .session_token = {}});
    options_.credentials = credentials_;
    options_.retry.first_wait_ms = 1;
    options_.retry.max_wait_ms = 4;
    options_.metrics_label = "lake";
    options_.metrics = &metrics_;
  }

  S3Outcome Send(std::deque<net::Response> answers, S3Request request = Get()) {
    {
      MutexLock lock(mutex_);
      answers_ = std::move(answers);
      seen_.clear();
    }
    if (client_ == nullptr) client_ = std::make_unique<S3Client>(options_);
    return client_->Send(std::move(request));
  }

  static S3Request Get() {
    S3Request request;
    request.key = "k";
    return request;
  }
  static S3Request Put() {
    S3Request request;
    request.operation = S3Operation::kPutObject;
    request.method = net::Method::kPut;
    request.key = "k";
    request.body = "bytes";
    request.checksum = S3Checksum::kBody;
    return request;
  }
  static S3Request Head() {
    S3Request request;
    request.operation = S3Operation::kHeadObject;
    request.method = net::Method::kHead;
    request.key = "k";
    return request;
  }

  size_t requests() {
    MutexLock lock(mutex_);
    return seen_.size();
  }
  Seen seen(size_t i) {
    MutexLock lock(mutex_);
    return seen_.at(i);
  }

  Mutex mutex_;
  std::deque<net::Response> answers_ GUARDED_BY(mutex_);
  std::vector<Seen> seen_ GUARDED_BY(mutex_);
  std::unique_ptr<net::HttpServer> server_;
  MetricsRegistry metrics_;
  std::shared_ptr<FixedCredentials> credentials_;  // Shared with the client.
  S3StoreOptions options_;
  std::unique_ptr<S3Client> client_;
};

TEST_F(S3ClientTest, WordsEveryRefusal) {
  struct Case {
    int status;
    std::string code;
    StatusCode expected;
    std::string words;
    std::string more = "";
  };
  const std::vector<Case> cases = {
      {403, "SignatureDoesNotMatch", StatusCode::kPermissionDenied, "secret_access_key"},
      {403, "InvalidAccessKeyId", StatusCode::kPermissionDenied, "access_key_id"},
      {403, "RequestTimeTooSkewed", StatusCode::kPermissionDenied, "here 20"},
      {403, "AccessDenied", StatusCode::kPermissionDenied, "may not do this"},
      {400, "ExpiredToken", StatusCode::kPermissionDenied, "session token"},
      {404, "NoSuchBucket", StatusCode::kUnavailable, "the bucket does not exist"},
      {404, "NoSuchKey", StatusCode::kNotFound, "no object"},
      {404, "", StatusCode::kUnavailable, "no S3 server"},
      {301, "PermanentRedirect", StatusCode::kUnavailable, "region = \"eu-west-1\"",
       "<Region>eu-west-1</Region>"},
      {400, "AuthorizationHeaderMalformed", StatusCode::kUnavailable, "region = \"eu-west-1\"",
       "<Region>eu-west-1</Region>"},
      {307, "TemporaryRedirect", StatusCode::kUnavailable, "correct endpoint"},
      {412, "PreconditionFailed", StatusCode::kConflict, "condition"},
      {416, "InvalidRange", StatusCode::kInvalidArgument, "range"},
      {400, "KeyTooLongError", StatusCode::kInvalidArgument, "cannot hold the key"},
      {409, "ObjectParentIsFile", StatusCode::kInvalidArgument, "cannot hold the key"},
      {411, "MissingContentLength", StatusCode::kInvalidArgument, "411"},
      {501, "NotImplemented", StatusCode::kInvalidArgument, "does not support"},
      {507, "XMinioStorageFull", StatusCode::kResourceExhausted, "no space"},
      {503, "SlowDown", StatusCode::kUnavailable, "busy or failing"},
      {500, "InternalError", StatusCode::kUnavailable, "busy or failing"},
  };
  for (const Case& one : cases) {
    const S3Outcome outcome = Send({ErrorAnswer(one.status, one.code, one.more)});
    EXPECT_EQ(outcome.status.code(), one.expected) << outcome.status.ToString();
    EXPECT_NE(outcome.status.message().find(one.words), std::string::npos)
        << outcome.status.ToString();
    EXPECT_EQ(outcome.error.code, one.code);
    EXPECT_GT(outcome.error.server_time.micros, 0);
    EXPECT_EQ(outcome.error.http_status, one.status);
    EXPECT_FALSE(outcome.may_be_applied);
    EXPECT_EQ(outcome.status.message().find("canary"), std::string::npos);
  }
}

TEST_F(S3ClientTest, RepeatsOnlyWhatMaySucceedLater) {
  const size_t most = static_cast<size_t>(options_.retry.max_retries) + 1;
  for (const auto& [status, code, expected] :
       std::vector<std::tuple<int, std::string, size_t>>{{500, "InternalError", most},
                                                         {503, "SlowDown", most},
                                                         {502, "", most},
                                                         {504, "", most},
                                                         {429, "TooManyRequests", most},
                                                         {400, "RequestTimeout", most},
                                                         {400, "BadDigest", most},
                                                         {409, "ConditionalRequestConflict", most},
                                                         {403, "AccessDenied", 1},
                                                         {404, "NoSuchKey", 1},
                                                         {412, "PreconditionFailed", 1},
                                                         {400, "InvalidRequest", 1}}) {
    EXPECT_FALSE(Send({ErrorAnswer(status, code)}).ok());
    EXPECT_EQ(requests(), expected) << status << " " << code;
  }
  EXPECT_TRUE(
      Send({ErrorAnswer(503, "SlowDown"), ErrorAnswer(500, "InternalError"), OkAnswer()}).ok());
  EXPECT_EQ(requests(), 3u);
}

TEST_F(S3ClientTest, SaysWhatAWriteMayHaveDone) {
  S3Outcome outcome = Send({ErrorAnswer(500, "InternalError")}, Put());
  EXPECT_TRUE(outcome.may_be_applied);
  EXPECT_FALSE(outcome.may_be_in_flight);
  EXPECT_TRUE(Send({ErrorAnswer(504, "")}, Put()).may_be_in_flight);
  EXPECT_FALSE(Send({ErrorAnswer(403, "AccessDenied")}, Put()).may_be_applied);
  EXPECT_FALSE(Send({ErrorAnswer(501, "NotImplemented")}, Put()).may_be_applied);
  // What happened before the refusal still counts.
  outcome = Send({ErrorAnswer(500, "InternalError"), ErrorAnswer(403, "AccessDenied")}, Put());
  EXPECT_EQ(outcome.status.code(), StatusCode::kPermissionDenied);
  EXPECT_TRUE(outcome.may_be_applied);
  EXPECT_FALSE(Send({ErrorAnswer(500, "InternalError")}).may_be_applied) << "a read does nothing";

  server_.reset();
  outcome = Send({OkAnswer()}, Put());
  EXPECT_EQ(outcome.status.code(), StatusCode::kUnavailable);
  EXPECT_FALSE(outcome.may_be_applied) << "nobody was there to do it";
}

TEST_F(S3ClientTest, AsksAgainWhenAnErrorCameCut) {
  net::Response cut = ErrorAnswer(400, "KeyTooLongError");
  cut.body.resize(cut.body.size() / 2);
  const S3Outcome outcome = Send({cut, ErrorAnswer(400, "KeyTooLongError")});
  EXPECT_EQ(requests(), 2u);
  EXPECT_EQ(outcome.error.code, "KeyTooLongError");
}

TEST_F(S3ClientTest, RenewsExpiredCredentialsOnce) {
  EXPECT_TRUE(Send({ErrorAnswer(400, "ExpiredToken"), OkAnswer()}).ok());
  EXPECT_EQ(credentials_->invalidations(), 1);
  EXPECT_FALSE(Send({ErrorAnswer(400, "ExpiredToken")}).ok());
  EXPECT_EQ(requests(), 2u);
  EXPECT_EQ(credentials_->invalidations(), 2);
}

TEST_F(S3ClientTest, DoesWithoutChecksumsWhereTheServerRefusesThem) {
  EXPECT_TRUE(Send({OkAnswer()}, Put()).ok());
  EXPECT_EQ(seen(0).headers.Get("x-amz-checksum-crc32c"), "0G6ckg==");
  EXPECT_EQ(seen(0).headers.Get("x-amz-content-sha256"), Sha256Hex("bytes"));
  EXPECT_EQ(seen(0).body, "bytes");

  // A request that fails without a checksum, too, proves nothing.
  EXPECT_FALSE(Send({ErrorAnswer(400, "InvalidArgument")}, Put()).ok());
  EXPECT_TRUE(client_->sends_checksums());

  EXPECT_TRUE(Send({ErrorAnswer(501, "NotImplemented"), OkAnswer()}, Put()).ok());
  EXPECT_EQ(seen(1).headers.Get("x-amz-checksum-crc32c"), std::nullopt);
  EXPECT_FALSE(client_->sends_checksums());
  EXPECT_TRUE(Send({OkAnswer()}, Put()).ok());
  EXPECT_EQ(requests(), 1u);
  EXPECT_EQ(seen(0).headers.Get("x-amz-checksum-crc32c"), std::nullopt);
}

TEST_F(S3ClientTest, TellsAMissingBucketFromAMissingKey) {
  net::Response silent;
  silent.status = 404;
  S3Outcome outcome = Send({silent, ErrorAnswer(404, "NoSuchBucket")}, Head());
  EXPECT_EQ(outcome.error.code, "NoSuchBucket");
  EXPECT_EQ(outcome.status.code(), StatusCode::kUnavailable);
  EXPECT_EQ(requests(), 2u);

  outcome = Send({silent, ErrorAnswer(404, "NoSuchKey")}, Head());
  EXPECT_EQ(outcome.status.code(), StatusCode::kNotFound);
  EXPECT_EQ(requests(), 2u);
  // From then on the bucket is known to be there.
  EXPECT_EQ(Send({silent}, Head()).status.code(), StatusCode::kNotFound);
  EXPECT_EQ(requests(), 1u);
}

TEST_F(S3ClientTest, FindsOutWhatIsWrongWithAHead) {
  net::Response silent;
  silent.status = 403;
  const S3Outcome outcome = Send({silent, ErrorAnswer(403, "SignatureDoesNotMatch")}, Head());
  EXPECT_EQ(outcome.error.code, "SignatureDoesNotMatch");
  EXPECT_EQ(seen(1).method, net::Method::kGet);
  EXPECT_EQ(seen(1).headers.Get("range"), "bytes=0-0");
}

TEST_F(S3ClientTest, SeesErrorsThatCameTooLateForTheStatus) {
  S3Request complete;
  complete.operation = S3Operation::kCompleteUpload;
  complete.method = net::Method::kPost;
  complete.key = "k";
  complete.body = "<x/>";
  const auto late = [](const std::string& code) {
    net::Response answer = ErrorAnswer(200, code);
    return answer;
  };
  EXPECT_TRUE(Send({late("InternalError"), OkAnswer()}, complete).ok());
  EXPECT_EQ(requests(), 2u);
  EXPECT_EQ(Send({late("PreconditionFailed")}, complete).error.http_status, 412);
  EXPECT_EQ(Send({late("AccessDenied")}, complete).status.code(), StatusCode::kPermissionDenied);
}

TEST_F(S3ClientTest, KeepsItsDeadline) {
  options_.retry.max_retries = 1'000'000;
  options_.retry.operation_timeout_ms = 200;
  const int64_t start = Clock::System().MonotonicMicros();
  EXPECT_FALSE(Send({ErrorAnswer(503, "SlowDown")}).ok());
  EXPECT_LT(Clock::System().MonotonicMicros() - start, 5'000'000);
}

TEST_F(S3ClientTest, SignsNothingForAnonymous) {
  options_.credentials = std::make_shared<FixedCredentials>(S3Credentials());
  EXPECT_TRUE(Send({OkAnswer()}).ok());
  EXPECT_EQ(seen(0).headers.Get("authorization"), std::nullopt);
}

TEST_F(S3ClientTest, CountsRequests) {
  EXPECT_TRUE(Send({ErrorAnswer(503, "SlowDown"), OkAnswer()}, Put()).ok());
  EXPECT_FALSE(Send({ErrorAnswer(404, "NoSuchKey")}).ok());
  const std::string text = metrics_.PrometheusText();
  for (const char* line :
       {"lakehouse_s3_requests_total{bucket=\"lake\",operation=\"PutObject\",outcome=\"ok\"} 1\n",
        "lakehouse_s3_requests_total{bucket=\"lake\",operation=\"PutObject\",outcome=\"failed\"} "
        "1\n",
        "lakehouse_s3_requests_total{bucket=\"lake\",operation=\"GetObject\",outcome=\"refused\"} "
        "1\n",
        "lakehouse_s3_retries_total{bucket=\"lake\",operation=\"PutObject\"} 1\n",
        "lakehouse_s3_sent_bytes_total{bucket=\"lake\"} 10\n",
        "lakehouse_s3_request_seconds_count{bucket=\"lake\",operation=\"PutObject\"} 2\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
}

}  // namespace
}  // namespace lakehouse::storage
