// The JSON of OpenAI's API and of what its relatives add to it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ai/model_provider.h"
#include "ai/remote/batch_runner.h"
#include "ai/text_generator.h"
#include "base/json.h"

namespace lakehouse::ai {

struct OpenAiEmbedOptions {
  int64_t dimensions = 0;  // 0: as many as the model has.
  bool base64 = true;      // A quarter of the bytes, where the server knows it.
};

std::string OpenAiEmbedBody(const std::string& model, std::span<const std::string> texts,
                            const OpenAiEmbedOptions& options);
std::string OpenAiChatBody(const std::string& model, const GenerateRequest& request);

// The vectors in the order of their index, 0 to `count` - 1, or in the answer's where none has one;
// nullopt when this is no such answer. Another count or other indexes give as many vectors as there
// are distinct ones, which then are not `count`.
std::optional<std::vector<Result<std::vector<float>>>> ReadOpenAiVectors(const Json& json,
                                                                         size_t count);

// How a server is asked to rerank.
enum class RerankDialect {
  kJinaV1,  // POST /v1/rerank {query, documents}: vLLM, llama.cpp, Jina, Cohere.
  kJina,    // The same at /rerank: Infinity.
  kTei,     // POST /rerank {query, texts}.
};
std::string_view RerankPath(RerankDialect dialect);
std::string RerankBody(RerankDialect dialect, const std::string& model, const std::string& query,
                       std::span<const std::string> documents);
// Scores as vectors of one number, as ReadOpenAiVectors; from {results:[{index, relevance_score}]}
// or [{index, score}].
std::optional<std::vector<Result<std::vector<float>>>> ReadScores(const Json& json, size_t count);

// A model of GET /v1/models, with what vLLM, llama.cpp and others tell beside its id.
struct ListedModel {
  ProviderModel model;
  std::string load_state;  // Of llama.cpp's router: "loaded", "unloaded", …; "": not told.
};
std::vector<ListedModel> ReadOpenAiModels(const Json& json);

// What GET /info of text-embeddings-inference tells; nullopt when another server answered.
struct TeiInfo {
  ProviderModel model;
  int64_t max_batch_texts = 0;  // 0: not told.
};
std::optional<TeiInfo> ReadTeiInfo(const Json& json);

}  // namespace lakehouse::ai
