// A provider in front of a server that fails as it is told.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "ai/model_provider.h"
#include "ai/remote/server_providers.h"
#include "support/model_server.h"

namespace lakehouse::ai {

class RemoteFixture : public ::testing::Test {
 protected:
  using ModelFault = lakehouse::testing::ModelFault;
  using ModelRequest = lakehouse::testing::ModelRequest;
  using ModelServer = lakehouse::testing::ModelServer;

  explicit RemoteFixture(const std::string& kind) {
    config_.name = "there";
    config_.kind = kind;
    config_.request_timeout_ms = 30'000;
    config_.load_timeout_ms = 30'000;
    model_.name = "mine";
    model_.model = "embedder";
    tuning_.retry.first_wait_ms = 1;
    tuning_.retry.max_wait_ms = 4;
    tuning_.poll_ms = 5;
  }

  void SetUp() override {
    Result<std::unique_ptr<ModelServer>> server = ModelServer::Start();
    ASSERT_TRUE(server.ok()) << server.status().ToString();
    server_ = *std::move(server);
    config_.url = server_->url();
  }

  // With the configuration as it is now.
  void OpenProvider() {
    embedding_.reset();
    Result<std::unique_ptr<ModelProvider>> provider = OpenModelServerWith(
        {.config = config_, .secrets = &secrets_, .metrics = &metrics_, .clock = clock_}, tuning_);
    ASSERT_TRUE(provider.ok()) << provider.status().ToString();
    provider_ = *std::move(provider);
  }

  // Opens the model and forgets what that asked of the server.
  void OpenModel() {
    OpenProvider();
    Result<std::unique_ptr<EmbeddingModel>> model = provider_->OpenEmbedding(model_, CancelToken());
    ASSERT_TRUE(model.ok()) << model.status().ToString();
    embedding_ = *std::move(model);
    ASSERT_TRUE(server_->Clear().ok());
  }

  void Add(const ModelFault& fault) {
    const Status added = server_->Add(fault);
    ASSERT_TRUE(added.ok()) << added.ToString();
  }

  Result<Embeddings> Embed(const std::vector<std::string>& texts,
                           const EmbedOptions& options = {}) {
    return embedding_->Embed(texts, options);
  }

  // The vector is the server's for `text`, with what the model puts before it.
  void ExpectVector(const Result<std::vector<float>>& vector, const std::string& text) {
    ASSERT_TRUE(vector.ok()) << text << ": " << vector.status().ToString();
    const Result<std::vector<float>> expected = server_->Vector("embedder", text);
    ASSERT_TRUE(expected.ok());
    ASSERT_EQ(vector->size(), expected->size());
    for (size_t i = 0; i < vector->size(); ++i) ASSERT_NEAR((*vector)[i], (*expected)[i], 1e-5F);
  }
  void ExpectVectors(const Result<Embeddings>& vectors, const std::vector<std::string>& texts) {
    ASSERT_TRUE(vectors.ok()) << vectors.status().ToString();
    ASSERT_EQ(vectors->size(), texts.size());
    for (size_t i = 0; i < texts.size(); ++i) ExpectVector((*vectors)[i], texts[i]);
  }

  std::vector<ModelRequest> Log() {
    Result<std::vector<ModelRequest>> log = server_->Log();
    EXPECT_TRUE(log.ok());
    return log.ok() ? *std::move(log) : std::vector<ModelRequest>();
  }
  lakehouse::testing::ModelCounters Counters() { return *server_->Counters(); }
  int64_t requests() { return Counters().requests; }

  static std::vector<std::string> Numbered(int count) {
    std::vector<std::string> texts;
    for (int i = 0; i < count; ++i) texts.push_back(StrCat("text number ", i));
    return texts;
  }

  AiProviderConfig config_;
  AiModelConfig model_;
  ServerTuning tuning_;
  SecretStore secrets_;
  MetricsRegistry metrics_;
  const Clock* clock_ = &Clock::System();
  std::unique_ptr<ModelServer> server_;
  std::unique_ptr<ModelProvider> provider_;
  std::unique_ptr<EmbeddingModel> embedding_;
};

}  // namespace lakehouse::ai
