#include "net/http_client.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <latch>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/test_server.h"

namespace lakehouse::net {
namespace {

using ::testing::HasSubstr;
using testing::StartServer;
using testing::Url;

ClientRequest Get(std::string url) {
  ClientRequest request;
  request.url = std::move(url);
  return request;
}

// Answers with the method, some headers and the body.
Response Describe(Request& request) {
  const auto body = ReadAll(*request.body, 1 << 22);
  Response response;
  response.headers.Set("X-Answer", "yes");
  response.body =
      StrCat(MethodName(request.method), "|", request.headers.Get("X-Test").value_or("-"), "|",
             request.headers.Get("Content-Length").value_or("-"), "|",
             request.headers.Get("Transfer-Encoding").value_or("-"), "|", body.value_or("broken"));
  return response;
}

// Fails after some bytes.
class FailingSource : public ByteSource {
 public:
  Result<size_t> Read(std::span<char> buffer) override {
    if (sent_) return NotFound("the file is gone");
    sent_ = true;
    std::fill(buffer.begin(), buffer.end(), 'x');
    return buffer.size();
  }

 private:
  bool sent_ = false;
};

TEST(HttpClientTest, SendsMethodHeadersAndBody) {
  const auto server = StartServer(Describe);
  for (const Method method :
       {Method::kGet, Method::kPost, Method::kPut, Method::kPatch, Method::kDelete}) {
    ClientRequest request = Get(Url(*server, "/"));
    request.method = method;
    request.headers.Set("X-Test", "value");
    const auto response = HttpClient().Fetch(std::move(request));
    ASSERT_TRUE(response.ok()) << response.status().ToString();
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->headers.Get("x-answer"), "yes");
    EXPECT_THAT(response->body, ::testing::StartsWith(StrCat(MethodName(method), "|value|")));
  }
  ClientRequest known = Get(Url(*server, "/"));
  known.method = Method::kPost;
  known.body = std::make_unique<StringSource>("hello");
  known.body_size = 5;
  EXPECT_EQ(HttpClient().Fetch(std::move(known))->body, "POST|-|5|-|hello");
  ClientRequest chunked = Get(Url(*server, "/"));
  chunked.method = Method::kPost;
  chunked.body = std::make_unique<StringSource>("hello");
  EXPECT_EQ(HttpClient().Fetch(std::move(chunked))->body, "POST|-|-|chunked|hello");
}

TEST(HttpClientTest, SendsALargeBodyAfter100Continue) {
  const auto server = StartServer(Describe);
  ClientRequest request = Get(Url(*server, "/"));
  request.method = Method::kPost;
  request.body = std::make_unique<StringSource>(std::string(2 << 20, 'x'));
  request.body_size = 2 << 20;
  const auto response = HttpClient().Fetch(std::move(request));
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->status, 200);
  EXPECT_GT(response->body.size(), size_t{2 << 20});
}

TEST(HttpClientTest, AnErrorStatusIsAnAnswerAndGoesPastTheSink) {
  const auto server = StartServer([](Request&) {
    return Response{.status = 404, .headers = {}, .body = "nothing", .stream = {}};
  });
  bool sunk = false;
  const auto response = HttpClient().Fetch(Get(Url(*server, "/")), [&](std::string_view) {
    sunk = true;
    return OkStatus();
  });
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->status, 404);
  EXPECT_EQ(response->body, "nothing");
  EXPECT_FALSE(sunk);
}

TEST(HttpClientTest, FollowsNoRedirect) {
  std::atomic<int> requests = 0;
  const auto server = StartServer([&](Request&) {
    ++requests;
    Response response{.status = 302, .headers = {}, .body = {}, .stream = {}};
    response.headers.Set("Location", "/elsewhere");
    return response;
  });
  EXPECT_EQ(HttpClient().Fetch(Get(Url(*server, "/")))->status, 302);
  EXPECT_EQ(requests, 1);
}

TEST(HttpClientTest, SaysWhatKeptItFromAnAnswer) {
  EXPECT_EQ(HttpClient().Fetch(Get("http://127.0.0.1:1/")).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(HttpClient().Fetch(Get("ftp://127.0.0.1/")).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(HttpClient().Fetch(Get("http://[")).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(HttpClient().Fetch(Get("file:///etc/passwd")).status().code(), StatusCode::kInvalidArgument);
  ClientRequest smuggle = Get("http://127.0.0.1:1/");
  smuggle.headers.Set("X", "a\r\nY: b");
  EXPECT_EQ(HttpClient().Fetch(std::move(smuggle)).status().code(), StatusCode::kInvalidArgument);
}

TEST(HttpClientTest, StopsAtItsTimeoutAndWhenCancelled) {
  std::latch release(1);
  std::latch started(2);
  const auto server = StartServer([&](Request&) {
    started.count_down();
    release.wait();
    return Response{};
  });
  ClientRequest slow = Get(Url(*server, "/"));
  slow.timeout_ms = 50;
  EXPECT_EQ(HttpClient().Fetch(std::move(slow)).status().code(), StatusCode::kDeadlineExceeded);
  ClientRequest cancelled = Get(Url(*server, "/"));
  CancelToken cancel = cancelled.cancel;
  std::thread canceller([&] {
    started.wait();
    cancel.Cancel();
  });
  EXPECT_EQ(HttpClient().Fetch(std::move(cancelled)).status().code(), StatusCode::kCancelled);
  canceller.join();
  release.count_down();
}

TEST(HttpClientTest, ReturnsErrorsOfBodyAndSink) {
  const auto server = StartServer(Describe);
  ClientRequest request = Get(Url(*server, "/"));
  request.method = Method::kPost;
  request.body = std::make_unique<FailingSource>();
  EXPECT_EQ(HttpClient().Fetch(std::move(request)).status().message(), "the file is gone");
  const auto refused = HttpClient().Fetch(Get(Url(*server, "/")), [](std::string_view) {
    return ResourceExhausted("the disk is full");
  });
  EXPECT_EQ(refused.status().message(), "the disk is full");
  ClientRequest large = Get(Url(*server, "/"));
  large.max_response_bytes = 3;
  EXPECT_EQ(HttpClient().Fetch(std::move(large)).status().code(), StatusCode::kResourceExhausted);
}

TEST(HttpClientTest, NoticesABrokenAnswer) {
  const auto server = StartServer([](Request&) {
    Response response;
    response.stream = [](const BodyWriter& write) -> Status {
      TRY(write("part"));
      return Internal("broke");
    };
    return response;
  });
  EXPECT_EQ(HttpClient().Fetch(Get(Url(*server, "/"))).status().code(), StatusCode::kUnavailable);
}

}  // namespace
}  // namespace lakehouse::net
