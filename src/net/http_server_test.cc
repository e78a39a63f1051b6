#include "net/http_server.h"

#include <atomic>
#include <chrono>
#include <latch>
#include <memory>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/cancel.h"
#include "base/hash.h"
#include "net/http_client.h"
#include "net/test_server.h"

namespace lakehouse::net {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::RawClient;
using testing::RoundTrip;
using testing::StartServer;
using ::testing::StartsWith;
using testing::Url;

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

// Answers with the method, path and whole body.
Response Describe(Request& request) {
  auto body = ReadAll(*request.body, 1 << 20);
  Response response;
  response.body = StrCat(MethodName(request.method), " ", request.path, " ",
                         body.ok() ? *body : body.status().ToString());
  return response;
}

// Answers with the body as it comes.
Response Echo(Request& request) {
  auto body = std::make_shared<std::unique_ptr<ByteSource>>(std::move(request.body));
  Response response;
  response.stream = [body](const BodyWriter& write) -> Status {
    std::string buffer(65'536, '\0');
    while (true) {
      ASSIGN_OR_RETURN(const size_t count, (*body)->Read(buffer));
      if (count == 0) return OkStatus();
      TRY(write(std::string_view(buffer).substr(0, count)));
    }
  };
  return response;
}

// Produces `size` bytes of a pattern without holding them.
class PatternSource : public ByteSource {
 public:
  explicit PatternSource(size_t size) : left_(size) {}
  Result<size_t> Read(std::span<char> buffer) override {
    const size_t count = std::min(buffer.size(), left_);
    for (size_t i = 0; i < count; ++i) buffer[i] = static_cast<char>((left_ - i) * 31 >> 3);
    left_ -= count;
    return count;
  }

 private:
  size_t left_;
};

// AddressSanitizer keeps what was freed, so that nothing can be said of memory there.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kFreedMemoryReturns = false;
#else
constexpr bool kFreedMemoryReturns = true;
#endif

size_t ResidentBytes() {
  size_t pages = 0;
  size_t resident = 0;
  FILE* file = std::fopen("/proc/self/statm", "r");
  EXPECT_EQ(std::fscanf(file, "%zu %zu", &pages, &resident), 2);
  std::fclose(file);
  return resident * 4096;
}

TEST(HttpServerTest, AnswersAndKeepsTheConnection) {
  const auto server = StartServer(Describe);
  RawClient client(server->port());
  for (int i = 0; i < 3; ++i) {
    client.Send("POST /a%20b?x=1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi");
    const std::string answer = client.ReadAnswer();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(answer, EndsWith("POST /a b hi"));
    EXPECT_THAT(answer, Not(HasSubstr("Connection: close")));
  }
}

TEST(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  const auto server = StartServer(Describe);
  RawClient client(server->port());
  std::string requests;
  for (int i = 0; i < 20; ++i) {
    StrAppend(requests, "POST /", i, " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx");
  }
  client.Send(requests);
  for (int i = 0; i < 20; ++i)
    EXPECT_THAT(client.ReadAnswer(), EndsWith(StrCat("POST /", i, " x")));
}

TEST(HttpServerTest, DecodesChunkedBodies) {
  const auto server = StartServer(Describe);
  RawClient client(server->port());
  client.Send(
      "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\nA;ext=1\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n");
  EXPECT_THAT(client.ReadAnswer(), EndsWith("POST / abc0123456789"));
  client.Send(kGet);
  EXPECT_THAT(client.ReadAnswer(), EndsWith("GET / "));
}

TEST(HttpServerTest, ClosesWhenTheClientAsksForIt) {
  const auto server = StartServer(Describe);
  const std::string answer =
      RoundTrip(*server, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(answer, EndsWith("GET / "));
}

TEST(HttpServerTest, ServesHttp10UntilClose) {
  const auto server = StartServer(Echo);
  const std::string answer = RoundTrip(*server, "POST / HTTP/1.0\r\nContent-Length: 4\r\n\r\nbody");
  EXPECT_THAT(answer, Not(HasSubstr("chunked")));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nbody"));
}

TEST(HttpServerTest, HeadSendsTheLengthAndNoBody) {
  const auto server = StartServer(Describe);
  RawClient client(server->port());
  client.Send("HEAD /x HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(client.ReadUntil("\r\n\r\n"), HasSubstr("Content-Length: 8\r\n"));
  client.Send(kGet);  // Nothing of a body stands between the two answers.
  EXPECT_THAT(client.ReadAnswer(), StartsWith("HTTP/1.1 200"));
}

TEST(HttpServerTest, HeadOfAStreamRunsNoProducer) {
  std::atomic<bool> produced = false;
  const auto server = StartServer([&](Request&) {
    Response response;
    response.stream = [&](const BodyWriter&) {
      produced = true;
      return OkStatus();
    };
    return response;
  });
  RawClient client(server->port());
  client.Send("HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(client.ReadUntil("\r\n\r\n"), HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_FALSE(produced);
}

TEST(HttpServerTest, AnswersContinueOnlyWhenTheHandlerWantsTheBody) {
  const auto server = StartServer([](Request& request) {
    if (request.path == "/reject")
      return Response{.status = 404, .headers = {}, .body = "no", .stream = {}};
    return Describe(request);
  });
  constexpr std::string_view kHead =
      " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
  RawClient client(server->port());
  client.Send(StrCat("PUT /take", kHead));
  EXPECT_EQ(client.ReadUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send("ok");
  EXPECT_THAT(client.ReadAnswer(), EndsWith("PUT /take ok"));
  client.Send(StrCat("PUT /reject", kHead));
  const std::string refused = client.ReadAnswer();
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(refused, HasSubstr("Connection: close"));
}

TEST(HttpServerTest, ContinuesBeforeAStreamedAnswerToAnUnreadBody) {
  const auto server = StartServer(Echo);
  RawClient client(server->port());
  client.Send(
      "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.ReadUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send("ok");
  EXPECT_THAT(client.ReadUntil("\r\n0\r\n\r\n"), HasSubstr("2\r\nok\r\n"));
}

TEST(HttpServerTest, SkipsAShortBodyThatTheHandlerIgnored) {
  const auto server = StartServer([](Request&) { return Response{}; });
  RawClient client(server->port());
  for (int i = 0; i < 3; ++i) {
    client.Send(StrCat("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n",
                       std::string(5000, 'x')));
    EXPECT_THAT(client.ReadAnswer(), StartsWith("HTTP/1.1 200"));
  }
}

TEST(HttpServerTest, ClosesAfterALongBodyThatTheHandlerIgnored) {
  const auto server = StartServer([](Request&) { return Response{}; });
  RawClient client(server->port());
  client.Send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000000\r\n\r\n");
  std::thread sender([&] {
    const std::string bytes(1 << 16, 'x');
    for (int i = 0; i < 14'000 && client.Send(bytes); ++i) {
    }
  });
  EXPECT_THAT(client.ReadToEnd(), StartsWith("HTTP/1.1 200"));
  sender.join();
}

TEST(HttpServerTest, KeepsASaneRequestIdAndReplacesOthers) {
  const auto server = StartServer([](Request& request) {
    return Response{.status = 200, .headers = {}, .body = request.request_id, .stream = {}};
  });
  RawClient client(server->port());
  client.Send("GET / HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: abc_-9\r\n\r\n");
  const std::string kept = client.ReadAnswer();
  EXPECT_THAT(kept, HasSubstr("X-Request-Id: abc_-9\r\n"));
  EXPECT_THAT(kept, EndsWith("abc_-9"));
  for (const std::string& bad : {std::string("a b"), std::string(65, 'a'), std::string("<x>")}) {
    client.Send(StrCat("GET / HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: ", bad, "\r\n\r\n"));
    const std::string made = client.ReadAnswer();
    EXPECT_THAT(made, HasSubstr("X-Request-Id: "));
    EXPECT_THAT(made, Not(HasSubstr(bad)));
  }
}

TEST(HttpServerTest, HeaderValuesCannotSmuggleHeaders) {
  const auto server = StartServer([](Request&) {
    Response response;
    response.headers.Set("X-Test", "a\r\nX-Evil: 1");
    return response;
  });
  RawClient client(server->port());
  client.Send(kGet);
  EXPECT_THAT(client.ReadAnswer(), HasSubstr("X-Test: a  X-Evil: 1\r\n"));
}

TEST(HttpServerTest, AHandlerThatThrowsAnswers500) {
  const auto server = StartServer([](Request&) -> Response { throw std::runtime_error("secret"); });
  RawClient client(server->port());
  client.Send(kGet);
  const std::string answer = client.ReadAnswer();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 500"));
  EXPECT_THAT(answer, Not(HasSubstr("secret")));
}

TEST(HttpServerTest, AStreamThatFailsHasNoLastChunk) {
  const auto server = StartServer([](Request&) {
    Response response;
    response.stream = [](const BodyWriter& write) -> Status {
      TRY(write("part"));
      return Internal("broke");
    };
    return response;
  });
  const std::string answer = RoundTrip(*server, kGet);
  EXPECT_THAT(answer, EndsWith("4\r\npart\r\n")) << "no last chunk may follow";
}

// Answers "/" with a stream of the letters "part", and says that it has as many bytes as the query
// parameter `says`.
std::unique_ptr<HttpServer> StartStreamOfKnownSize() {
  return StartServer([](Request& request) {
    Response response;
    response.stream = [](const BodyWriter& write) { return write("part"); };
    response.stream_bytes = std::stoul(*request.QueryParam("says"));
    return response;
  });
}

TEST(HttpServerTest, AStreamOfKnownSizeHasAContentLength) {
  const auto server = StartStreamOfKnownSize();
  RawClient client(server->port());
  client.Send("GET /?says=4 HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const std::string answer = client.ReadAnswer();
  EXPECT_THAT(answer, HasSubstr("Content-Length: 4\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\npart"));
  client.Send("HEAD /?says=4 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  const std::string head = client.ReadToEnd();
  EXPECT_THAT(head, HasSubstr("Content-Length: 4\r\n"));
  EXPECT_THAT(head, EndsWith("\r\n\r\n"));
}

TEST(HttpServerTest, AStreamOfAnotherSizeThanItSaidBreaksTheConnection) {
  const auto server = StartStreamOfKnownSize();
  for (const std::string says : {"3", "5"}) {
    RawClient client(server->port());
    client.Send(StrCat("GET /?says=", says, " HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    const std::string answer = client.ReadToEnd();
    EXPECT_THAT(answer, HasSubstr(StrCat("Content-Length: ", says, "\r\n")));
    EXPECT_THAT(answer, EndsWith(says == "3" ? "\r\n\r\n" : "\r\n\r\npart"));
  }
}

TEST(HttpServerTest, EchoesALargeBodyInBoundedMemory) {
  constexpr size_t kBytes = 64 << 20;
  const auto server = StartServer(Echo);
  Sha256 sent;
  PatternSource pattern(kBytes);
  std::string buffer(1 << 16, '\0');
  for (size_t left = kBytes; left > 0;) {
    const size_t count = *pattern.Read(buffer);
    sent.Update(std::string_view(buffer).substr(0, count));
    left -= count;
  }
  const size_t before = ResidentBytes();
  size_t peak = 0;
  size_t received_bytes = 0;
  Sha256 received;
  ClientRequest request;
  request.method = Method::kPost;
  request.url = Url(*server, "/");
  request.body = std::make_unique<PatternSource>(kBytes);
  const auto response = HttpClient().Fetch(std::move(request), [&](std::string_view bytes) {
    received.Update(bytes);
    received_bytes += bytes.size();
    peak = std::max(peak, ResidentBytes());
    return OkStatus();
  });
  ASSERT_TRUE(response.ok()) << response.status().ToString();
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(received_bytes, kBytes);
  EXPECT_EQ(received.FinishHex(), sent.FinishHex());
  if (kFreedMemoryReturns) {
    EXPECT_LT(peak, before + (16 << 20));
  }
}

TEST(HttpServerTest, ServesManyClientsAtOnce) {
  HttpServerOptions options;
  options.io_threads = 2;
  const auto server = StartServer(Describe, options);
  HttpClientOptions patient;
  patient.connect_timeout_ms = 30'000;
  HttpClient client(patient);
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 200; ++i) {
    threads.emplace_back([&, i] {
      ClientRequest request;
      request.method = Method::kPost;
      request.url = Url(*server, StrCat("/", i));
      request.body = std::make_unique<StringSource>(std::string(10'000, 'a'));
      request.body_size = 10'000;
      const auto response = client.Fetch(std::move(request));
      if (response.ok() && response->body == StrCat("POST /", i, " ", std::string(10'000, 'a'))) {
        ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 200);
}

TEST(HttpServerTest, RefusesWhatDoesNotFitTheQueue) {
  std::latch release(1);
  HttpServerOptions options;
  options.worker_threads = 1;
  options.max_queued_requests = 1;
  options.urgent = [](const Request& request) { return request.path == "/urgent"; };
  std::atomic<int> started = 0;
  const auto server = StartServer(
      [&](Request& request) {
        ++started;
        if (request.path == "/wait") release.wait();
        return Response{};
      },
      options);
  RawClient running(server->port());
  running.Send("GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n");
  while (started == 0) std::this_thread::yield();
  // One of these waits, the others are refused.
  std::vector<std::unique_ptr<RawClient>> clients;
  int refused = 0;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<RawClient>(server->port()));
    clients.back()->Send(kGet);
    if (i == 0) continue;
    const std::string answer = clients.back()->ReadAnswer();
    if (answer.starts_with("HTTP/1.1 503") && answer.find("Retry-After: 1") != std::string::npos) {
      ++refused;
    }
  }
  EXPECT_EQ(refused, 2);
  RawClient urgent(server->port());
  urgent.Send("GET /urgent HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(urgent.ReadAnswer(), StartsWith("HTTP/1.1 200"));
  release.count_down();
  EXPECT_THAT(running.ReadAnswer(), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(clients[0]->ReadAnswer(), StartsWith("HTTP/1.1 200"));
}

TEST(HttpServerTest, CancelsTheRequestOfAClientThatLeft) {
  std::latch started(1);
  std::latch stopped(1);
  const auto server = StartServer([&](Request& request) {
    const CancelToken cancel = request.cancel;
    started.count_down();
    while (!cancel.stopped()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    stopped.count_down();
    return Response{};
  });
  RawClient client(server->port());
  client.Send(kGet);
  started.wait();
  client.Close();
  stopped.wait();
}

TEST(HttpServerTest, StopsAProducerWhoseClientLeft) {
  std::latch stopped(1);
  const auto server = StartServer([&](Request&) {
    Response response;
    response.stream = [&](const BodyWriter& write) -> Status {
      const std::string bytes(100'000, 'x');
      Status status;
      while (status.ok()) status = write(bytes);
      stopped.count_down();
      return status;
    };
    return response;
  });
  RawClient client(server->port());
  client.Send(kGet);
  client.ReadUntil("\r\n\r\n");
  client.Close();
  stopped.wait();
}

TEST(HttpServerTest, CountsWhatItDid) {
  MetricsRegistry metrics;
  HttpServerOptions options;
  options.metrics = &metrics;
  const auto server = StartServer(Describe, options);
  RawClient client(server->port());
  client.Send(kGet);
  client.ReadAnswer();
  client.Send("BREW / HTTP/1.1\r\n\r\n");
  client.ReadToEnd();
  const std::string text = metrics.PrometheusText();
  EXPECT_THAT(text, HasSubstr("lakehouse_http_requests_total{method=\"GET\",status=\"200\"} 1\n"));
  EXPECT_THAT(text,
              HasSubstr("lakehouse_http_requests_total{method=\"OTHER\",status=\"400\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("lakehouse_http_request_seconds_count"));
  EXPECT_THAT(text, HasSubstr("lakehouse_http_requests_in_flight 0\n"));
}

TEST(HttpServerTest, RefusesConnectionsAboveItsLimit) {
  HttpServerOptions options;
  options.max_connections = 2;
  const auto server = StartServer(Describe, options);
  RawClient first(server->port());
  RawClient second(server->port());
  for (RawClient* client : {&first, &second}) {
    client->Send(kGet);
    EXPECT_THAT(client->ReadAnswer(), StartsWith("HTTP/1.1 200"));
  }
  EXPECT_THAT(RoundTrip(*server, kGet), StartsWith("HTTP/1.1 503"));
}

TEST(HttpServerTest, SaysWhyItCannotListen) {
  const auto server = StartServer(Describe);
  HttpServerOptions options;
  options.port = server->port();
  const auto second = HttpServer::Start(options, Describe, testing::PlainError);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), StatusCode::kUnavailable);
  EXPECT_THAT(second.status().message(), HasSubstr(StrCat("127.0.0.1:", server->port())));
  options.host = "no address";
  const auto third = HttpServer::Start(options, Describe, testing::PlainError);
  EXPECT_EQ(third.status().code(), StatusCode::kInvalidArgument);
}

TEST(HttpServerShutdownTest, LetsARunningRequestFinish) {
  std::latch started(1);
  std::latch release(1);
  const auto server = StartServer([&](Request&) {
    started.count_down();
    release.wait();
    return Response{.status = 200, .headers = {}, .body = "done", .stream = {}};
  });
  RawClient idle(server->port());
  RawClient busy(server->port());
  busy.Send(kGet);
  started.wait();
  std::thread shutdown([&] { server->Shutdown(60'000); });
  EXPECT_EQ(idle.ReadToEnd(), "");  // Closed while the other still runs.
  release.count_down();
  const std::string answer = busy.ReadToEnd();
  EXPECT_THAT(answer, HasSubstr("Connection: close"));
  EXPECT_THAT(answer, EndsWith("done"));
  shutdown.join();
}

TEST(HttpServerShutdownTest, CancelsWhatDoesNotFinish) {
  std::latch started(2);
  const auto server = StartServer([&](Request& request) {
    started.count_down();
    if (request.path == "/body") {
      const auto body = ReadAll(*request.body, 1'000);
      return Response{.status = 200, .headers = {}, .body = body.status().ToString(), .stream = {}};
    }
    while (!request.cancel.stopped()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return Response{.status = 499, .headers = {}, .body = "cancelled", .stream = {}};
  });
  RawClient spinning(server->port());
  spinning.Send(kGet);
  RawClient stuck(server->port());  // Waits for a body that never comes.
  stuck.Send("POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n");
  started.wait();
  server->Shutdown(10);
  EXPECT_THAT(spinning.ReadToEnd(), EndsWith("cancelled"));
  EXPECT_THAT(stuck.ReadToEnd(), EndsWith("cancelled: the server stops"));
}

}  // namespace
}  // namespace lakehouse::net
