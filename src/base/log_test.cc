#include "base/log.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/json.h"

namespace lakehouse {
namespace {

constexpr Timestamp kTime{1'795'454'717'000'000};

std::string Format(std::string_view message, std::initializer_list<LogField> fields, bool json) {
  return FormatLogRecord(kTime, LogLevel::kWarning, message, {fields.begin(), fields.size()}, json);
}

TEST(FormatLogRecordTest, TextQuotesOnlyWhatNeedsIt) {
  EXPECT_EQ(Format("started", {{"port", 3100}, {"path", "/a/b"}, {"ok", true}}, false),
            "time=2026-11-23T17:25:17.000000Z level=warning message=started port=3100 path=/a/b "
            "ok=true");
  EXPECT_EQ(Format("two words", {{"e", ""}, {"q", "say \"x\""}, {"eq", "a=b"}, {"u", "é"}}, false),
            "time=2026-11-23T17:25:17.000000Z level=warning message=\"two words\" e=\"\" "
            "q=\"say \\\"x\\\"\" eq=\"a=b\" u=é");
}

TEST(FormatLogRecordTest, AValueCannotStartALineOfItsOwn) {
  for (const bool json : {false, true}) {
    const std::string line = Format("x", {{"user", "a\nlevel=error\r\x1B[2J\xFF"}}, json);
    for (const char c : line) EXPECT_GE(static_cast<unsigned char>(c), 0x20) << json;
    EXPECT_TRUE(IsValidUtf8(line));
  }
}

TEST(FormatLogRecordTest, JsonHoldsEveryField) {
  const Result<Json> record = ParseJson(Format("two words", {{"n", 5}, {"q", "\"\\\n"}}, true));
  ASSERT_TRUE(record.ok());
  EXPECT_EQ(record->at("time"), "2026-11-23T17:25:17.000000Z");
  EXPECT_EQ(record->at("level"), "warning");
  EXPECT_EQ(record->at("message"), "two words");
  EXPECT_EQ(record->at("n"), "5");
  EXPECT_EQ(record->at("q"), "\"\\\n");
}

TEST(LogLevelTest, ParsesItsNames) {
  EXPECT_EQ(*ParseLogLevel("debug"), LogLevel::kDebug);
  EXPECT_EQ(*ParseLogLevel("error"), LogLevel::kError);
  EXPECT_EQ(ParseLogLevel("loud").status().code(), StatusCode::kInvalidArgument);
}

// Restores the settings that other tests of the program expect.
class LogTest : public ::testing::Test {
 protected:
  ~LogTest() override { ConfigureLog({}); }
};

TEST_F(LogTest, WritesWholeLinesAtOrAboveTheLevel) {
  ConfigureLog({.level = LogLevel::kWarning, .json = true});
  ::testing::internal::CaptureStderr();
  Log(LogLevel::kInfo, "unimportant");
  LogWarning("important", {{"a", 1}});
  LogError("very important");
  const std::string output = ::testing::internal::GetCapturedStderr();
  const std::vector<std::string_view> lines = SplitString(output, '\n');
  ASSERT_EQ(lines.size(), 3u) << output;
  EXPECT_EQ(ParseJson(lines[0])->at("message"), "important");
  EXPECT_EQ(ParseJson(lines[1])->at("message"), "very important");
  EXPECT_EQ(lines[2], "");
}

TEST_F(LogTest, ThreadsDoNotMixTheirLines) {
  ConfigureLog({.level = LogLevel::kInfo, .json = true});
  ::testing::internal::CaptureStderr();
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([thread] {
      for (int i = 0; i < 200; ++i) LogInfo("line", {{"thread", thread}, {"i", i}});
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::string output = ::testing::internal::GetCapturedStderr();
  std::vector<int> next(4);
  for (const std::string_view line : SplitString(output, '\n')) {
    if (line.empty()) continue;
    const Result<Json> record = ParseJson(line);
    ASSERT_TRUE(record.ok()) << line;
    const int thread = std::stoi(record->at("thread").get<std::string>());
    EXPECT_EQ(record->at("i"), StrCat(next.at(thread)++));
  }
  EXPECT_EQ(next, std::vector<int>(4, 200));
}

}  // namespace
}  // namespace lakehouse
