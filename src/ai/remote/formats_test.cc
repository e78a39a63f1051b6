#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ai/remote/model_prefixes.h"
#include "ai/remote/ollama_format.h"
#include "ai/remote/openai_format.h"

namespace lakehouse::ai {
namespace {

using ::testing::ElementsAre;

Json Parsed(const std::string& text) {
  Result<Json> json = ParseJson(text);
  EXPECT_TRUE(json.ok()) << text << json.status().ToString();
  return json.ok() ? *std::move(json) : Json();
}

TEST(OllamaFormatTest, AsksForVectorsAlwaysWithTheSameOptions) {
  const std::vector<std::string> texts = {"a \"b\"", "\u4e2d\n"};
  EXPECT_EQ(Parsed(OllamaEmbedBody("m", texts, 0, {})),
            Parsed(R"({"model":"m","truncate":true,"input":["a \"b\"","\u4e2d\n"]})"));
  EXPECT_EQ(Parsed(OllamaEmbedBody("m", {}, 64, {.threads = 2, .pinned = true})),
            Parsed(R"({"model":"m","truncate":true,"dimensions":64,"options":{"num_thread":2},
                       "keep_alive":-1,"input":[]})"));
  EXPECT_EQ(Parsed(OllamaLoadBody("m", {.threads = 2, .pinned = true}))["options"],
            Parsed(R"({"num_thread":2})"));
  EXPECT_EQ(Parsed(OllamaUnloadBody("m"))["keep_alive"], 0);
  const GenerateRequest request{
      .messages = {{"user", "hi"}}, .max_tokens = 5, .temperature = 0.5, .seed = 3, .stop = {"x"}};
  EXPECT_EQ(Parsed(OllamaChatBody("m", request, {.threads = 2})),
            Parsed(R"({"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}],
                       "options":{"num_thread":2,"num_predict":5,"temperature":0.5,"seed":3,
                                  "stop":["x"]}})"));
}

TEST(OllamaFormatTest, KnowsCloudModelsByEverySign) {
  EXPECT_TRUE(IsCloudName("gpt-oss:120b-cloud"));
  EXPECT_TRUE(IsCloudName("faraway:cloud"));
  EXPECT_FALSE(IsCloudName("cloud"));
  EXPECT_FALSE(IsCloudName("cloud:latest"));
  const Json tags = Parsed(R"({"models":[{"name":"a:latest","digest":"d","size":5},
      {"name":"b","remote_host":"https://x"},{"name":"c:cloud"},{"digest":"nameless"}]})");
  const auto models = ReadOllamaTags(tags);
  ASSERT_EQ(models.size(), 3U);
  EXPECT_EQ(models[0].digest, "d");
  EXPECT_EQ(models[0].size_bytes, 5U);
  EXPECT_FALSE(models[0].is_cloud);
  EXPECT_TRUE(models[1].is_cloud && models[2].is_cloud);
  EXPECT_TRUE(ReadOllamaShow("copy", Parsed(R"({"remote_host":"https://x"})")).model.is_cloud);
}

TEST(OllamaFormatTest, ReadsADescription) {
  const OllamaDescription bert = ReadOllamaShow("m", Parsed(R"({"capabilities":["embedding"],
      "model_info":{"general.architecture":"bert","bert.context_length":512,
                    "bert.embedding_length":384,"bert.pooling_type":2}})"));
  EXPECT_TRUE(bert.embeds);
  EXPECT_EQ(bert.model.max_tokens, 512);
  EXPECT_EQ(bert.model.dimensions, 384);
  EXPECT_EQ(bert.model.pooling, "cls");
  const OllamaDescription old = ReadOllamaShow("m", Parsed(R"({"model_info":{
      "general.architecture":"bert","bert.pooling_type":1}})"));
  EXPECT_TRUE(old.embeds);
  EXPECT_FALSE(ReadOllamaShow("m", Parsed(R"({"capabilities":["completion"]})")).embeds);
  EXPECT_FALSE(ReadOllamaShow("m", Parsed("{}")).embeds);
}

TEST(OllamaFormatTest, LatestIsTheTagOfANameWithoutOne) {
  EXPECT_TRUE(IsSameOllamaModel("a", "a:latest"));
  EXPECT_TRUE(IsSameOllamaModel("a:latest", "a"));
  EXPECT_FALSE(IsSameOllamaModel("a:v2", "a"));
}

TEST(OllamaFormatTest, ReadsTimesAsGoWritesThem) {
  const Timestamp expected = *ParseTimestamp("2025-03-01T12:30:15.123456Z");
  EXPECT_EQ(ReadGoTime("2025-03-01T12:30:15.123456789Z"), expected);
  EXPECT_EQ(ReadGoTime("2025-03-01T14:30:15.123456+02:00"), expected);
  EXPECT_EQ(ReadGoTime("2025-02-28T23:00:15.123456-13:30"), expected);
  EXPECT_EQ(ReadGoTime("2025-03-01T12:30:15Z"), Timestamp{expected.micros - 123'456});
  for (const char* text :
       {"", "2318-12-01T00:00:00Z", "2025-13-01T00:00:00Z", "2025-03-01", "2025-03-01T12:30:15",
        "2025-03-01T12:30:15.1+2:00", "0001-01-01", "2025-02-30T00:00:00Z", "2025-03-01T12:30:1"}) {
    EXPECT_EQ(ReadGoTime(text), std::nullopt) << text;
  }
  const auto loaded = ReadOllamaProcesses(Parsed(
      R"({"models":[{"name":"a","digest":"d","size":9,"size_vram":4,
                     "expires_at":"2318-01-01T00:00:00Z"}]})"));
  ASSERT_EQ(loaded.size(), 1U);
  EXPECT_EQ(loaded[0].vram_bytes, 4U);
  EXPECT_EQ(loaded[0].expires_at, std::nullopt);
}

TEST(OpenAiFormatTest, AsksForVectors) {
  const std::vector<std::string> texts = {"a"};
  EXPECT_EQ(Parsed(OpenAiEmbedBody("m", texts, {})),
            Parsed(R"({"model":"m","encoding_format":"base64","input":["a"]})"));
  EXPECT_EQ(Parsed(OpenAiEmbedBody("m", texts, {.dimensions = 8, .base64 = false})),
            Parsed(R"({"model":"m","encoding_format":"float","dimensions":8,"input":["a"]})"));
}

size_t CountOf(const std::string& data, size_t count) {
  const auto vectors = ReadOpenAiVectors(Parsed("{\"data\":" + data + "}"), count);
  EXPECT_TRUE(vectors.has_value());
  return vectors->size();
}

TEST(OpenAiFormatTest, SortsByIndexAndDoubtsAnythingElse) {
  const auto vectors = ReadOpenAiVectors(
      Parsed(R"({"data":[{"index":1,"embedding":[2]},{"index":0,"embedding":[1]}]})"), 2);
  ASSERT_TRUE(vectors.has_value());
  EXPECT_THAT(*(*vectors)[0], ElementsAre(1.0F));
  EXPECT_THAT(*(*vectors)[1], ElementsAre(2.0F));
  EXPECT_EQ(CountOf(R"([{"embedding":[1]},{"embedding":[2]}])", 2), 2U);
  EXPECT_NE(CountOf(R"([{"index":0,"embedding":[1]},{"index":0,"embedding":[2]}])", 2), 2U);
  EXPECT_NE(CountOf(R"([{"index":0,"embedding":[1]},{"index":9,"embedding":[2]}])", 2), 2U);
  EXPECT_NE(CountOf(R"([{"index":0,"embedding":[1]},{"embedding":[2]}])", 2), 2U);
  EXPECT_NE(CountOf(R"([{"index":0,"embedding":[1]},{"index":-1,"embedding":[2]}])", 2), 2U);
  EXPECT_NE(CountOf(R"([{"index":0,"embedding":[1]},{"index":1,"embedding":[2]},
                        {"index":1,"embedding":[2]}])",
                    2),
            2U);
  EXPECT_NE(CountOf("[]", 1), 1U);
  EXPECT_FALSE(ReadOpenAiVectors(Parsed(R"({"status":"ok"})"), 1).has_value());
  EXPECT_FALSE(ReadOpenAiVectors(Parsed("[1]"), 1).has_value());
}

TEST(OpenAiFormatTest, ReadsScoresOfBothDialects) {
  const auto jina = ReadScores(Parsed(R"({"results":[{"index":1,"relevance_score":0.5},
                                                     {"index":0,"relevance_score":-3}]})"),
                               2);
  ASSERT_TRUE(jina.has_value());
  EXPECT_THAT(*(*jina)[0], ElementsAre(-3.0F));
  EXPECT_THAT(*(*jina)[1], ElementsAre(0.5F));
  const auto tei = ReadScores(Parsed(R"([{"index":0,"score":0.25}])"), 1);
  ASSERT_TRUE(tei.has_value());
  EXPECT_THAT(*(*tei)[0], ElementsAre(0.25F));
  const auto null = ReadScores(Parsed(R"([{"index":0,"score":null}])"), 1);
  ASSERT_TRUE(null.has_value());
  EXPECT_FALSE((*null)[0].ok());
  EXPECT_FALSE(ReadScores(Parsed(R"({"data":[]})"), 1).has_value());
}

TEST(OpenAiFormatTest, AsksForScoresInBothDialects) {
  const std::vector<std::string> documents = {"a", "b"};
  EXPECT_EQ(Parsed(RerankBody(RerankDialect::kJinaV1, "m", "q", documents)),
            Parsed(R"({"model":"m","query":"q","documents":["a","b"]})"));
  EXPECT_EQ(Parsed(RerankBody(RerankDialect::kTei, "m", "q", documents)),
            Parsed(R"({"query":"q","truncate":true,"texts":["a","b"]})"));
  EXPECT_EQ(RerankPath(RerankDialect::kJinaV1), "/v1/rerank");
  EXPECT_EQ(RerankPath(RerankDialect::kTei), "/rerank");
}

TEST(OpenAiFormatTest, ReadsWhatEachServerTellsOfItsModels) {
  const auto models = ReadOpenAiModels(Parsed(R"({"data":[
      {"id":"vllm","max_model_len":8192},
      {"id":"llama","meta":{"n_ctx_train":2048,"n_embd":768,"size":99},"status":{"value":"loaded"}},
      {"id":"router","context_length":4096},{"id":"groq","context_window":100},
      {"id":"plain"},{"object":"nameless"}]})"));
  ASSERT_EQ(models.size(), 5U);
  EXPECT_EQ(models[0].model.max_tokens, 8192);
  EXPECT_EQ(models[0].load_state, "");
  EXPECT_EQ(models[1].model.max_tokens, 2048);
  EXPECT_EQ(models[1].model.dimensions, 768);
  EXPECT_EQ(models[1].model.size_bytes, 99U);
  EXPECT_EQ(models[1].load_state, "loaded");
  EXPECT_EQ(models[2].model.max_tokens, 4096);
  EXPECT_EQ(models[3].model.max_tokens, 100);
  EXPECT_EQ(models[4].model.max_tokens, 0);
}

TEST(OpenAiFormatTest, KnowsTextEmbeddingsInference) {
  const auto info = ReadTeiInfo(Parsed(R"({"model_id":"BAAI/bge","model_sha":"abc",
      "model_type":{"embedding":{"pooling":"last_token"}},"max_input_length":512,
      "max_client_batch_size":16})"));
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->model.digest, "abc");
  EXPECT_EQ(info->model.max_tokens, 512);
  EXPECT_EQ(info->model.pooling, "lasttoken");
  EXPECT_EQ(info->max_batch_texts, 16);
  const auto reranker = ReadTeiInfo(Parsed(R"({"model_id":"r","model_sha":null,
      "model_type":{"reranker":{}},"max_input_length":512})"));
  ASSERT_TRUE(reranker.has_value());
  EXPECT_EQ(reranker->model.digest, "");
  EXPECT_FALSE(ReadTeiInfo(Parsed(R"({"error":"Unexpected endpoint"})")).has_value());
}

TEST(ModelPrefixesTest, FollowTheFamilyUnlessTheConfigurationSaysOtherwise) {
  EXPECT_EQ(PrefixesOfFamily("nomic-embed-text:v1.5").document, "search_document: ");
  EXPECT_EQ(PrefixesOfFamily("intfloat/E5-small-v2").query, "query: ");
  EXPECT_EQ(PrefixesOfFamily("hf.co/someone/multilingual-e5-base-GGUF").document, "passage: ");
  EXPECT_EQ(PrefixesOfFamily("BAAI/bge-base-en-v1.5").document, "");
  EXPECT_EQ(PrefixesOfFamily("bge-m3").query, "");
  EXPECT_EQ(PrefixesOfFamily("all-minilm").query, "");
  EXPECT_EQ(PrefixesOfFamily("e5-owner/all-minilm").query, "");
  AiModelConfig config;
  EXPECT_EQ(PrefixesOf(config, "e5-base").query, "query: ");
  config.query_prefix = "";
  config.document_prefix = "doc: ";
  EXPECT_EQ(PrefixesOf(config, "e5-base").query, "");
  EXPECT_EQ(PrefixesOf(config, "e5-base").document, "doc: ");
}

}  // namespace
}  // namespace lakehouse::ai
