#include "ai/remote/batch_runner.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/mutex.h"
#include "base/strings.h"
#include "support/test_seed.h"

namespace lakehouse::ai {
namespace {

using ::testing::HasSubstr;
using Vector = std::vector<float>;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// The vector of a text: its length and its first letter.
Vector VectorOf(const std::string& text) {
  return {static_cast<float>(text.size()), text.empty() ? 0.5F : static_cast<float>(text[0]), 3};
}

// Answers as told and remembers what it was asked.
class FakeServer {
 public:
  // What happens to a request instead of an answer, or to an answer.
  using Fault = std::function<void(std::span<const std::string> texts, BatchAnswer& answer)>;

  explicit FakeServer(Fault fault = nullptr) : fault_(std::move(fault)) {}

  BatchAnswer Send(std::span<const std::string> texts) {
    {
      const MutexLock lock(mutex_);
      requests_.emplace_back(texts.begin(), texts.end());
      most_at_once_ = std::max(most_at_once_, ++at_once_);
    }
    BatchAnswer answer;
    for (const std::string& text : texts) answer.vectors.push_back(VectorOf(text));
    if (fault_) fault_(texts, answer);
    std::this_thread::yield();
    const MutexLock lock(mutex_);
    --at_once_;
    if (answer.failure.ok()) {
      for (size_t i = 0; i < texts.size() && i < answer.vectors.size(); ++i) ++served_[texts[i]];
    }
    return answer;
  }

  size_t request_count() const { return requests_.size(); }
  const std::vector<std::vector<std::string>>& requests() const { return requests_; }
  int served(const std::string& text) const {
    const auto entry = served_.find(text);
    return entry == served_.end() ? 0 : entry->second;
  }
  int most_at_once() const { return most_at_once_; }

 private:
  const Fault fault_;
  Mutex mutex_;
  std::vector<std::vector<std::string>> requests_;
  std::map<std::string, int> served_;
  int at_once_ = 0;
  int most_at_once_ = 0;
};

std::vector<std::string> Numbered(size_t count) {
  std::vector<std::string> texts;
  for (size_t i = 0; i < count; ++i) texts.push_back(StrCat("t", i));
  return texts;
}

bool Holds(std::span<const std::string> texts, const std::string& text) {
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

ServerFailure TextsFailure() {
  return {.status = InvalidArgument("invalid request"), .blame = Blame::kTexts};
}

class BatchRunnerTest : public ::testing::Test {
 protected:
  Result<std::vector<Result<Vector>>> Run(const std::vector<std::string>& texts,
                                          FakeServer& server) {
    if (!runner_) Limit({.max_texts = 32, .max_bytes = 1'000'000, .max_parallel = 1});
    return runner_->Run(texts,
                        [&](std::span<const std::string> batch) { return server.Send(batch); });
  }
  void Limit(const BatchLimits& limits) {
    runner_.emplace(limits, VectorRule{.width = 3, .normalize = false}, "probe");
  }
  // Every text but `bad` has its own vector.
  static void ExpectAllBut(const std::set<std::string>& bad, const std::vector<std::string>& texts,
                           const Result<std::vector<Result<Vector>>>& results) {
    ASSERT_TRUE(results.ok()) << results.status().ToString();
    ASSERT_EQ(results->size(), texts.size());
    for (size_t i = 0; i < texts.size(); ++i) {
      if (bad.contains(texts[i])) {
        EXPECT_EQ((*results)[i].status().code(), StatusCode::kInvalidArgument) << texts[i];
      } else {
        ASSERT_TRUE((*results)[i].ok()) << texts[i] << (*results)[i].status().ToString();
        EXPECT_EQ(*(*results)[i], VectorOf(texts[i]));
      }
    }
  }

  std::optional<BatchRunner> runner_;  // Unless limited: 32 texts, one request at a time.
};

TEST_F(BatchRunnerTest, GivesEveryTextItsOwnVectorInOrder) {
  const std::vector<std::string> texts = {"long text", "", "b", "a longer text", "b"};
  FakeServer server;
  ExpectAllBut({}, texts, Run(texts, server));
  EXPECT_EQ(server.request_count(), 1U);
  ExpectAllBut({}, {}, Run({}, server));
  EXPECT_EQ(server.request_count(), 1U) << "nothing is asked for no texts";
}

TEST_F(BatchRunnerTest, KeepsToTheLimitsOfARequest) {
  Limit({.max_texts = 4, .max_bytes = 60, .max_parallel = 1});
  std::vector<std::string> texts = Numbered(10);
  texts.push_back(std::string(100, 'x'));  // Beyond the limit by itself.
  texts.push_back(std::string(25, '\n'));  // 150 bytes as JSON.
  texts.push_back(std::string(30, '"'));
  FakeServer server;
  ExpectAllBut({}, texts, Run(texts, server));
  for (const auto& request : server.requests()) {
    size_t bytes = 0;
    for (const std::string& text : request) bytes += text.size();
    EXPECT_LE(request.size(), 4U);
    EXPECT_TRUE(bytes <= 60 || request.size() == 1);
  }
  EXPECT_EQ(server.request_count(), 6U);
}

TEST_F(BatchRunnerTest, ABadTextFailsAloneAndItsNeighboursAreServedOnce) {
  const std::vector<std::string> texts = Numbered(32);
  for (const std::string bad : {"t0", "t17", "t31"}) {
    FakeServer server([&](auto batch, BatchAnswer& answer) {
      if (Holds(batch, bad)) answer.failure = TextsFailure();
    });
    const auto results = Run(texts, server);
    ExpectAllBut({bad}, texts, results);
    EXPECT_LE(server.request_count(), 11U) << "twice the depth of the halving, and the first";
    for (const std::string& text : texts) EXPECT_EQ(server.served(text), text == bad ? 0 : 1);
  }
}

TEST_F(BatchRunnerTest, SeveralBadTextsAreAllFound) {
  const std::vector<std::string> texts = Numbered(100);
  const std::set<std::string> bad = {"t3", "t4", "t50", "t99"};
  FakeServer server([&](auto batch, BatchAnswer& answer) {
    for (const std::string& text : bad) {
      if (Holds(batch, text)) answer.failure = TextsFailure();
    }
  });
  ExpectAllBut(bad, texts, Run(texts, server));
}

TEST_F(BatchRunnerTest, AServerThatFailsForEverythingIsFoundOutInAFewRequests) {
  FakeServer server([](auto, BatchAnswer& answer) { answer.failure = TextsFailure(); });
  const auto results = Run(Numbered(3'200), server);
  EXPECT_EQ(results.status().code(), StatusCode::kUnavailable);
  EXPECT_THAT(results.status().message(), HasSubstr("for every text"));
  EXPECT_THAT(results.status().message(), HasSubstr("invalid request"));
  EXPECT_LE(server.request_count(), 10U);
  EXPECT_EQ(server.requests().back(), std::vector<std::string>{"probe"});
}

TEST_F(BatchRunnerTest, ManyBadTextsInARowAreNotTakenForABadServer) {
  std::vector<std::string> texts = Numbered(64);
  std::set<std::string> bad;
  for (size_t i = 10; i < 30; ++i) bad.insert(texts[i]);
  FakeServer server([&](auto batch, BatchAnswer& answer) {
    for (const std::string& text : batch) {
      if (bad.contains(text)) answer.failure = TextsFailure();
    }
  });
  ExpectAllBut(bad, texts, Run(texts, server));
}

TEST_F(BatchRunnerTest, WhatConcernsEverybodyEndsTheCallAtOnce) {
  FakeServer server(
      [](auto, BatchAnswer& answer) { answer.failure = {.status = Unauthenticated("wrong key")}; });
  EXPECT_EQ(Run(Numbered(320), server).status().code(), StatusCode::kUnauthenticated);
  EXPECT_EQ(server.request_count(), 1U);
}

TEST_F(BatchRunnerTest, ACrashIsTriedOnceMoreWithTheWholeBatch) {
  int failures = 1;
  FakeServer server([&](auto, BatchAnswer& answer) {
    if (failures-- > 0) answer.failure = {.status = InvalidArgument("EOF"), .blame = Blame::kModel};
  });
  const std::vector<std::string> texts = Numbered(32);
  ExpectAllBut({}, texts, Run(texts, server));
  EXPECT_EQ(server.request_count(), 2U);
}

TEST_F(BatchRunnerTest, ATextThatCrashesTheModelIsTriedWithABlankAndThenGivenUp) {
  FakeServer server([](auto batch, BatchAnswer& answer) {
    for (const std::string& text : batch) {
      if (text.starts_with("t7")) {
        answer.failure = {.status = InvalidArgument("NaN"), .blame = Blame::kModel};
      }
    }
  });
  const std::vector<std::string> texts = Numbered(32);
  ExpectAllBut({"t7"}, texts, Run(texts, server));
  int alone = 0;
  int perturbed = 0;
  for (const auto& request : server.requests()) {
    alone += request == std::vector<std::string>{"t7"};
    perturbed += request == std::vector<std::string>{"t7 "};
  }
  EXPECT_EQ(alone, 2);
  EXPECT_EQ(perturbed, 1);
  EXPECT_LE(server.request_count(), 14U);
}

TEST_F(BatchRunnerTest, ABlankMayHelpATextThatMakesNoNumber) {
  FakeServer server([](auto batch, BatchAnswer& answer) {
    for (size_t i = 0; i < batch.size(); ++i) {
      if (batch[i] == "t7") answer.vectors[i] = Vector{kNan, 1, 2};
    }
  });
  const std::vector<std::string> texts = Numbered(32);
  const auto results = Run(texts, server);
  ASSERT_TRUE(results.ok());
  ASSERT_TRUE((*results)[7].ok());
  EXPECT_EQ(*(*results)[7], VectorOf("t7 "));
  EXPECT_EQ(server.request_count(), 3U);
  EXPECT_EQ(server.served("t8"), 1) << "the rest of the answer was good";
}

TEST_F(BatchRunnerTest, VectorsThatCannotBeRightFailAlone) {
  const std::vector<Result<Vector>> wrong = {
      Vector{kNan, 1, 1}, Vector{std::numeric_limits<float>::infinity(), 1, 1},
      Vector{1, 2},       Vector{1, 2, 3, 4},
      Vector{},           InvalidArgument("no vector")};
  for (const Result<Vector>& vector : wrong) {
    FakeServer server([&](auto batch, BatchAnswer& answer) {
      for (size_t i = 0; i < batch.size(); ++i) {
        if (batch[i].starts_with("t9")) answer.vectors[i] = vector;
      }
    });
    const std::vector<std::string> texts = Numbered(20);
    ExpectAllBut({"t9"}, texts, Run(texts, server));
    EXPECT_EQ(server.request_count(), 3U);
  }
}

TEST_F(BatchRunnerTest, TooFewOrTooManyVectorsAreNoAnswer) {
  for (const bool too_many : {false, true}) {
    FakeServer server([&](auto batch, BatchAnswer& answer) {
      if (!Holds(batch, "t5")) return;
      if (too_many) {
        answer.vectors.push_back(VectorOf("x"));
      } else {
        answer.vectors.pop_back();
      }
    });
    const std::vector<std::string> texts = Numbered(32);
    ExpectAllBut({"t5"}, texts, Run(texts, server));
  }
}

TEST_F(BatchRunnerTest, AnotherWidthStopsEverything) {
  FakeServer server([](auto, BatchAnswer& answer) {
    for (auto& vector : answer.vectors) vector = Vector{1, 2};
  });
  const auto results = Run(Numbered(320), server);
  EXPECT_EQ(results.status().code(), StatusCode::kConflict);
  EXPECT_THAT(results.status().message(), HasSubstr("2 numbers for a text, not 3"));
  EXPECT_EQ(server.request_count(), 1U);
}

TEST_F(BatchRunnerTest, RemembersHowManyTextsAServerTakes) {
  FakeServer server([](auto batch, BatchAnswer& answer) {
    if (batch.size() > 10) {
      answer.failure = {.status = InvalidArgument("batch size"), .blame = Blame::kSize};
    }
  });
  const std::vector<std::string> texts = Numbered(320);
  ExpectAllBut({}, texts, Run(texts, server));
  EXPECT_LE(server.request_count(), 45U) << "40 requests of 8, and those that were too large";
  const size_t before = server.request_count();
  ExpectAllBut({}, texts, Run(texts, server));
  EXPECT_EQ(server.request_count() - before, 40U);
}

TEST_F(BatchRunnerTest, CutsATextThatIsTooLongForTheServer) {
  FakeServer server([](auto batch, BatchAnswer& answer) {
    for (const std::string& text : batch) {
      if (text.size() > 50) {
        answer.failure = {.status = InvalidArgument("context length"), .blame = Blame::kLength};
      }
    }
  });
  std::string long_text;
  while (long_text.size() < 120) long_text += "\u4e2d";
  const auto results = Run({"a", long_text, "b"}, server);
  ASSERT_TRUE(results.ok());
  for (const auto& result : *results) EXPECT_TRUE(result.ok());
  const float length = (*(*results)[1])[0];
  EXPECT_LE(length, 50);
  EXPECT_GT(length, 30);
  EXPECT_EQ(std::fmod(length, 3.0F), 0) << "cut inside a character";
}

TEST_F(BatchRunnerTest, ATextThatIsAlwaysTooLongIsGivenUp) {
  FakeServer server([](auto batch, BatchAnswer& answer) {
    if (Holds(batch, "t1") || batch[0].starts_with("x")) {
      answer.failure = {.status = InvalidArgument("context length"), .blame = Blame::kLength};
    }
  });
  const std::vector<std::string> texts = {"t0", std::string(500, 'x'), "t2"};
  ExpectAllBut({texts[1]}, texts, Run(texts, server));
  EXPECT_LE(server.request_count(), 12U);
}

TEST_F(BatchRunnerTest, SendsInParallelUpToTheLimit) {
  Limit({.max_texts = 4, .max_bytes = 1'000, .max_parallel = 3});
  const std::vector<std::string> texts = Numbered(200);
  FakeServer server([](auto batch, BatchAnswer& answer) {
    if (Holds(batch, "t77")) answer.failure = TextsFailure();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  });
  ExpectAllBut({"t77"}, texts, Run(texts, server));
  EXPECT_EQ(server.most_at_once(), 3);
}

TEST_F(BatchRunnerTest, NothingIsSentAfterTheCallHasFailed) {
  Limit({.max_texts = 1, .max_bytes = 1'000, .max_parallel = 4});
  FakeServer server(
      [](auto, BatchAnswer& answer) { answer.failure = {.status = Cancelled("stop")}; });
  EXPECT_EQ(Run(Numbered(1'000), server).status().code(), StatusCode::kCancelled);
  EXPECT_LE(server.request_count(), 4U);
}

// Whatever goes wrong: a text that is good gets its vector, one that is bad an error, and the
// number of requests stays within bounds.
TEST_F(BatchRunnerTest, AnyMixtureOfBadTextsIsSortedOut) {
  Rng rng(testing::TestSeed());
  for (int round = 0; round < 300; ++round) {
    const std::vector<std::string> texts = Numbered(1 + rng.Below(150));
    std::map<std::string, Blame> bad;
    const uint64_t bad_count = rng.Below(6);
    for (uint64_t i = 0; i < bad_count; ++i) {
      const Blame blames[] = {Blame::kTexts, Blame::kSize, Blame::kModel};
      bad[texts[rng.Below(texts.size())]] = blames[rng.Below(3)];
    }
    FakeServer server([&](auto batch, BatchAnswer& answer) {
      for (const std::string& text : batch) {
        const auto entry = bad.find(text.ends_with(' ') ? text.substr(0, text.size() - 1) : text);
        if (entry != bad.end()) {
          answer.failure = {.status = InvalidArgument("no"), .blame = entry->second};
        }
      }
    });
    Limit({.max_texts = 1 + rng.Below(40),
           .max_bytes = 20 + rng.Below(500),
           .max_parallel = 1 + rng.Below(3)});
    const auto results = Run(texts, server);
    std::set<std::string> bad_texts;
    for (const auto& entry : bad) bad_texts.insert(entry.first);
    ExpectAllBut(bad_texts, texts, results);
    EXPECT_LE(server.request_count(), texts.size() + 16 * bad.size() + 8);
    for (const std::string& text : texts) {
      EXPECT_EQ(server.served(text), bad.contains(text) ? 0 : 1);
    }
  }
}

TEST(FinishVectorTest, NormalizesInDoubleAndRefusesZeros) {
  Vector vector = {3e20F, 4e20F};
  ASSERT_TRUE(FinishVector({.width = 2, .normalize = true}, vector).ok());
  EXPECT_THAT(vector, ::testing::ElementsAre(0.6F, 0.8F));
  Vector tiny = {3e-25F, 4e-25F};
  ASSERT_TRUE(FinishVector({.width = 2, .normalize = true}, tiny).ok());
  EXPECT_NEAR(tiny[0], 0.6F, 1e-6F);
  Vector zeros = {0, -0.0F};
  EXPECT_EQ(FinishVector({.width = 2, .normalize = true}, zeros).code(),
            StatusCode::kInvalidArgument);
  EXPECT_TRUE(FinishVector({.width = 2, .normalize = false}, zeros).ok());
}

}  // namespace
}  // namespace lakehouse::ai
