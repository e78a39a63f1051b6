#include "ai/remote/line_splitter.h"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/test_seed.h"

namespace lakehouse::ai {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

// Feeds `bytes` cut at the positions.
template <typename Splitter>
void FeedInPieces(Splitter& splitter, std::string_view bytes, const std::vector<size_t>& cuts) {
  size_t begin = 0;
  for (const size_t cut : cuts) {
    EXPECT_TRUE(splitter.Feed(bytes.substr(begin, cut - begin)).ok());
    begin = cut;
  }
  EXPECT_TRUE(splitter.Feed(bytes.substr(begin)).ok());
  EXPECT_TRUE(splitter.Finish().ok());
}

std::vector<std::string> Lines(std::string_view bytes, const std::vector<size_t>& cuts = {}) {
  std::vector<std::string> lines;
  LineSplitter splitter([&](std::string_view line) {
    lines.emplace_back(line);
    return OkStatus();
  });
  FeedInPieces(splitter, bytes, cuts);
  return lines;
}

using Events = std::vector<std::pair<std::string, std::string>>;

Events EventsOf(std::string_view bytes, const std::vector<size_t>& cuts = {}) {
  Events events;
  EventSplitter splitter([&](std::string_view event, std::string_view data) {
    events.emplace_back(event, data);
    return OkStatus();
  });
  FeedInPieces(splitter, bytes, cuts);
  return events;
}

TEST(LineSplitterTest, EndsLinesWithLfOrCrLf) {
  EXPECT_THAT(Lines("a\r\n\nb\n c\r d"), ElementsAre("a", "", "b", " c\r d"));
  EXPECT_THAT(Lines(""), ElementsAre());
  EXPECT_THAT(Lines("\n"), ElementsAre(""));
  EXPECT_THAT(Lines("a\n"), ElementsAre("a"));
}

TEST(LineSplitterTest, TheSameLinesComeHoweverTheBytesAreCut) {
  const std::string bytes = "{\"a\": 1}\r\n\n{\"b\": \"\u4e2d\"}\n{\"c\"";
  const auto whole = Lines(bytes);
  for (size_t i = 0; i <= bytes.size(); ++i) {
    for (size_t j = i; j <= bytes.size(); ++j) ASSERT_EQ(Lines(bytes, {i, j}), whole);
  }
}

TEST(LineSplitterTest, PassesTheSinksErrorOn) {
  LineSplitter splitter([](std::string_view) { return Cancelled("enough"); });
  EXPECT_TRUE(splitter.Feed("a").ok());
  EXPECT_EQ(splitter.Feed("b\nc\n").code(), StatusCode::kCancelled);
}

TEST(LineSplitterTest, RefusesALineWithoutEnd) {
  LineSplitter splitter([](std::string_view) { return OkStatus(); });
  const std::string block(1 << 20, 'x');
  Status status;
  int blocks = 0;
  for (; status.ok() && blocks < 100; ++blocks) status = splitter.Feed(block);
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_EQ(blocks, 17);
}

TEST(EventSplitterTest, ReadsEventsAsTheStandardSays) {
  EXPECT_THAT(EventsOf("data: a\n\n"), ElementsAre(Pair("", "a")));
  EXPECT_THAT(EventsOf("data:a\ndata:  b\ndata\n\n"), ElementsAre(Pair("", "a\n b\n")));
  EXPECT_THAT(EventsOf("event: error\ndata: {}\r\n\r\ndata: x\n\n"),
              ElementsAre(Pair("error", "{}"), Pair("", "x")));
  EXPECT_THAT(EventsOf(": ping\n\nid: 7\nretry: 3\n\nevent: lonely\n\n"), ElementsAre());
  EXPECT_THAT(EventsOf("data: cut off"), ElementsAre(Pair("", "cut off")));
}

TEST(EventSplitterTest, TheSameEventsComeHoweverTheBytesAreCut) {
  const std::string bytes =
      ": hello\n\nevent: x\r\ndata: {\"a\": \"\u00e9\"}\r\n\r\ndata: 1\ndata: 2\n\ndata: "
      "[DONE]\n\n";
  const Events whole = EventsOf(bytes);
  ASSERT_EQ(whole.size(), 3U);
  for (size_t i = 0; i <= bytes.size(); ++i) {
    for (size_t j = i; j <= bytes.size(); ++j) ASSERT_EQ(EventsOf(bytes, {i, j}), whole);
  }
}

TEST(EventSplitterTest, AnyBytesAreReadTheSameHoweverTheyAreCut) {
  Rng rng(testing::TestSeed());
  constexpr std::string_view kAlphabet = "\n\r: datevn{}\"x";
  for (int round = 0; round < 2'000; ++round) {
    std::string bytes;
    const uint64_t size = rng.Below(60);
    for (uint64_t i = 0; i < size; ++i) {
      bytes += rng.Below(8) == 0 ? std::string("data:")
                                 : std::string(1, kAlphabet[rng.Below(kAlphabet.size())]);
    }
    const Events whole = EventsOf(bytes);
    std::vector<size_t> every;
    for (size_t i = 0; i < bytes.size(); ++i) every.push_back(i);
    ASSERT_EQ(EventsOf(bytes, every), whole) << bytes;
    const size_t cut = rng.Below(bytes.size() + 1);
    ASSERT_EQ(EventsOf(bytes, {cut}), whole) << bytes;
  }
}

}  // namespace
}  // namespace lakehouse::ai
