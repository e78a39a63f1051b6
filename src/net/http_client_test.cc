#include "net/http_client.h"

#include <algorithm>
#include <atomic>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "net/scripted_server.h"
#include "net/test_server.h"

namespace lakehouse::net {
namespace {

using testing::Answer;
using ::testing::HasSubstr;
using testing::Peer;
using testing::ScriptedServer;
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

TEST(HttpClientTest, SendsALargeBody) {
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
  EXPECT_EQ(HttpClient().Fetch(Get("http://127.0.0.1:1/")).status().code(),
            StatusCode::kUnavailable);
  EXPECT_EQ(HttpClient().Fetch(Get("ftp://127.0.0.1/")).status().code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(HttpClient().Fetch(Get("http://[")).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(HttpClient().Fetch(Get("file:///etc/passwd")).status().code(),
            StatusCode::kInvalidArgument);
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

// Answers each request of a connection with "answer <connection>.<request>".
void AnswerEach(Peer& peer, int index) {
  for (int request = 0; !peer.ReadRequest().empty(); ++request) {
    peer.Send(Answer(StrCat("answer ", index, ".", request)));
  }
}

std::string Body(const Result<ClientResponse>& response) {
  return response.ok() ? response->body : response.status().ToString();
}

// The head of what a client sends.
std::string SentHead(ClientRequest request, std::string_view target = "/") {
  std::string head;
  {
    const ScriptedServer server([&](Peer& peer, int) {
      head = peer.ReadRequest();
      peer.Send(Answer(""));
      peer.ReadToEnd();
    });
    request.url = server.Url(target);
    EXPECT_TRUE(HttpClient().Fetch(std::move(request)).ok());
  }
  return head.substr(0, head.find("\r\n\r\n") + 2);
}

TEST(HttpClientTest, SendsTheTargetAsItIs) {
  for (const std::string_view target :
       {"/a/../b/./c//d", "/a%2fb%2Fc/%7e~/%e4%C3%A4", "/x?a=b+c%20d&empty=&flag&%41=%2b", "/?",
        "/a:b@c!$&'()*,;=", "/?list-type=2&prefix=a%2F..%2F"}) {
    EXPECT_THAT(SentHead(Get(""), target),
                ::testing::StartsWith(StrCat("GET ", target, " HTTP/1.1\r\n")));
  }
}

TEST(HttpClientTest, SendsOnlyTheFieldsThatWereAskedFor) {
  ClientRequest upload = Get("");
  upload.method = Method::kPut;
  upload.body = std::make_unique<StringSource>(std::string(2 << 20, 'x'));
  upload.body_size = 2 << 20;
  EXPECT_THAT(SentHead(std::move(upload)),
              ::testing::MatchesRegex("PUT / HTTP/1.1\r\nHost: 127.0.0.1:[0-9]*\r\n"
                                      "Accept: [*]/[*]\r\nContent-Length: 2097152\r\n"));
  ClientRequest post = Get("");
  post.method = Method::kPost;
  post.headers.Set("X-Empty", "");
  EXPECT_THAT(SentHead(std::move(post)),
              ::testing::MatchesRegex("POST / HTTP/1.1\r\nHost: 127.0.0.1:[0-9]*\r\n"
                                      "Accept: [*]/[*]\r\nX-Empty:\r\nContent-Length: 0\r\n"));
  ClientRequest remove = Get("");
  remove.method = Method::kDelete;
  EXPECT_THAT(SentHead(std::move(remove)),
              ::testing::MatchesRegex("DELETE / HTTP/1.1\r\nHost: 127.0.0.1:[0-9]*\r\n"
                                      "Accept: [*]/[*]\r\n"));
}

TEST(HttpClientTest, RefusesUrlsThatAreNotEncoded) {
  for (const std::string url : {"http://host/a b", "http://host/\xc3\xa4", "http://host/\n", "",
                                "host/path", "http://", "gopher://host/", "http://host:99999/"}) {
    const auto response = HttpClient().Fetch(Get(url));
    EXPECT_EQ(response.status().code(), StatusCode::kInvalidArgument) << url;
    EXPECT_THAT(response.status().message(), HasSubstr("http or https URL"));
  }
}

TEST(HttpClientTest, AnAnswerToHeadHasALengthAndNoBody) {
  const ScriptedServer server([](Peer& peer, int) {
    while (!peer.ReadRequest().empty()) {
      peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\nETag: \"x\"\r\n\r\n");
    }
  });
  HttpClient client;
  for (int i = 0; i < 3; ++i) {
    ClientRequest request = Get(server.Url());
    request.method = Method::kHead;
    const auto response = client.Fetch(std::move(request));
    ASSERT_TRUE(response.ok()) << response.status().ToString();
    EXPECT_EQ(response->headers.Get("Content-Length"), "1000000");
    EXPECT_EQ(response->body, "");
  }
  EXPECT_EQ(server.accepted(), 1);
}

TEST(HttpClientTest, ReportsTheFinalHeadBeforeTheBody) {
  const ScriptedServer server([](Peer& peer, int) {
    peer.ReadRequest();
    peer.Send(
        "HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n"
        "HTTP/1.1 200 OK\r\nX-Late: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
        "4\r\nbody\r\n0\r\nX-Trailer: 1\r\n\r\n");
  });
  std::vector<std::string> seen;
  ClientRequest request = Get(server.Url());
  request.on_head = [&](int status, const Headers& headers) {
    seen.push_back(StrCat("head ", status, " ", headers.all().size()));
    return OkStatus();
  };
  TransferPhase reached = TransferPhase::kResolve;
  const auto response = HttpClient().Fetch(
      std::move(request),
      [&](std::string_view bytes) {
        seen.emplace_back(bytes);
        return OkStatus();
      },
      &reached);
  ASSERT_TRUE(response.ok()) << response.status().ToString();
  EXPECT_THAT(seen, ::testing::ElementsAre("head 200 2", "body"));
  EXPECT_EQ(response->headers.Get("X-Late"), "1");
  EXPECT_FALSE(response->headers.Get("X-Early").has_value());
  EXPECT_FALSE(response->headers.Get("X-Trailer").has_value());
  EXPECT_EQ(reached, TransferPhase::kDone);
}

TEST(HttpClientTest, AnErrorOfTheHeadEndsTheTransfer) {
  const ScriptedServer server(AnswerEach);
  bool sunk = false;
  ClientRequest request = Get(server.Url());
  request.on_head = [](int, const Headers&) { return Conflict("another version"); };
  const auto response = HttpClient().Fetch(std::move(request), [&](std::string_view) {
    sunk = true;
    return OkStatus();
  });
  EXPECT_EQ(response.status().message(), "another version");
  EXPECT_FALSE(sunk);
}

TEST(HttpClientTest, AnAnswerThatComesBeforeTheWholeRequestCounts) {
  const ScriptedServer server([](Peer& peer, int) {
    peer.ReadHead();
    peer.Send(Answer("no", 412));
    peer.ReadToEnd();
  });
  ClientRequest request = Get(server.Url());
  request.method = Method::kPut;
  request.body = std::make_unique<StringSource>(std::string(64 << 20, 'x'));
  request.body_size = 64 << 20;
  const auto response = HttpClient().Fetch(std::move(request));
  ASSERT_TRUE(response.ok()) << response.status().ToString();
  EXPECT_EQ(response->status, 412);
  EXPECT_EQ(response->body, "no");
}

TEST(HttpClientTest, KeepsTheConnection) {
  const ScriptedServer server(AnswerEach);
  HttpClient client;
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(Body(client.Fetch(Get(server.Url()))), StrCat("answer 0.", i));
  }
  EXPECT_EQ(server.accepted(), 1);
}

TEST(HttpClientTest, KeepsAsManyConnectionsAsItMay) {
  for (const size_t most : {0, 2, 8}) {
    const ScriptedServer server(AnswerEach);
    HttpClientOptions options;
    options.max_idle_connections = most;
    HttpClient client(options);
    // Each of 8 threads holds its connection until all have one.
    std::latch together(8);
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        const auto response = client.Fetch(Get(server.Url()), [&](std::string_view) {
          together.arrive_and_wait();
          return OkStatus();
        });
        EXPECT_TRUE(response.ok()) << response.status().ToString();
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(server.accepted(), 8);
    while (server.open() > static_cast<int>(most)) std::this_thread::yield();
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(client.Fetch(Get(server.Url())).ok());
    EXPECT_EQ(server.accepted(), most == 0 ? 12 : 8);
  }
}

TEST(HttpClientTest, KeepsConnectionsOfEachServerApart) {
  const ScriptedServer a(AnswerEach);
  const ScriptedServer b(AnswerEach);
  HttpClient client;
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(Body(client.Fetch(Get(a.Url()))), StrCat("answer 0.", i));
    EXPECT_EQ(Body(client.Fetch(Get(b.Url()))), StrCat("answer 0.", i));
  }
}

TEST(HttpClientTest, AConnectionThatTheServerClosedMeanwhileFailsNoRequest) {
  const ScriptedServer server([](Peer& peer, int index) {
    peer.ReadRequest();
    peer.Send(Answer(StrCat("answer ", index)));
    if (index % 2 == 1) peer.ResetWhenClosed();
  });
  HttpClient client;
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(Body(client.Fetch(Get(server.Url()))), StrCat("answer ", i));
    while (server.open() > 0) std::this_thread::yield();
  }
}

TEST(HttpClientTest, NeverSendsARequestTwice) {
  std::atomic<int> requests = 0;
  const ScriptedServer server([&](Peer& peer, int) {
    peer.ReadRequest();
    peer.Send(Answer("first"));
    if (!peer.ReadRequest().empty()) ++requests;
  });
  for (const Method method :
       {Method::kGet, Method::kHead, Method::kPut, Method::kPost, Method::kDelete}) {
    for (const bool with_body : {false, true}) {
      if (with_body && method != Method::kPut && method != Method::kPost) continue;
      HttpClient client;
      ASSERT_EQ(Body(client.Fetch(Get(server.Url()))), "first");
      const int before = requests;
      ClientRequest request = Get(server.Url());
      request.method = method;
      if (with_body) {
        request.body = std::make_unique<StringSource>("text");
        request.body_size = 4;
      }
      TransferPhase reached = TransferPhase::kDone;
      const auto response = client.Fetch(std::move(request), {}, &reached);
      EXPECT_EQ(response.status().code(), StatusCode::kUnavailable) << MethodName(method);
      EXPECT_EQ(reached, TransferPhase::kAnswer) << MethodName(method);
      EXPECT_EQ(requests, before + 1);
      EXPECT_EQ(Body(client.Fetch(Get(server.Url()))), "first");
    }
  }
}

TEST(HttpClientTest, BytesBeyondAnAnswerAreNeverTheNextOne) {
  std::atomic<int> poisoned = 0;
  for (const bool at_once : {true, false}) {
    const ScriptedServer server([&](Peer& peer, int) {
      for (int request = 0; !peer.ReadRequest().empty(); ++request) {
        if (at_once) {
          peer.Send(Answer("good") + Answer("evil"));
        } else {
          peer.Send(Answer("good"));
          // The client has its answer, and sends nothing, when these arrive.
          while (poisoned % 2 == 0) std::this_thread::yield();
          peer.Send(Answer("evil"));
          ++poisoned;
        }
      }
    });
    HttpClient client;
    for (int i = 0; i < 4; ++i) {
      EXPECT_EQ(Body(client.Fetch(Get(server.Url()))), "good");
      if (at_once) continue;
      ++poisoned;
      while (poisoned % 2 == 1) std::this_thread::yield();
    }
  }
}

TEST(HttpClientTest, IsSharedByManyThreads) {
  constexpr uint64_t kSeed = 11;
  constexpr int kThreads = 16;
  constexpr int kRequests = 40;
  const auto server = StartServer(Describe);
  HttpClient client;
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      Rng rng(kSeed + i);
      for (int j = 0; j < kRequests; ++j) {
        const std::string body(rng.Next() % 100'000, static_cast<char>('a' + i));
        ClientRequest request = Get(Url(*server, "/"));
        request.method = Method::kPost;
        request.headers.Set("X-Test", StrCat(i, ".", j));
        request.body = std::make_unique<StringSource>(body);
        request.body_size = static_cast<int64_t>(body.size());
        const auto response = client.Fetch(std::move(request));
        good += Body(response) == StrCat("POST|", i, ".", j, "|", body.size(), "|-|", body);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, kThreads * kRequests) << "seed " << kSeed;
}

}  // namespace
}  // namespace lakehouse::net
