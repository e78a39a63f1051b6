#include <atomic>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "ai/remote/remote_fixture.h"
#include "net/test_server.h"
#include "support/temp_dir.h"

namespace lakehouse::ai {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kKey = "sk-0123456789abcdef";

class OpenAiProviderTest : public RemoteFixture {
 protected:
  OpenAiProviderTest() : RemoteFixture("openai") {}

  // Makes the server one that is not text-embeddings-inference.
  void HideInfo() { Add({.fault = "missing_model", .path = "/info", .times = 0}); }

  void UseKey(const std::string& key) {
    const std::string path = dir_.Join("secrets.toml");
    {
      std::ofstream file(path);
      file << "[there]\napi_key = \"" << key << "\"\n";
    }
    ASSERT_EQ(chmod(path.c_str(), 0600), 0);
    Result<SecretStore> secrets = SecretStore::Load(path);
    ASSERT_TRUE(secrets.ok()) << secrets.status().ToString();
    secrets_ = *std::move(secrets);
    config_.credentials = "there";
  }

  Result<std::unique_ptr<Reranker>> OpenReranker() {
    OpenProvider();
    return provider_->OpenReranker({.name = "ranker", .task = "rerank", .model = "reranker"},
                                   CancelToken());
  }

  const testing::TempDir dir_;
};

TEST_F(OpenAiProviderTest, ObeysWhatTextEmbeddingsInferenceTells) {
  ASSERT_TRUE(server_->Set({{"max_batch_texts", 6}}).ok());
  OpenModel();
  ExpectVectors(Embed(Numbered(20)), Numbered(20));
  EXPECT_EQ(Counters().most_texts, 6);
  EXPECT_EQ(requests(), 4) << "none was refused";
  EXPECT_EQ(embedding_->space().digest.size(), 40U);
}

TEST_F(OpenAiProviderTest, FindsOutTheLimitOfAServerThatDoesNotTell) {
  ASSERT_TRUE(server_->Set({{"max_batch_texts", 6}}).ok());
  HideInfo();
  OpenModel();
  EXPECT_EQ(embedding_->space().digest, "");
  EXPECT_EQ(embedding_->space().pooling, "server");
  EXPECT_EQ(embedding_->space().max_tokens, 512) << "nobody said how much it takes";
  ExpectVectors(Embed(Numbered(64)), Numbered(64));
  ASSERT_TRUE(server_->Clear().ok());
  ExpectVectors(Embed(Numbered(64)), Numbered(64));
  EXPECT_LE(requests(), 16) << "learned from the first call";
}

TEST_F(OpenAiProviderTest, AsksForBase64AndTakesNumbersWhereThatIsRefused) {
  OpenModel();
  ASSERT_TRUE(Embed({"a"}).ok());
  EXPECT_EQ(Log().back().body.at("encoding_format"), "base64");
  Add({.fault = "bad_request", .path = "/v1/embeddings"});
  OpenProvider();
  auto model = provider_->OpenEmbedding(model_, CancelToken());
  ASSERT_TRUE(model.ok()) << model.status().ToString();
  embedding_ = *std::move(model);
  ExpectVectors(Embed({"a"}), {"a"});
  EXPECT_EQ(Log().back().body.at("encoding_format"), "float");
}

TEST_F(OpenAiProviderTest, SendsTheKeyAndNeverSaysIt) {
  ASSERT_TRUE(server_->Set({{"api_key", kKey}}).ok());
  OpenProvider();
  EXPECT_EQ(provider_->OpenEmbedding(model_, CancelToken()).status().code(),
            StatusCode::kUnauthenticated);
  EXPECT_EQ(provider_->Health(CancelToken()).code(), StatusCode::kUnauthenticated);
  UseKey(kKey);
  OpenModel();
  ExpectVectors(Embed({"a"}), {"a"});
  bool sent = false;
  const std::vector<ModelRequest> log = Log();
  for (const auto& [name, value] : log.back().headers) {
    sent |= name == "authorization" && value == std::string("Bearer ") + kKey;
  }
  EXPECT_TRUE(sent);
  ASSERT_TRUE(server_->Set({{"api_key", "another"}}).ok());
  const Status status = Embed({"a"}).status();
  EXPECT_EQ(status.code(), StatusCode::kUnauthenticated);
  EXPECT_THAT(status.message(), Not(HasSubstr("sk-")));
  EXPECT_THAT(metrics_.PrometheusText(), Not(HasSubstr("sk-")));
}

TEST_F(OpenAiProviderTest, NamesASecretThatIsMissing) {
  config_.credentials = "nobody";
  const auto provider =
      OpenModelServer({.config = config_, .secrets = &secrets_, .metrics = &metrics_});
  EXPECT_EQ(provider.status().code(), StatusCode::kNotFound);
  EXPECT_THAT(provider.status().message(), HasSubstr("nobody"));
}

TEST_F(OpenAiProviderTest, RefusesAServerBeyondThisMachineBeforeItIsAsked) {
  config_.url = "http://192.0.2.7:8000";
  const auto provider =
      OpenModelServer({.config = config_, .secrets = &secrets_, .metrics = &metrics_});
  EXPECT_EQ(provider.status().code(), StatusCode::kPermissionDenied);
}

TEST_F(OpenAiProviderTest, DescribesAndListsModels) {
  HideInfo();
  OpenProvider();
  ASSERT_TRUE(provider_->ListModels(CancelToken()).ok());
  EXPECT_EQ(provider_->ListModels(CancelToken())->size(), 4U);
  EXPECT_TRUE(provider_->Describe("embedder:latest", CancelToken()).ok());
  EXPECT_EQ(provider_->Describe("nobody", CancelToken()).status().code(), StatusCode::kNotFound);
  EXPECT_TRUE(provider_->Health(CancelToken()).ok());
  Add({.fault = "missing_model", .path = "/v1/models"});
  EXPECT_TRUE(provider_->Health(CancelToken()).ok()) << "/health answers";
  for (const Status& status :
       {provider_->Preload("embedder", CancelToken()), provider_->Unload("embedder", CancelToken()),
        provider_->LoadedModels(CancelToken()).status()}) {
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr("router"));
  }
}

TEST_F(OpenAiProviderTest, AModelThatIsListedNoMoreIsNotFound) {
  HideInfo();
  model_.model = "embedder:latest";
  OpenModel();
  HideInfo();
  EXPECT_TRUE(embedding_->CheckIdentity(CancelToken()).ok());
  ASSERT_TRUE(server_->ForgetModel("embedder:latest").ok());
  EXPECT_EQ(embedding_->CheckIdentity(CancelToken()).code(), StatusCode::kNotFound);
  Add({.fault = "internal_error", .path = "/v1/models", .times = 0});
  EXPECT_EQ(embedding_->CheckIdentity(CancelToken()).code(), StatusCode::kUnavailable);
}

TEST_F(OpenAiProviderTest, RefusesEmptyTextsWithoutAsking) {
  OpenModel();
  const auto vectors = Embed({"a", "", " \n", "b"});
  ASSERT_TRUE(vectors.ok());
  ExpectVector((*vectors)[0], "a");
  EXPECT_EQ((*vectors)[1].status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ((*vectors)[2].status().code(), StatusCode::kInvalidArgument);
  ExpectVector((*vectors)[3], "b");
  EXPECT_EQ(requests(), 1);
}

class OpenAiRerankTest : public OpenAiProviderTest,
                         public ::testing::WithParamInterface<std::string> {};

// The dialect is found out by what the server has.
INSTANTIATE_TEST_SUITE_P(Servers, OpenAiRerankTest, ::testing::Values("tei", "v1", "unversioned"),
                         [](const auto& server) { return server.param; });

TEST_P(OpenAiRerankTest, ScoresEveryDocumentInOrder) {
  const std::string used = GetParam() == "v1" ? "/v1/rerank" : "/rerank";
  if (GetParam() != "tei") HideInfo();
  if (GetParam() == "unversioned") {
    Add({.fault = "bad_request", .path = "/v1/rerank", .times = 0});
  }
  config_.max_batch_texts = 4;
  const auto reranker = OpenReranker();
  ASSERT_TRUE(reranker.ok()) << reranker.status().ToString();
  EXPECT_EQ((*reranker)->name(), "ranker");
  std::vector<std::string> documents = {"nothing", "a night", "night nurse", "", "nurse"};
  for (int i = 0; i < 10; ++i) documents.push_back(StrCat("day ", i));
  ASSERT_TRUE(server_->Clear().ok());
  const auto scores = (*reranker)->Score("night nurse", documents, CancelToken());
  ASSERT_TRUE(scores.ok()) << scores.status().ToString();
  ASSERT_EQ(scores->size(), documents.size());
  const float expected[] = {0, 0.5F, 1, 0, 0.5F};
  for (size_t i = 0; i < documents.size(); ++i) {
    ASSERT_TRUE((*scores)[i].ok());
    EXPECT_FLOAT_EQ(*(*scores)[i], i < 5 ? expected[i] : 0.0F);
  }
  EXPECT_LE(Counters().most_texts, 4);
  for (const ModelRequest& request : Log()) EXPECT_EQ(request.path, used);
}

TEST_P(OpenAiRerankTest, ABadDocumentFailsAlone) {
  if (GetParam() == "unversioned") GTEST_SKIP() << "the path makes no difference";
  if (GetParam() != "tei") HideInfo();
  const auto reranker = OpenReranker();
  ASSERT_TRUE(reranker.ok()) << reranker.status().ToString();
  Add({.fault = "bad_request", .text = "spoilt", .times = 0});
  const auto scores = (*reranker)->Score(
      "night", {std::vector<std::string>{"night", "spoilt", "day"}}, CancelToken());
  ASSERT_TRUE(scores.ok()) << scores.status().ToString();
  EXPECT_FLOAT_EQ(*(*scores)[0], 1);
  EXPECT_EQ((*scores)[1].status().code(), StatusCode::kInvalidArgument);
  EXPECT_FLOAT_EQ(*(*scores)[2], 0);
}

TEST_F(OpenAiProviderTest, CutsTheLongerSideOfAPair) {
  HideInfo();
  OpenProvider();
  const auto reranker = provider_->OpenReranker(
      {.name = "ranker", .task = "rerank", .model = "reranker", .max_tokens = 60}, CancelToken());
  ASSERT_TRUE(reranker.ok());
  std::string query;
  std::string document;
  for (int i = 0; i < 500; ++i) {
    query += "ask ";
    document += "say ";
  }
  ASSERT_TRUE((*reranker)->Score(query, {&document, 1}, CancelToken()).ok());
  const Json both = Log().back().body;
  EXPECT_NEAR(static_cast<double>(both.at("query").get<std::string>().size()), 4 * 28, 8);
  EXPECT_NEAR(static_cast<double>(both.at("documents")[0].get<std::string>().size()), 4 * 28, 8);
  const std::string brief = "say it";
  ASSERT_TRUE((*reranker)->Score(query, {&brief, 1}, CancelToken()).ok());
  EXPECT_GT(Log().back().body.at("query").get<std::string>().size(), 4 * 50U);
  EXPECT_EQ(Log().back().body.at("documents")[0], brief);
}

TEST_F(OpenAiProviderTest, GeneratesAndStreams) {
  OpenProvider();
  std::string joined;
  const auto answer = provider_->Generate(
      "generator", {.messages = {{"user", "hi"}}, .max_tokens = 5}, [&](std::string_view piece) {
        joined += piece;
        return OkStatus();
      });
  ASSERT_TRUE(answer.ok()) << answer.status().ToString();
  EXPECT_EQ(joined, answer->text);
  EXPECT_EQ(answer->finish_reason, "length");
  EXPECT_EQ(answer->completion_tokens, 5);
  EXPECT_GT(answer->prompt_tokens, 0);
}

TEST_F(OpenAiProviderTest, NeverSendsAGenerationTwice) {
  OpenProvider();
  for (const char* fault : {"busy", "overloaded", "bad_gateway", "reset", "truncated",
                            "stream_error", "stream_garbage", "unfinished", "internal_error"}) {
    SCOPED_TRACE(fault);
    ASSERT_TRUE(server_->Clear().ok());
    Add({.fault = fault, .path = "/v1/chat/completions"});
    const auto answer = provider_->Generate("generator", {.messages = {{"user", "hi"}}}, nullptr);
    EXPECT_EQ(answer.status().code(), StatusCode::kUnavailable);
    EXPECT_EQ(requests(), 1);
  }
}

// llama.cpp as a router, as far as loading goes.
class Router {
 public:
  Router()
      : server_(
            net::testing::StartServer([this](net::Request& request) { return Answer(request); })) {}

  std::string url() const { return net::testing::Url(*server_, ""); }
  int asked() const { return asked_; }

 private:
  net::Response Answer(net::Request& request) {
    const MutexLock lock(mutex_);
    if (request.path == "/models/load" || request.path == "/models/unload") {
      ++asked_;
      const Json body = *ParseJson(*ReadAll(*request.body, 1 << 20));
      const std::string model = body.at("model").get<std::string>();
      const bool load = request.path == "/models/load";
      steps_[model] = {load ? "loading" : "loaded", load ? "loading" : "loaded",
                       !load            ? "unloaded"
                       : model == "big" ? "failed"
                                        : "loaded"};
      return {.body = R"({"success":true})"};
    }
    if (request.path != "/v1/models") return {.status = 404, .body = "{}"};
    Json list = Json::array();
    for (const char* model : {"small", "big"}) {
      std::vector<std::string>& steps = steps_[model];
      if (steps.empty()) steps = {"unloaded"};
      list.push_back({{"id", model}, {"status", {{"value", steps.front()}}}});
      if (steps.size() > 1) steps.erase(steps.begin());
    }
    return {.body = DumpJson({{"data", list}})};
  }

  Mutex mutex_;
  std::map<std::string, std::vector<std::string>> steps_ GUARDED_BY(mutex_);
  std::atomic<int> asked_ = 0;
  std::unique_ptr<net::HttpServer> server_;
};

TEST_F(OpenAiProviderTest, LoadsAndUnloadsThroughARouter) {
  Router router;
  config_.url = router.url();
  OpenProvider();
  ASSERT_TRUE(provider_->Preload("small", CancelToken()).ok());
  EXPECT_TRUE(provider_->capabilities().loads_on_demand);
  auto loaded = provider_->LoadedModels(CancelToken());
  ASSERT_TRUE(loaded.ok());
  ASSERT_EQ(loaded->size(), 1U);
  EXPECT_EQ(loaded->front().name, "small");
  ASSERT_TRUE(provider_->Preload("small", CancelToken()).ok());
  EXPECT_EQ(router.asked(), 1) << "it was there already";
  const Status failed = provider_->Preload("big", CancelToken());
  EXPECT_EQ(failed.code(), StatusCode::kUnavailable);
  EXPECT_THAT(failed.message(), HasSubstr("big"));
  ASSERT_TRUE(provider_->Unload("small", CancelToken()).ok());
  EXPECT_TRUE(provider_->LoadedModels(CancelToken())->empty());
  EXPECT_EQ(provider_->Preload("none", CancelToken()).code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace lakehouse::ai
