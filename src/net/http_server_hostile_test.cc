// What a hostile or broken client may send, on a bare socket.
#include <atomic>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/http_server.h"
#include "net/test_server.h"

namespace lakehouse::net {
namespace {

using ::testing::HasSubstr;
using testing::RawClient;
using testing::RoundTrip;
using testing::StartServer;
using ::testing::StartsWith;

Response ReadBody(Request& request) {
  const auto body = ReadAll(*request.body, 1 << 20);
  if (body.ok()) return Response{.status = 200, .headers = {}, .body = *body, .stream = {}};
  return Response{.status = 418, .headers = {}, .body = body.status().ToString(), .stream = {}};
}

struct Malformed {
  const char* name;
  std::string request;
  int status;
};

class HttpServerHostileTest : public ::testing::TestWithParam<Malformed> {};

TEST_P(HttpServerHostileTest, IsRefusedAndTheConnectionClosed) {
  std::atomic<bool> handled = false;
  const auto server = StartServer([&](Request& request) {
    handled = request.path != "/body";
    return ReadBody(request);
  });
  const std::string answer = RoundTrip(*server, GetParam().request);
  EXPECT_THAT(answer, StartsWith(StrCat("HTTP/1.1 ", GetParam().status, " ")));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(answer, HasSubstr("X-Request-Id: "));
  EXPECT_FALSE(handled);
}

std::string Post(std::string_view headers, std::string_view body = "") {
  return StrCat("POST /body HTTP/1.1\r\nHost: localhost\r\n", headers, "\r\n", body);
}

std::string Get(std::string_view target, std::string_view headers = "Host: localhost\r\n") {
  return StrCat("GET ", target, " HTTP/1.1\r\n", headers, "\r\n");
}

INSTANTIATE_TEST_SUITE_P(
    Malformed, HttpServerHostileTest,
    ::testing::Values(
        Malformed{"LengthAndChunked",
                  Post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
        Malformed{"ChunkedAndLength",
                  Post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "0\r\n\r\n"), 400},
        Malformed{"TwoLengths", Post("Content-Length: 3\r\nContent-Length: 4\r\n", "abcd"), 400},
        Malformed{"TwoEqualLengths", Post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"),
                  400},
        Malformed{"LengthList", Post("Content-Length: 3, 3\r\n", "abc"), 400},
        Malformed{"NegativeLength", Post("Content-Length: -1\r\n"), 400},
        Malformed{"SignedLength", Post("Content-Length: +3\r\n", "abc"), 400},
        Malformed{"HugeLength", Post("Content-Length: 99999999999999999999999\r\n"), 400},
        Malformed{"UnknownCoding", Post("Transfer-Encoding: gzip\r\n"), 501},
        Malformed{"CodingList", Post("Transfer-Encoding: gzip, chunked\r\n"), 501},
        Malformed{"CodingTwice",
                  Post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400},
        Malformed{"FoldedField", Get("/", "Host: localhost\r\nX-A: b\r\n c\r\n"), 400},
        Malformed{"SpaceBeforeColon", Get("/", "Host : localhost\r\n"), 400},
        Malformed{"BareLineFeed", Get("/", "Host: localhost\nX: y\r\n"), 400},
        Malformed{"BareCarriageReturn", Get("/", "Host: localhost\r\nX: a\rb\r\n"), 400},
        Malformed{"NulInHeader", Get("/", std::string("Host: localhost\r\nX: a\0b\r\n", 25)), 400},
        Malformed{"NoHost", Get("/", ""), 400},
        Malformed{"TwoHosts", Get("/", "Host: localhost\r\nHost: evil\r\n"), 400},
        Malformed{"Garbage", "\x16\x03\x01\x02garbage\r\n\r\n", 400},
        Malformed{"NoVersion", "GET /\r\n\r\n", 400},
        Malformed{"Http2", "PRI * HTTP/2.0\r\n\r\n", 505},
        Malformed{"SpaceInTarget", Get("/a b"), 505}, Malformed{"NotAPath", Get("evil"), 400},
        Malformed{"ParentSegment", Get("/a/../b"), 400},
        Malformed{"EncodedParentSegment", Get("/a/%2e%2E/b"), 400},
        Malformed{"EncodedSlashParent", Get("/a%2f..%2fb"), 400},
        Malformed{"EncodedNul", Get("/a%00b"), 400},
        Malformed{"EncodedBackslash", Get("/a%5cb"), 400}, Malformed{"BadEscape", Get("/%zz"), 400},
        Malformed{"HalfEscape", Get("/%4"), 400}, Malformed{"NotUtf8", Get("/%ff"), 400},
        Malformed{"NulInQuery", Get("/?a=%00"), 400},
        Malformed{"UnknownExpectation", Post("Content-Length: 1\r\nExpect: money\r\n", "x"), 417},
        Malformed{"ForeignHost", Get("/", "Host: evil.example\r\n"), 403},
        Malformed{"ForeignHostPrefix", Get("/", "Host: localhost.evil.example\r\n"), 403},
        Malformed{"ForeignOrigin", Get("/", "Host: localhost\r\nOrigin: http://evil.example\r\n"),
                  403},
        Malformed{"NullOrigin", Get("/", "Host: localhost\r\nOrigin: null\r\n"), 403},
        Malformed{"BadChunkSize", Post("Transfer-Encoding: chunked\r\n", "zz\r\nabc\r\n"), 400},
        Malformed{"ChunkTooLong", Post("Transfer-Encoding: chunked\r\n", "2\r\nabcd\r\n0\r\n\r\n"),
                  400},
        Malformed{"HugeChunkSize",
                  Post("Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\nabc\r\n"), 400},
        Malformed{"TooLongHead",
                  Get("/", StrCat("Host: localhost\r\nX: ", std::string(40'000, 'a'), "\r\n")),
                  431},
        Malformed{"EndlessHead", StrCat("GET /", std::string(40'000, 'a')), 431}),
    [](const auto& test) { return test.param.name; });

TEST(HttpServerLimitsTest, RefusesTooManyFields) {
  const auto server = StartServer(ReadBody);
  std::string fields = "Host: localhost\r\n";
  for (int i = 0; i < 100; ++i) StrAppend(fields, "X-", i, ": 1\r\n");
  EXPECT_THAT(RoundTrip(*server, Get("/", fields)), StartsWith("HTTP/1.1 431"));
}

TEST(HttpServerLimitsTest, AcceptsItsOwnOriginAndPorts) {
  const auto server = StartServer(ReadBody);
  for (const std::string_view fields :
       {"Host: localhost:1\r\nOrigin: http://localhost:1\r\n", "Host: 127.0.0.1:3100\r\n",
        "Host: [::1]:3100\r\n", "Host: LOCALHOST\r\n"}) {
    RawClient client(server->port());
    client.Send(Get("/", fields));
    EXPECT_THAT(client.ReadAnswer(), StartsWith("HTTP/1.1 200")) << fields;
  }
}

TEST(HttpServerLimitsTest, RefusesABodyOverTheLimit) {
  HttpServerOptions options;
  options.max_body_bytes = 100;
  const auto server = StartServer(ReadBody, options);
  const std::string body(101, 'x');
  EXPECT_THAT(RoundTrip(*server, Post("Content-Length: 101\r\n", body)),
              StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(RoundTrip(*server, Post("Transfer-Encoding: chunked\r\n",
                                      StrCat("65\r\n", body, "\r\n0\r\n\r\n"))),
              StartsWith("HTTP/1.1 413"));
  RawClient client(server->port());
  client.Send(Post("Content-Length: 100\r\n", std::string(100, 'x')));
  EXPECT_THAT(client.ReadAnswer(), StartsWith("HTTP/1.1 200"));
}

TEST(HttpServerLimitsTest, GivesUpOnASlowHead) {
  HttpServerOptions options;
  options.header_timeout_ms = 100;
  const auto server = StartServer(ReadBody, options);
  EXPECT_THAT(RoundTrip(*server, "GET / HTT"), StartsWith("HTTP/1.1 408"));
  EXPECT_EQ(RoundTrip(*server, ""), "");  // Not a byte was sent, so nothing is answered.
}

TEST(HttpServerLimitsTest, GivesUpOnASilentBody) {
  HttpServerOptions options;
  options.body_idle_timeout_ms = 100;
  const auto server = StartServer(ReadBody, options);
  EXPECT_THAT(RoundTrip(*server, Post("Content-Length: 10\r\n", "abc")),
              StartsWith("HTTP/1.1 408"));
}

TEST(HttpServerLimitsTest, GivesUpOnADripOfBytes) {
  HttpServerOptions options;
  options.body_idle_timeout_ms = 200;
  const auto server = StartServer(ReadBody, options);
  RawClient client(server->port());
  client.Send(Post("Content-Length: 100000\r\n"));
  std::atomic<bool> stop = false;
  std::thread drip([&] {
    while (!stop && client.Send("x")) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  });
  EXPECT_THAT(client.ReadAnswer(), StartsWith("HTTP/1.1 408"));
  stop = true;
  drip.join();
}

TEST(HttpServerLimitsTest, DoesNotBlameASenderForASlowHandler) {
  HttpServerOptions options;
  options.body_idle_timeout_ms = 50;
  const auto server = StartServer(
      [](Request& request) {
        std::string buffer(65'536, '\0');
        size_t total = 0;
        while (true) {
          const auto count = request.body->Read(buffer);
          if (!count.ok() || *count == 0) break;
          if (total == 0) std::this_thread::sleep_for(std::chrono::milliseconds(300));
          total += *count;
        }
        return Response{.status = 200, .headers = {}, .body = StrCat(total), .stream = {}};
      },
      options);
  RawClient client(server->port());
  client.Send(Post("Content-Length: 2000000\r\n", std::string(2'000'000, 'x')));
  EXPECT_THAT(client.ReadAnswer(), ::testing::EndsWith("2000000"));
}

TEST(HttpServerLimitsTest, ClosesAnIdleConnection) {
  HttpServerOptions options;
  options.keep_alive_timeout_ms = 100;
  const auto server = StartServer(ReadBody, options);
  const std::string answer = RoundTrip(*server, Get("/"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
}

TEST(HttpServerLimitsTest, DropsAClientThatDoesNotReadItsAnswer) {
  HttpServerOptions options;
  options.body_idle_timeout_ms = 100;
  std::atomic<bool> failed = false;
  const auto server = StartServer(
      [&](Request&) {
        Response response;
        response.stream = [&](const BodyWriter& write) -> Status {
          const std::string bytes(1 << 20, 'x');
          Status status;
          while (status.ok()) status = write(bytes);
          failed = true;
          return status;
        };
        return response;
      },
      options);
  RawClient client(server->port(), 4'096);
  client.Send(Get("/"));
  while (!failed) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

}  // namespace
}  // namespace lakehouse::net
