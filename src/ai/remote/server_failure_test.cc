#include "ai/remote/server_failure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lakehouse::ai {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const RequestName kRequest{"POST", "http://127.0.0.1:11434/api/embed"};

ServerFailure Of(int status, const std::string& body, const net::Headers& headers = {},
                 const Secret& key = {}) {
  return FailureOfAnswer({.status = status, .headers = headers, .body = body}, kRequest, key);
}

TEST(ServerFailureTest, TellsWhomAFailureConcerns) {
  struct Case {
    int status;
    const char* body;
    StatusCode code;
    Blame blame;
    bool retryable;
  };
  using enum StatusCode;
  const Case cases[] = {
      {400, R"({"error":"invalid request"})", kInvalidArgument, Blame::kTexts, false},
      {400, R"({"error":"embedding contains NaN or Inf values"})", kInvalidArgument, Blame::kModel,
       false},
      {500, R"({"error":"failed to encode response: json: unsupported value: NaN"})",
       kInvalidArgument, Blame::kModel, false},
      {400, R"({"error":"do embedding request: Post \"http://127.0.0.1:3/embedding\": EOF"})",
       kInvalidArgument, Blame::kModel, false},
      {500, R"({"error":"llama runner process has terminated: exit status 2"})", kInvalidArgument,
       Blame::kModel, false},
      {400, R"({"error":"the input length exceeds the context length"})", kInvalidArgument,
       Blame::kLength, false},
      {500, R"({"error":{"message":"input is too large to process. increase the batch size"}})",
       kInvalidArgument, Blame::kLength, false},
      {413, R"({"error":"`inputs` must have less than 512 tokens. Given: 600"})", kInvalidArgument,
       Blame::kLength, false},
      {413, "payload too large", kInvalidArgument, Blame::kSize, false},
      {422,
       R"({"error":"batch size 64 > maximum allowed batch size 32","error_type":"Validation"})",
       kInvalidArgument, Blame::kSize, false},
      {422, R"({"detail":[{"loc":["body"],"msg":"field required"}]})", kInvalidArgument,
       Blame::kTexts, false},
      {400, R"({"error":"\"llama3\" does not support embed"})", kInvalidArgument, Blame::kServer,
       false},
      {424, R"({"error":"backend error","error_type":"Backend"})", kUnavailable, Blame::kTexts,
       false},
      {500, "Internal Server Error", kUnavailable, Blame::kTexts, false},
      {401, R"({"error":{"message":"Incorrect API key"}})", kUnauthenticated, Blame::kServer,
       false},
      {403, "", kPermissionDenied, Blame::kServer, false},
      {404, R"({"error":"model 'x' not found"})", kNotFound, Blame::kServer, false},
      {404, "404 page not found", kUnavailable, Blame::kServer, false},
      {405, "", kInvalidArgument, Blame::kServer, false},
      {408, "", kUnavailable, Blame::kServer, true},
      {429, R"({"error":"Model is overloaded"})", kUnavailable, Blame::kServer, true},
      {502, "", kUnavailable, Blame::kServer, true},
      {503, R"({"error":"server busy"})", kUnavailable, Blame::kServer, true},
      {504, "", kUnavailable, Blame::kServer, true},
      {307, "", kUnavailable, Blame::kServer, false},
  };
  for (const Case& test : cases) {
    const ServerFailure failure = Of(test.status, test.body);
    EXPECT_EQ(failure.status.code(), test.code) << test.status << " " << test.body;
    EXPECT_EQ(failure.blame, test.blame) << test.status << " " << test.body;
    EXPECT_EQ(failure.retryable, test.retryable) << test.status << " " << test.body;
    EXPECT_EQ(failure.unreachable, test.status == 502 || test.status == 504);
    EXPECT_THAT(failure.status.message(), HasSubstr("POST http://127.0.0.1:11434/api/embed"));
  }
}

TEST(ServerFailureTest, TakesTheServersWordsFromEveryForm) {
  EXPECT_EQ(ErrorMessageOf(R"({"error":"a"})"), "a");
  EXPECT_EQ(ErrorMessageOf(R"({"error":{"message":"b","type":"t"}})"), "b");
  EXPECT_EQ(ErrorMessageOf(R"({"object":"error","message":"c"})"), "c");
  EXPECT_EQ(ErrorMessageOf(R"({"detail":"d"})"), "d");
  EXPECT_EQ(ErrorMessageOf(R"({"detail":[1]})"), "[1]");
  EXPECT_EQ(ErrorMessageOf(R"({"error":null,"message":"e"})"), "e");
  EXPECT_EQ(ErrorMessageOf("plain"), "plain");
  EXPECT_EQ(ErrorMessageOf(""), "");
}

TEST(ServerFailureTest, NeverRepeatsTheKey) {
  const Secret key("sk-secret-0123456789");
  const ServerFailure failure =
      Of(401, R"({"error":"Incorrect API key provided: sk-secret-0123456789."})", {}, key);
  EXPECT_THAT(failure.status.message(), HasSubstr("provided: [key]."));
  EXPECT_THAT(failure.status.message(), Not(HasSubstr("sk-secret")));
  // Nor a part of it, where a long message is cut.
  const ServerFailure cut = Of(401, std::string(290, 'x') + key.Reveal(), {}, key);
  EXPECT_THAT(cut.status.message(), Not(HasSubstr("sk-")));
  EXPECT_THAT(FailureInStream("key sk-secret-0123456789", kRequest, key).status.message(),
              Not(HasSubstr("sk-secret")));
}

TEST(ServerFailureTest, KeepsMessagesShortAndOnOneLine) {
  const ServerFailure failure =
      Of(500, std::string("a\nb\x1b[31m\xFF\u00e9") + std::string(900, 'x'));
  EXPECT_LT(failure.status.message().size(), 450U);
  EXPECT_THAT(failure.status.message(), HasSubstr("a?b?[31m?\u00e9xxx"));
}

TEST(ServerFailureTest, ObeysRetryAfterOfBusyServers) {
  net::Headers headers;
  headers.Add("retry-after", "2");
  EXPECT_EQ(Of(429, "", headers).retry_after_ms, 2'000);
  EXPECT_EQ(Of(503, "", headers).retry_after_ms, 2'000);
  EXPECT_EQ(Of(400, "", headers).retry_after_ms, std::nullopt);
}

TEST(ServerFailureTest, ExplainsTransfers) {
  const ServerFailure refused = FailureOfTransfer(Unavailable("connection refused"));
  EXPECT_TRUE(refused.retryable && refused.unreachable);
  const ServerFailure late = FailureOfTransfer(DeadlineExceeded("no answer"));
  EXPECT_TRUE(!late.retryable && late.unreachable);
  EXPECT_THAT(late.status.message(), HasSubstr("request_timeout_ms"));
  const ServerFailure endless = FailureOfTransfer(ResourceExhausted("too large"));
  EXPECT_EQ(endless.status.code(), StatusCode::kUnavailable);
  EXPECT_FALSE(endless.retryable);
  const ServerFailure cancelled = FailureOfTransfer(Cancelled("stop"));
  EXPECT_EQ(cancelled.status.code(), StatusCode::kCancelled);
  EXPECT_FALSE(cancelled.retryable || cancelled.unreachable);
}

TEST(ServerFailureTest, TellsNumbersThatJsonHasNoWordForFromWhatIsNoSuchServer) {
  EXPECT_EQ(FailureOfContent(R"({"embeddings":[[NaN]]})", kRequest).blame, Blame::kModel);
  EXPECT_EQ(FailureOfContent("<html>NaN</html>", kRequest).blame, Blame::kServer);
  EXPECT_EQ(FailureOfContent(R"({"status":"ok"})", kRequest).blame, Blame::kServer);
  EXPECT_EQ(FailureOfContent("", kRequest).status.code(), StatusCode::kUnavailable);
}

}  // namespace
}  // namespace lakehouse::ai
