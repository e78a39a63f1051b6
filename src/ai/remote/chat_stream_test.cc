#include "ai/remote/chat_stream.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lakehouse::ai {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Make = std::unique_ptr<ChatStream> (*)(GenerateSink, ChatStream::OnError);

struct Outcome {
  Status status;
  GenerateAnswer answer;
  std::vector<std::string> pieces;
};

Outcome Play(Make make, std::string_view bytes, size_t step = 1'000'000,
             const Status& sink_status = {}) {
  Outcome outcome;
  const auto stream = make(
      [&](std::string_view piece) {
        outcome.pieces.emplace_back(piece);
        return sink_status;
      },
      [](std::string_view message) { return Unavailable("in the stream: ", message); });
  for (size_t i = 0; i < bytes.size() && outcome.status.ok(); i += step) {
    outcome.status = stream->Feed(bytes.substr(i, step));
  }
  if (!outcome.status.ok()) return outcome;
  Result<GenerateAnswer> answer = stream->Finish();
  outcome.status = answer.status();
  if (answer.ok()) outcome.answer = *std::move(answer);
  return outcome;
}

constexpr std::string_view kOllama =
    R"({"model":"m","message":{"role":"assistant","content":"Gr"},"done":false})"
    "\n"
    R"({"model":"m","message":{"role":"assistant","content":"","thinking":"hm"},"done":false})"
    "\n"
    R"({"model":"m","message":{"role":"assistant","content":"üße"},"done":false})"
    "\n"
    R"({"model":"m","message":{"content":""},"done":true,"done_reason":"length",)"
    R"("prompt_eval_count":7,"eval_count":2})"
    "\n";

constexpr std::string_view kOpenAi =
    R"(data: {"choices":[{"delta":{"role":"assistant","content":""},"finish_reason":null}]})"
    "\n\n: ping\n\n"
    R"(data: {"choices":[{"delta":{"content":"Gr"},"finish_reason":null}]})"
    "\n\n"
    R"(data: {"choices":[{"delta":{"content":"üße"}}]})"
    "\n\n"
    R"(data: {"choices":[{"delta":{},"finish_reason":"length"}]})"
    "\n\n"
    R"(data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2}})"
    "\n\ndata: [DONE]\n\n";

class ChatStreamTest : public ::testing::TestWithParam<std::pair<Make, std::string_view>> {};

TEST_P(ChatStreamTest, PutsTheAnswerTogetherHoweverTheBytesAreCut) {
  const auto [make, bytes] = GetParam();
  for (size_t step = 1; step <= bytes.size(); ++step) {
    const Outcome outcome = Play(make, bytes, step);
    ASSERT_TRUE(outcome.status.ok()) << outcome.status.ToString();
    ASSERT_THAT(outcome.pieces, ElementsAre("Gr", "üße"));
    ASSERT_EQ(outcome.answer.text, "Grüße");
    ASSERT_EQ(outcome.answer.finish_reason, "length");
    ASSERT_EQ(outcome.answer.prompt_tokens, 7);
    ASSERT_EQ(outcome.answer.completion_tokens, 2);
  }
}

TEST_P(ChatStreamTest, TheCallersErrorEndsIt) {
  const auto [make, bytes] = GetParam();
  const Outcome outcome = Play(make, bytes, 1, Cancelled("the client left"));
  EXPECT_EQ(outcome.status.code(), StatusCode::kCancelled);
  EXPECT_THAT(outcome.pieces, ElementsAre("Gr"));
}

TEST_P(ChatStreamTest, AStreamThatEndsTooSoonIsAnError) {
  const auto [make, bytes] = GetParam();
  const size_t middle = bytes.find("üße");
  for (const size_t end : {size_t{0}, middle, bytes.find('\n', middle) + 1}) {
    const Outcome outcome = Play(make, bytes.substr(0, end));
    EXPECT_EQ(outcome.status.code(), StatusCode::kUnavailable) << end;
  }
}

TEST_P(ChatStreamTest, WhatIsNoJsonIsAnError) {
  const auto [make, bytes] = GetParam();
  for (const char* line : {"{oops\n\n", "data: {oops\n\n", "[1]\n\ndata: 7\n\n"}) {
    EXPECT_EQ(Play(make, line).status.code(), StatusCode::kUnavailable) << line;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Protocols, ChatStreamTest,
    ::testing::Values(std::pair<Make, std::string_view>(&MakeOllamaChatStream, kOllama),
                      std::pair<Make, std::string_view>(&MakeOpenAiChatStream, kOpenAi)));

TEST(OllamaChatStreamTest, FindsTheErrorInTheStream) {
  const Outcome outcome = Play(
      &MakeOllamaChatStream, "{\"message\":{\"content\":\"a\"}}\n{\"error\":\"runner stopped\"}\n");
  EXPECT_EQ(outcome.status.message(), "in the stream: runner stopped");
}

TEST(OpenAiChatStreamTest, FindsErrorsInEveryForm) {
  for (const char* bytes : {"data: {\"error\":{\"message\":\"out of memory\",\"code\":500}}\n\n",
                            "data: {\"error\":\"out of memory\"}\n\n",
                            "event: error\ndata: {\"message\":\"out of memory\"}\n\n"}) {
    EXPECT_THAT(Play(&MakeOpenAiChatStream, bytes).status.message(), HasSubstr("out of memory"));
  }
}

TEST(OpenAiChatStreamTest, TakesEitherMarkOfTheEnd) {
  const char* without_done =
      "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},"
      "\"finish_reason\":\"stop\"}]}\n\n";
  EXPECT_EQ(Play(&MakeOpenAiChatStream, without_done).answer.finish_reason, "stop");
  const char* without_reason =
      "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"
      "data: [DONE]\n\n";
  const Outcome outcome = Play(&MakeOpenAiChatStream, without_reason);
  EXPECT_TRUE(outcome.status.ok());
  EXPECT_EQ(outcome.answer.finish_reason, "stop");
  EXPECT_EQ(outcome.answer.text, "a");
}

}  // namespace
}  // namespace lakehouse::ai
