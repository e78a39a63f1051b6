// What holds for embedding at a server, whatever its protocol.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ai/remote/remote_fixture.h"
#include "ai/remote/text_measure.h"

namespace lakehouse::ai {
namespace {

using ::testing::HasSubstr;

class RemoteEmbeddingTest : public RemoteFixture,
                            public ::testing::WithParamInterface<const char*> {
 protected:
  RemoteEmbeddingTest() : RemoteFixture(GetParam()) {}

  bool is_ollama() const { return config_.kind == "ollama"; }
};

INSTANTIATE_TEST_SUITE_P(Protocols, RemoteEmbeddingTest, ::testing::Values("ollama", "openai"),
                         [](const auto& protocol) { return std::string(protocol.param); });

TEST_P(RemoteEmbeddingTest, DescribesItsSpaceByWhatTheServerTells) {
  model_.max_tokens = 100;
  model_.query_prefix = "query: ";
  OpenModel();
  const EmbeddingSpace& space = embedding_->space();
  EXPECT_EQ(space.provider, GetParam());
  EXPECT_EQ(space.model, "mine");
  EXPECT_FALSE(space.digest.empty());
  EXPECT_EQ(space.dimensions, 32);
  EXPECT_EQ(space.pooling, "mean");
  EXPECT_TRUE(space.normalized);
  EXPECT_EQ(space.query_prefix, "query: ");
  EXPECT_EQ(space.precision, "server");
  EXPECT_EQ(space.max_tokens, 100);
  model_.max_tokens = 0;
  OpenModel();
  EXPECT_EQ(embedding_->space().max_tokens, 256);
}

TEST_P(RemoteEmbeddingTest, EmbedsEachTextOnceInBatchesOfTheLimit) {
  config_.max_batch_texts = 10;
  OpenModel();
  std::vector<std::string> texts = Numbered(45);
  texts.push_back(texts[3]);
  texts.push_back(texts[44]);
  ExpectVectors(Embed(texts), texts);
  EXPECT_EQ(Counters().requests, 5);
  EXPECT_EQ(Counters().most_texts, 10);
  EXPECT_EQ(Counters().asked_texts, 45);
  EXPECT_EQ(Counters().most_served, 1);
}

TEST_P(RemoteEmbeddingTest, PutsThePrefixOfTheRoleBeforeATextAndCutsWhatIsTooLong) {
  model_.document_prefix = "document: ";
  model_.query_prefix = "query: ";
  OpenModel();
  std::string endless;
  while (endless.size() < 100'000) endless += "nurses ";
  ExpectVector((*Embed({"night"}, {.role = Role::kQuery}))[0], "query: night");
  ExpectVector((*Embed({"night"}))[0], "document: night");
  ASSERT_TRUE((*Embed({endless}))[0].ok());
  const std::string sent = Log().back().texts.at(0);
  EXPECT_TRUE(sent.starts_with("document: nurses nurses"));
  EXPECT_LE(EstimateTokens(sent), 256U);
  EXPECT_GT(EstimateTokens(sent), 250U);
  EXPECT_GT(embedding_->CountTokens("night"), EstimateTokens("night"));
}

// A fault that hits one request of eight texts.
struct Passing {
  const char* fault;
  StatusCode code;        // Of the call as a whole.
  int64_t most_requests;  // That the eight texts may take then.
};

TEST_P(RemoteEmbeddingTest, SurvivesWhatPassesAndReportsWhatConcernsEverybody) {
  using enum StatusCode;
  const Passing cases[] = {
      {"overloaded", kOk, 2},
      {"bad_gateway", kOk, 2},
      {"busy", kOk, 2},
      {"reset", kOk, 2},
      {"reset_unread", kOk, 2},
      {"truncated", kOk, 2},
      {"nan_400", kOk, 2},
      {"nan_500", kOk, 2},
      {"runner_crash", kOk, 2},
      {"bad_request", kOk, 3},
      {"payload_too_large", kOk, 3},
      {"batch_too_large", kOk, 3},
      {"backend_failed", kOk, 3},
      {"internal_error", kOk, 3},
      {"too_long", kOk, 3},
      {"missing_vector", kOk, 3},
      {"extra_vector", kOk, 3},
      {"one_wrong_width", kOk, 2},
      {"nan_vector", kOk, 2},
      {"inf_vector", kOk, 2},
      {"null_vector", kOk, 2},
      {"huge_vector", kOk, 2},
      {"zero_vector", kOk, 2},
      {"text_vector", kOk, 2},
      {"shuffled", kOk, 1},
      {"same_index", kOk, 3},
      {"wrong_index", kOk, 3},
      {"slow", kOk, 1},
      {"wrong_width", kConflict, 1},
      {"unauthorized", kUnauthenticated, 1},
      {"redirect", kUnavailable, 1},
      {"forbidden", kPermissionDenied, 1},
      {"not_json", kUnavailable, 1},
      {"missing_model", kNotFound, 1},
      {"empty", kUnavailable, 1},
      {"wrong_shape", kUnavailable, 1},
      {"endless", kUnavailable, 1},
  };
  const std::vector<std::string> texts = Numbered(8);
  for (const Passing& test : cases) {
    SCOPED_TRACE(test.fault);
    ASSERT_TRUE(server_->Clear().ok());
    OpenModel();  // That has learned nothing of its server's limits.
    Add({.fault = test.fault, .delay_ms = 10});
    const Result<Embeddings> vectors = Embed(texts);
    EXPECT_LE(requests(), test.most_requests);
    EXPECT_LE(Counters().most_served, 2);
    if (test.code == kOk) {
      ExpectVectors(vectors, texts);
    } else {
      EXPECT_EQ(vectors.status().code(), test.code) << vectors.status().ToString();
    }
  }
}

TEST_P(RemoteEmbeddingTest, ABadTextFailsAloneWithItsReason) {
  const std::pair<const char*, const char*> cases[] = {
      {"bad_request", "invalid request"},
      {"nan_400", "NaN"},
      {"nan_500", "NaN"},
      {"runner_crash", "EOF"},
      {"too_long", "context length"},
      {"payload_too_large", "payload too large"},
      {"internal_error", "internal server error"},
      {"backend_failed", "backend error"},
      {"missing_vector", "0 vectors"},
      {"extra_vector", "2 vectors"},
      {"one_wrong_width", "31 numbers"},
      {"nan_vector", "not finite"},
      {"inf_vector", "not finite"},
      {"null_vector", "not finite"},
      {"huge_vector", "not finite"},
      {"zero_vector", "zeros"},
      {"text_vector", ""},
  };
  OpenModel();
  std::vector<std::string> texts = Numbered(32);
  texts[13] = "a spoilt one";
  for (const auto& [fault, reason] : cases) {
    SCOPED_TRACE(fault);
    ASSERT_TRUE(server_->Clear().ok());
    Add({.fault = fault, .text = "^a", .times = 0});
    const Result<Embeddings> vectors = Embed(texts);
    ASSERT_TRUE(vectors.ok()) << vectors.status().ToString();
    const std::vector<ModelRequest> log = Log();
    for (size_t i = 0; i < texts.size(); ++i) {
      if (i == 13) {
        EXPECT_FALSE((*vectors)[i].ok());
        EXPECT_THAT((*vectors)[i].status().message(), HasSubstr(reason));
        continue;
      }
      ExpectVector((*vectors)[i], texts[i]);
      const auto served_well = std::ranges::count_if(log, [&](const ModelRequest& request) {
        return request.fault.empty() && std::ranges::count(request.texts, texts[i]) > 0;
      });
      EXPECT_LE(served_well, 1) << texts[i];
    }
    EXPECT_LE(requests(), 20);
  }
}

TEST_P(RemoteEmbeddingTest, AServerThatAlwaysFailsIsAskedAFewTimesOnly) {
  using enum StatusCode;
  const Passing cases[] = {
      {"overloaded", kUnavailable, 4},         {"busy", kUnavailable, 4},
      {"bad_gateway", kUnavailable, 4},        {"reset", kUnavailable, 4},
      {"truncated", kUnavailable, 4},          {"bad_request", kUnavailable, 12},
      {"internal_error", kUnavailable, 12},    {"backend_failed", kUnavailable, 12},
      {"payload_too_large", kUnavailable, 12}, {"missing_vector", kUnavailable, 12},
      {"nan_400", kUnavailable, 20},           {"runner_crash", kUnavailable, 20},
  };
  config_.max_concurrent_requests = 1;
  for (const Passing& test : cases) {
    SCOPED_TRACE(test.fault);
    ASSERT_TRUE(server_->Clear().ok());
    OpenModel();  // With a breaker that has seen nothing.
    Add({.fault = test.fault, .times = 0});
    const Status status = Embed(Numbered(320)).status();
    EXPECT_EQ(status.code(), test.code) << status.ToString();
    EXPECT_LE(requests(), test.most_requests);
  }
}

TEST_P(RemoteEmbeddingTest, ARequestThatTakesTooLongIsAnErrorAndNotRepeated) {
  config_.request_timeout_ms = 300;
  config_.load_timeout_ms = 300;
  OpenModel();
  Add({.fault = "hang", .times = 0});
  const Status status = Embed({"a", "b"}).status();
  EXPECT_EQ(status.code(), StatusCode::kDeadlineExceeded);
  EXPECT_THAT(status.message(), HasSubstr("request_timeout_ms"));
  EXPECT_EQ(requests(), 1);
}

TEST_P(RemoteEmbeddingTest, CancellingEndsARequestInFlight) {
  OpenModel();
  Add({.fault = "hang", .times = 0});
  CancelToken cancel;
  std::thread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    cancel.Cancel();
  });
  EXPECT_EQ(Embed(Numbered(200), {.cancel = cancel}).status().code(), StatusCode::kCancelled);
  stopper.join();
  // The server notices that nobody listens any more.
  for (int i = 0; i < 500 && Counters().in_flight > 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(Counters().in_flight, 0);
  ASSERT_TRUE(server_->Clear().ok());
  ExpectVectors(Embed({"a"}), {"a"});
  EXPECT_EQ(Embed({"a"}, {.cancel = cancel}).status().code(), StatusCode::kCancelled);
  EXPECT_EQ(requests(), 1) << "a call that was cancelled before asks nothing";
}

TEST_P(RemoteEmbeddingTest, NeverSendsMoreAtOnceThanAllowed) {
  config_.max_concurrent_requests = 3;
  config_.max_batch_texts = 4;
  OpenModel();
  Add({.fault = "slow", .times = 0, .delay_ms = 5});
  std::vector<std::thread> callers;
  std::atomic<int> good = 0;
  for (int caller = 0; caller < 6; ++caller) {
    callers.emplace_back([&, caller] {
      std::vector<std::string> texts;
      for (int i = 0; i < 20; ++i) texts.push_back(StrCat("caller ", caller, " text ", i));
      const Role role = caller % 2 == 0 ? Role::kQuery : Role::kDocument;
      const Result<Embeddings> vectors = Embed(texts, {.role = role});
      good += vectors.ok() && std::ranges::all_of(*vectors, [](auto& v) { return v.ok(); });
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(good, 6);
  EXPECT_EQ(Counters().served_texts, 120);
  EXPECT_EQ(Counters().most_served, 1);
  EXPECT_LE(Counters().peak_in_flight, 3);
  EXPECT_GE(Counters().peak_in_flight, 2);
}

TEST_P(RemoteEmbeddingTest, WaitsAsLongAsTheServerAsksFor) {
  ManualClock clock;
  clock_ = &clock;
  OpenModel();
  Add({.fault = "overloaded", .retry_after = "7"});
  std::atomic<bool> ended = false;
  std::thread caller([&] {
    EXPECT_TRUE(Embed({"a"}).ok());
    ended = true;
  });
  while (requests() == 0) std::this_thread::yield();
  clock.AdvanceMicros(6'900'000);
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  EXPECT_EQ(requests(), 1);
  while (!ended) clock.AdvanceMicros(1'000);
  caller.join();
  EXPECT_EQ(requests(), 2);
}

TEST_P(RemoteEmbeddingTest, GivesUpWhenTheServerAsksForTooLongAWait) {
  OpenModel();
  Add({.fault = "busy", .times = 0, .retry_after = "3600"});
  EXPECT_EQ(Embed({"a"}).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(requests(), 1);
}

TEST_P(RemoteEmbeddingTest, LeavesAServerAloneThatIsNotThereUntilItIsBack) {
  config_.max_retries = 0;
  tuning_.breaker = {.failures_to_open = 3, .first_open_ms = 60'000, .max_open_ms = 60'000};
  OpenModel();
  ASSERT_TRUE(server_->Stop().ok());
  for (int i = 0; i < 3; ++i) {
    const Status status = Embed({"a"}).status();
    EXPECT_EQ(status.code(), StatusCode::kUnavailable);
    EXPECT_THAT(status.message(), HasSubstr("refused"));
  }
  const Status open = Embed({"a"}).status();
  EXPECT_EQ(open.code(), StatusCode::kUnavailable);
  EXPECT_THAT(open.message(), HasSubstr("not been reachable since"));
  EXPECT_THAT(open.message(), HasSubstr("3 attempts"));
  EXPECT_EQ(provider_->Health(CancelToken()).code(), StatusCode::kUnavailable);
  EXPECT_THAT(metrics_.PrometheusText(),
              HasSubstr("lakehouse_model_breaker_state{provider=\"there\"} 1"));
  EXPECT_THAT(metrics_.PrometheusText(), HasSubstr("outcome=\"rejected\",provider=\"there\"} 1"));

  ASSERT_TRUE(server_->StartAgain().ok());
  EXPECT_THAT(Embed({"a"}).status().message(), HasSubstr("not been reachable since"));
  EXPECT_TRUE(provider_->Health(CancelToken()).ok()) << "asks in spite of the breaker";
  ExpectVectors(Embed({"a"}), {"a"});
  EXPECT_THAT(metrics_.PrometheusText(),
              HasSubstr("lakehouse_model_breaker_state{provider=\"there\"} 0"));
}

TEST_P(RemoteEmbeddingTest, ARestartOfTheServerIsSurvived) {
  config_.max_retries = 20;
  tuning_.retry.max_wait_ms = 100;
  tuning_.breaker.failures_to_open = 1'000;
  OpenModel();
  ASSERT_TRUE(server_->Stop().ok());
  std::thread caller([&] { ASSERT_TRUE(Embed(Numbered(100)).ok()); });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  ASSERT_TRUE(server_->StartAgain().ok());
  caller.join();
  EXPECT_EQ(Counters().most_served, 1);
}

TEST_P(RemoteEmbeddingTest, KnowsItsModelByTheDigest) {
  OpenModel();
  EXPECT_TRUE(embedding_->CheckIdentity(CancelToken()).ok());
  const std::string before = embedding_->space().digest;
  ASSERT_TRUE(server_->SetModel({{"name", "embedder:latest"}, {"weights", "2"}}).ok());
  const Status changed = embedding_->CheckIdentity(CancelToken());
  EXPECT_EQ(changed.code(), StatusCode::kConflict);
  EXPECT_THAT(changed.message(), HasSubstr(before));
  OpenModel();
  EXPECT_NE(embedding_->space().digest, before);
  EXPECT_THAT(changed.message(), HasSubstr(embedding_->space().digest));
}

TEST_P(RemoteEmbeddingTest, AModelWithAnotherWidthIsAConflict) {
  OpenModel();
  ASSERT_TRUE(server_->SetModel({{"name", "embedder:latest"}, {"dimensions", 16}}).ok());
  const Status changed = Embed(Numbered(100)).status();
  EXPECT_EQ(changed.code(), StatusCode::kConflict);
  EXPECT_THAT(changed.message(), HasSubstr("16 numbers for a text, not 32"));
}

TEST_P(RemoteEmbeddingTest, AModelThatIsGoneIsNotFound) {
  OpenModel();
  ASSERT_TRUE(server_->ForgetModel("embedder:latest").ok());
  EXPECT_EQ(Embed({"a"}).status().code(), StatusCode::kNotFound);
  OpenProvider();
  const Status opened = provider_->OpenEmbedding(model_, CancelToken()).status();
  EXPECT_EQ(opened.code(), StatusCode::kNotFound) << opened.ToString();
}

TEST_P(RemoteEmbeddingTest, ShortensVectorsOnlyWhereConfigured) {
  OpenModel();
  ASSERT_TRUE(Embed({"a"}).ok());
  EXPECT_FALSE(Log().back().body.contains("dimensions"));
  model_.dimensions = 8;
  OpenModel();
  EXPECT_EQ(embedding_->space().dimensions, 8);
  ASSERT_TRUE(Embed({"a"}).ok());
  EXPECT_EQ(Log().back().body.at("dimensions"), 8);
  model_.dimensions = 64;  // More than the model has.
  OpenProvider();
  const Status opened = provider_->OpenEmbedding(model_, CancelToken()).status();
  EXPECT_EQ(opened.code(), StatusCode::kInvalidArgument) << opened.ToString();
  EXPECT_THAT(opened.message(), HasSubstr("dimensions = 64"));
}

TEST_P(RemoteEmbeddingTest, FollowsNoRedirect) {
  Result<std::unique_ptr<ModelServer>> elsewhere = ModelServer::Start();
  ASSERT_TRUE(elsewhere.ok());
  OpenModel();
  Add({.fault = "redirect", .times = 0, .location = (*elsewhere)->url() + "/api/embed"});
  const Status status = Embed({"secret text"}).status();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("redirects"));
  EXPECT_EQ((*elsewhere)->Counters()->requests, 0);
}

TEST_P(RemoteEmbeddingTest, CountsWhatItDoes) {
  OpenModel();
  Add({.fault = "busy", .times = 2});
  ASSERT_TRUE(Embed({"a"}).ok());
  const std::string text = metrics_.PrometheusText();
  EXPECT_THAT(text, HasSubstr("lakehouse_model_retries_total{provider=\"there\"} 2"));
  EXPECT_THAT(text, HasSubstr("outcome=\"failed\",provider=\"there\"} 2"));
  EXPECT_THAT(text, HasSubstr("lakehouse_model_request_seconds_count{provider=\"there\"}"));
}

}  // namespace
}  // namespace lakehouse::ai
