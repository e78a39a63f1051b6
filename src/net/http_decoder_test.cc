#include "net/http_decoder.h"

#include <cstdio>
#include <string>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "base/strings.h"
#include "net/chunk_decoder.h"

namespace lakehouse::net {
namespace {

// Decodes pieces as a connection does; returns the body, or the error.
Result<std::string> DecodeChunks(std::string_view text, size_t piece, uint64_t limit = 0) {
  ChunkDecoder decoder(limit);
  std::string body;
  std::string pending;
  for (size_t at = 0; at < text.size(); at += piece) {
    pending.append(text.substr(at, piece));
    ASSIGN_OR_RETURN(const size_t used, decoder.Decode(pending, body));
    pending.erase(0, used);
  }
  if (!decoder.done()) return Unavailable("not done");
  return StrCat(body, "|", pending);
}

TEST(ChunkDecoderTest, DecodesAcrossEveryBorder) {
  constexpr std::string_view kText =
      "3\r\nabc\r\nA;name=\"v\" ;x\r\n0123456789\r\n00001 \t;y\r\n\r\r\n0\r\nT: 1\r\nU:\r\n\r\nGET";
  for (size_t piece = 1; piece <= kText.size(); ++piece) {
    const auto body = DecodeChunks(kText, piece);
    ASSERT_TRUE(body.ok()) << piece << " " << body.status().ToString();
    EXPECT_EQ(*body, "abc0123456789\r|GET");
  }
}

TEST(ChunkDecoderTest, RefusesWhatIsMalformed) {
  for (const std::string& bad :
       {std::string("\r\n"), std::string("x\r\n"), std::string("-1\r\n"), std::string("+1\r\n"),
        std::string(" 1\r\n"), std::string("0x1\r\n"), std::string("1 \r\nx"),
        std::string("1 x\r\n"), std::string("10000000000000000\r\n"), std::string("1\r\nabc\r\n"),
        std::string("1\nx"
                    "\r\n"),
        std::string("0\n\r\n"), std::string("1;a\x01\r\n"), std::string("1\rx\r\n"),
        std::string("0\r\nno name\r\n\r\n"), std::string("0\r\n: x\r\n\r\n"),
        StrCat("1;", std::string(5'000, 'a')), StrCat("0\r\nT: ", std::string(5'000, 'a'))}) {
    for (const size_t piece : {size_t{1}, bad.size()}) {
      EXPECT_EQ(DecodeChunks(bad, piece).status().code(), StatusCode::kInvalidArgument) << bad;
    }
  }
  std::string trailers = "0\r\n";
  for (int i = 0; i < 10; ++i) StrAppend(trailers, "T: ", std::string(2'000, 'a'), "\r\n");
  EXPECT_EQ(DecodeChunks(StrCat(trailers, "\r\n"), 100).status().code(),
            StatusCode::kInvalidArgument);
}

TEST(ChunkDecoderTest, HoldsTheLimitBeforeTheBytesCome) {
  EXPECT_EQ(*DecodeChunks("5\r\nabcde\r\n5\r\nabcde\r\n0\r\n\r\n", 3, 10), "abcdeabcde|");
  EXPECT_EQ(DecodeChunks("5\r\nabcde\r\n6\r\n", 3, 10).status().code(),
            StatusCode::kResourceExhausted);
  EXPECT_EQ(DecodeChunks("ffffffffffffffff\r\n", 3, 10).status().code(),
            StatusCode::kResourceExhausted);
}

TEST(ChunkDecoderTest, ReturnsRandomBodiesWhole) {
  constexpr uint64_t kSeed = 7;
  SCOPED_TRACE(kSeed);
  Rng rng(kSeed);
  for (int round = 0; round < 300; ++round) {
    std::string body;
    std::string coded;
    for (uint64_t chunks = rng.Below(6); chunks > 0; --chunks) {
      std::string chunk;
      for (uint64_t i = 1 + rng.Below(40); i > 0; --i) chunk.push_back("\r\n0;a"[rng.Below(5)]);
      char size[8];
      std::snprintf(size, sizeof(size), "%zx", chunk.size());
      StrAppend(coded, size, "\r\n", chunk, "\r\n");
      body += chunk;
    }
    coded += "0\r\n\r\n";
    EXPECT_EQ(*DecodeChunks(coded, 1 + rng.Below(30)), body + "|");
  }
}

TEST(RequestDecoderTest, KeepsFieldsAndTheirOrder) {
  RequestDecoder decoder({});
  ASSERT_TRUE(
      decoder
          .ParseHead("PUT /a?b HTTP/1.1\r\nHost: h\r\nX:  v \r\nx: w\r\nContent-Length: 3\r\n"
                     "Expect: 100-Continue\r\nConnection: keep-alive, Close\r\n\r\n")
          .ok());
  EXPECT_EQ(decoder.head().method, "PUT");
  EXPECT_EQ(decoder.head().target, "/a?b");
  EXPECT_EQ(decoder.head().headers.Get("X"), "v");
  EXPECT_EQ(decoder.head().headers.all().size(), 6u);
  EXPECT_TRUE(decoder.head().expects_continue);
  EXPECT_FALSE(decoder.head().keep_alive);
  std::string body;
  EXPECT_EQ(*decoder.DecodeBody("abcdef", body), 3u);
  EXPECT_EQ(body, "abc");
  EXPECT_TRUE(decoder.done());
}

TEST(RequestDecoderTest, NothingIsExpectedForNoBody) {
  RequestDecoder decoder({});
  ASSERT_TRUE(decoder.ParseHead("GET / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n").ok());
  EXPECT_TRUE(decoder.done());
  EXPECT_FALSE(decoder.head().expects_continue);
}

TEST(RequestDecoderTest, RefusesALengthOverTheLimit) {
  RequestDecoder decoder({.max_body_bytes = 10});
  EXPECT_EQ(decoder.ParseHead("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n").code(),
            StatusCode::kResourceExhausted);
  EXPECT_EQ(decoder.error_http_status(), 413);
}

TEST(CheckLoopbackOriginTest, TakesOnlyItsOwnNames) {
  struct Sample {
    const char* host;
    const char* origin;
    bool good;
  };
  for (const Sample& sample :
       {Sample{"localhost", nullptr, true}, Sample{"LocalHost:80", nullptr, true},
        Sample{"127.0.0.1:3100", "http://127.0.0.1:3100", true}, Sample{"[::1]:9", nullptr, true},
        Sample{"localhost:1", "http://localhost:2", false},
        Sample{"localhost", "https://localhost", false}, Sample{"localhost", "null", false},
        Sample{"localhost", "http://localhost.evil.example", false},
        Sample{"evil.example", nullptr, false}, Sample{"127.0.0.1.evil.example", nullptr, false},
        Sample{"[::1", nullptr, false}, Sample{"", nullptr, false},
        Sample{"localhost@evil.example", nullptr, false}}) {
    Headers headers;
    headers.Set("Host", sample.host);
    if (sample.origin != nullptr) headers.Set("Origin", sample.origin);
    EXPECT_EQ(CheckLoopbackOrigin(headers).ok(), sample.good) << sample.host;
  }
}

}  // namespace
}  // namespace lakehouse::net
