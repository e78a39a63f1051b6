#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ai/embedding_model_conformance.h"
#include "ai/remote/remote_fixture.h"

namespace lakehouse::ai {
namespace {

using ::testing::HasSubstr;

class OllamaProviderTest : public RemoteFixture {
 protected:
  OllamaProviderTest() : RemoteFixture("ollama") {}

  Result<GenerateAnswer> Generate(const std::string& model, const GenerateSink& sink = nullptr,
                                  const CancelToken& cancel = {}) {
    return provider_->Generate(model, {.messages = {{"user", "say something"}}, .cancel = cancel},
                               sink);
  }
  int CountOf(const std::string& path) {
    int count = 0;
    for (const ModelRequest& request : Log()) count += request.path == path;
    return count;
  }
};

TEST_F(OllamaProviderTest, SaysWhatItCanDo) {
  OpenProvider();
  EXPECT_EQ(provider_->name(), "there");
  EXPECT_EQ(provider_->kind(), "ollama");
  EXPECT_TRUE(provider_->capabilities().embeds && provider_->capabilities().loads_on_demand);
  EXPECT_FALSE(provider_->capabilities().reranks);
  EXPECT_TRUE(provider_->capabilities().is_local);
  EXPECT_EQ(provider_->OpenReranker(model_, CancelToken()).status().code(),
            StatusCode::kInvalidArgument);
  config_.allow_cloud = true;
  OpenProvider();
  EXPECT_FALSE(provider_->capabilities().is_local);
}

TEST_F(OllamaProviderTest, SendsNothingUntilItIsAsked) {
  OpenProvider();
  EXPECT_EQ(requests(), 0);
}

TEST_F(OllamaProviderTest, ListsAndDescribesModels) {
  OpenProvider();
  const auto models = provider_->ListModels(CancelToken());
  ASSERT_TRUE(models.ok());
  EXPECT_EQ(models->size(), 4U);
  const auto described = provider_->Describe("embedder", CancelToken());
  ASSERT_TRUE(described.ok()) << described.status().ToString();
  EXPECT_EQ(described->dimensions, 32);
  EXPECT_EQ(described->max_tokens, 256);
  EXPECT_EQ(described->pooling, "mean");
  EXPECT_EQ(described->digest.size(), 64U);
  EXPECT_GT(described->size_bytes, 0U);
  EXPECT_FALSE(described->is_cloud);
  EXPECT_EQ(provider_->Describe("nobody", CancelToken()).status().code(), StatusCode::kNotFound);
  EXPECT_TRUE(provider_->Health(CancelToken()).ok());
}

TEST_F(OllamaProviderTest, SendsTheSameOptionsWithEveryRequestOfAModel) {
  config_.threads = 3;
  OpenModel();
  ASSERT_TRUE(Embed({"a"}).ok());
  ASSERT_TRUE(provider_->Preload("embedder", CancelToken()).ok());
  ASSERT_TRUE(provider_->Preload("generator", CancelToken()).ok());
  ASSERT_TRUE(Generate("generator").ok());
  int seen = 0;
  for (const ModelRequest& request : Log()) {
    if (request.path != "/api/embed" && request.path != "/api/generate" &&
        request.path != "/api/chat") {
      continue;
    }
    ++seen;
    EXPECT_EQ(request.body.at("options"), Json({{"num_thread", 3}})) << request.path;
    if (request.path == "/api/embed") {
      EXPECT_EQ(request.body.at("truncate"), true);
    }
  }
  EXPECT_EQ(seen, 4);
}

TEST_F(OllamaProviderTest, PreloadsPinsAndUnloads) {
  ASSERT_TRUE(server_->Set({{"unload_ms", 200}}).ok());
  OpenModel();
  for (const char* model : {"embedder", "generator"}) {
    SCOPED_TRACE(model);
    ASSERT_TRUE(provider_->Preload(model, CancelToken()).ok());
    EXPECT_EQ(Log().back().body.at("keep_alive"), -1);
    const auto loaded = provider_->LoadedModels(CancelToken());
    ASSERT_TRUE(loaded.ok());
    EXPECT_EQ(loaded->back().name, std::string(model) + ":latest");
    EXPECT_EQ(loaded->back().expires_at, std::nullopt);
  }
  ASSERT_TRUE(Embed({"a"}).ok());
  EXPECT_EQ(Log().back().body.at("keep_alive"), -1) << "or the server would forget the pin";

  ASSERT_TRUE(provider_->Unload("embedder", CancelToken()).ok());
  EXPECT_GT(CountOf("/api/ps"), 2) << "it was asked whether the model is gone";
  const auto left = provider_->LoadedModels(CancelToken());
  ASSERT_TRUE(left.ok());
  ASSERT_EQ(left->size(), 1U);
  EXPECT_EQ(left->front().name, "generator:latest");
  ASSERT_TRUE(Embed({"a"}).ok());
  EXPECT_FALSE(Log().back().body.contains("keep_alive"));
  EXPECT_EQ(provider_->Preload("nobody", CancelToken()).code(), StatusCode::kNotFound);
  EXPECT_EQ(provider_->Unload("nobody", CancelToken()).code(), StatusCode::kNotFound);
}

TEST_F(OllamaProviderTest, ReportsAModelThatStays) {
  ASSERT_TRUE(server_->Set({{"unload_ms", 60'000}}).ok());
  tuning_.unload_timeout_ms = 50;
  OpenModel();
  ASSERT_TRUE(provider_->Preload("embedder", CancelToken()).ok());
  const Status status = provider_->Unload("embedder", CancelToken());
  EXPECT_EQ(status.code(), StatusCode::kDeadlineExceeded);
  EXPECT_THAT(status.message(), HasSubstr("embedder"));
}

TEST_F(OllamaProviderTest, WaitsLongerForAModelThatMustBeLoaded) {
  config_.request_timeout_ms = 200;
  config_.load_timeout_ms = 20'000;
  ASSERT_TRUE(server_->Set({{"load_ms", 600}}).ok());
  OpenModel();
  ExpectVectors(Embed({"a"}), {"a"});
  Add({.fault = "slow", .times = 0, .delay_ms = 600});
  EXPECT_EQ(Embed({"b"}).status().code(), StatusCode::kDeadlineExceeded);
}

TEST_F(OllamaProviderTest, SendsNoTextToAModelElsewhereUnlessAllowed) {
  ASSERT_TRUE(server_
                  ->SetModel({{"name", "copy:latest"},
                              {"task", "embed"},
                              {"remote_host", "https://models.example"}})
                  .ok());
  OpenProvider();
  const Status refused = Generate("faraway:cloud").status();
  EXPECT_EQ(refused.code(), StatusCode::kPermissionDenied);
  EXPECT_THAT(refused.message(), HasSubstr("allow_cloud = true"));
  EXPECT_EQ(provider_->Preload("faraway:cloud", CancelToken()).code(),
            StatusCode::kPermissionDenied);
  model_.model = "copy";  // Its name does not tell.
  EXPECT_EQ(provider_->OpenEmbedding(model_, CancelToken()).status().code(),
            StatusCode::kPermissionDenied);
  EXPECT_EQ(CountOf("/api/chat") + CountOf("/api/embed") + CountOf("/api/generate"), 0);

  config_.allow_cloud = true;
  OpenProvider();
  EXPECT_TRUE(Generate("faraway:cloud").ok());
  EXPECT_TRUE(provider_->OpenEmbedding(model_, CancelToken()).ok());
}

TEST_F(OllamaProviderTest, AModelThatBecomesOneElsewhereIsRefused) {
  OpenModel();
  ASSERT_TRUE(server_->SetModel({{"name", "embedder:latest"}, {"remote_host", "https://x"}}).ok());
  EXPECT_EQ(embedding_->CheckIdentity(CancelToken()).code(), StatusCode::kPermissionDenied);
}

TEST_F(OllamaProviderTest, GeneratesAndStreams) {
  OpenProvider();
  std::vector<std::string> pieces;
  const auto answer = Generate("generator", [&](std::string_view piece) {
    pieces.emplace_back(piece);
    return OkStatus();
  });
  ASSERT_TRUE(answer.ok()) << answer.status().ToString();
  EXPECT_EQ(pieces.size(), 12U);
  std::string joined;
  for (const std::string& piece : pieces) joined += piece;
  EXPECT_EQ(joined, answer->text);
  EXPECT_EQ(answer->finish_reason, "stop");
  EXPECT_EQ(answer->completion_tokens, 12);
  EXPECT_GT(answer->prompt_tokens, 0);

  const auto again = Generate("generator");
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->text, answer->text);
  const auto short_answer = provider_->Generate(
      "generator", {.messages = {{"user", "x"}}, .max_tokens = 3, .seed = 5}, nullptr);
  ASSERT_TRUE(short_answer.ok());
  EXPECT_EQ(short_answer->completion_tokens, 3);
  EXPECT_EQ(short_answer->finish_reason, "length");
  EXPECT_EQ(Generate("nobody").status().code(), StatusCode::kNotFound);
}

TEST_F(OllamaProviderTest, NeverSendsAGenerationTwice) {
  OpenProvider();
  for (const char* fault : {"busy", "overloaded", "bad_gateway", "reset", "truncated", "unfinished",
                            "stream_error", "stream_garbage", "not_json", "internal_error"}) {
    SCOPED_TRACE(fault);
    ASSERT_TRUE(server_->Clear().ok());
    Add({.fault = fault, .path = "/api/chat"});
    EXPECT_EQ(Generate("generator").status().code(), StatusCode::kUnavailable);
    EXPECT_EQ(CountOf("/api/chat"), 1);
  }
}

TEST_F(OllamaProviderTest, TheErrorInAStreamSaysWhatTheServerSaid) {
  OpenProvider();
  Add({.fault = "stream_error", .path = "/api/chat"});
  std::vector<std::string> pieces;
  const auto answer = Generate("generator", [&](std::string_view piece) {
    pieces.emplace_back(piece);
    return OkStatus();
  });
  EXPECT_THAT(answer.status().message(), HasSubstr("runner has unexpectedly stopped"));
  EXPECT_FALSE(pieces.empty()) << "what came before was passed on";
}

TEST_F(OllamaProviderTest, TheCallersErrorEndsAGeneration) {
  OpenProvider();
  Add({.fault = "drip", .path = "/api/chat", .delay_ms = 20});
  int pieces = 0;
  const auto answer = Generate("generator", [&](std::string_view) {
    return ++pieces == 3 ? Unavailable("the client has left") : OkStatus();
  });
  EXPECT_EQ(answer.status().message(), "the client has left");
  EXPECT_EQ(pieces, 3);
  EXPECT_THAT(metrics_.PrometheusText(),
              HasSubstr("lakehouse_model_breaker_state{provider=\"there\"} 0"));
}

TEST_F(OllamaProviderTest, CancellingEndsAGeneration) {
  OpenProvider();
  Add({.fault = "drip", .path = "/api/chat", .delay_ms = 100});
  CancelToken cancel;
  int pieces = 0;
  const auto answer = Generate(
      "generator",
      [&](std::string_view) {
        if (++pieces == 2) cancel.Cancel();
        return OkStatus();
      },
      cancel);
  EXPECT_EQ(answer.status().code(), StatusCode::kCancelled);
  EXPECT_LT(pieces, 12);
}

TEST_F(OllamaProviderTest, ASlowStreamIsAliveAndASilentOneIsNot) {
  config_.request_timeout_ms = 400;
  config_.load_timeout_ms = 400;
  OpenProvider();
  // Longer than the limit as a whole, and far below a kilobyte a second.
  Add({.fault = "drip", .path = "/api/chat", .delay_ms = 100});
  EXPECT_TRUE(Generate("generator").ok());
  Add({.fault = "hang", .path = "/api/chat"});
  EXPECT_EQ(Generate("generator").status().code(), StatusCode::kDeadlineExceeded);
  Add({.fault = "drip", .path = "/api/chat", .delay_ms = 1'500});
  EXPECT_EQ(Generate("generator").status().code(), StatusCode::kDeadlineExceeded);
}

TEST_F(OllamaProviderTest, AGenerationDoesNotHoldUpQueries) {
  OpenModel();
  Add({.fault = "hang", .path = "/api/chat", .times = 0});
  CancelToken cancel;
  std::thread generating([&] {
    EXPECT_EQ(Generate("generator", nullptr, cancel).status().code(), StatusCode::kCancelled);
  });
  while (CountOf("/api/chat") == 0) std::this_thread::yield();
  ExpectVectors(Embed({"a"}, {.role = Role::kQuery}), {"a"});
  cancel.Cancel();
  generating.join();
}

// A server with its model, for as long as the model lives.
struct HeldModel {
  std::unique_ptr<testing::ModelServer> server;
  SecretStore secrets;
  MetricsRegistry metrics;
  std::unique_ptr<ModelProvider> provider;
  std::unique_ptr<EmbeddingModel> model;
};

std::shared_ptr<EmbeddingModel> OpenHeld(const std::string& kind) {
  auto held = std::make_shared<HeldModel>();
  Result<std::unique_ptr<testing::ModelServer>> server = testing::ModelServer::Start();
  EXPECT_TRUE(server.ok()) << server.status().ToString();
  if (!server.ok()) return nullptr;
  held->server = *std::move(server);
  AiProviderConfig config{.name = "there", .kind = kind, .url = held->server->url()};
  config.max_batch_texts = 7;
  Result<std::unique_ptr<ModelProvider>> provider =
      OpenModelServer({.config = config, .secrets = &held->secrets, .metrics = &held->metrics});
  EXPECT_TRUE(provider.ok()) << provider.status().ToString();
  if (!provider.ok()) return nullptr;
  held->provider = *std::move(provider);
  Result<std::unique_ptr<EmbeddingModel>> model =
      held->provider->OpenEmbedding({.name = "mine", .model = "embedder"}, CancelToken());
  EXPECT_TRUE(model.ok()) << model.status().ToString();
  if (!model.ok()) return nullptr;
  held->model = *std::move(model);
  return {held, held->model.get()};
}

std::shared_ptr<EmbeddingModel> OpenOllama() { return OpenHeld("ollama"); }
std::shared_ptr<EmbeddingModel> OpenOpenAi() { return OpenHeld("openai"); }

INSTANTIATE_TEST_SUITE_P(Ollama, EmbeddingModelConformance, ::testing::Values(&OpenOllama));
INSTANTIATE_TEST_SUITE_P(OpenAi, EmbeddingModelConformance,
                         ::testing::Values(EmbeddingModelUnderTest(&OpenOpenAi, /*exact=*/true,
                                                                   /*empty_text=*/false)));

}  // namespace
}  // namespace lakehouse::ai
