#include "ai/remote/openai_format.h"

#include <algorithm>
#include <utility>

#include "ai/remote/json_fields.h"
#include "base/strings.h"

namespace lakehouse::ai {
namespace {

using Vectors = std::vector<Result<std::vector<float>>>;

void AppendTexts(std::string& json, std::string_view name, std::span<const std::string> texts) {
  json.back() = ',';  // In place of the object's end.
  AppendJsonString(json, name);
  json += ":[";
  for (size_t i = 0; i < texts.size(); ++i) {
    if (i > 0) json += ',';
    AppendJsonString(json, texts[i]);
  }
  json += "]}";
}

// Puts the values of entries in the order of their field "index".
template <typename Read>
Vectors InOrder(const Json& entries, size_t count, const Read& read) {
  const bool has_indexes = std::any_of(entries.begin(), entries.end(), [](const Json& entry) {
    return FindField(entry, "index") != nullptr;
  });
  Vectors vectors;
  if (!has_indexes) {
    for (const Json& entry : entries) vectors.push_back(read(entry));
    return vectors;
  }
  std::vector<const Json*> ordered(count, nullptr);
  size_t placed = 0;
  for (const Json& entry : entries) {
    const Json* index = FindField(entry, "index");
    if (index == nullptr || !index->is_number_unsigned()) continue;
    const auto position = index->get<uint64_t>();
    if (position >= count || ordered[position] != nullptr) continue;
    ordered[position] = &entry;
    ++placed;
  }
  // A vector too many makes the answer as doubtful as one that is missing.
  if (placed == count && entries.size() != count)
    return Vectors(entries.size(), {std::vector<float>()});
  for (const Json* entry : ordered) {
    if (entry != nullptr) vectors.push_back(read(*entry));
  }
  return vectors;
}

// The first of these fields that is a positive number.
int64_t FirstInt(const Json& json, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (const int64_t value = IntField(json, name); value > 0) return value;
  }
  return 0;
}

std::string PoolingOf(std::string_view tei_name) {
  return tei_name == "last_token" ? "lasttoken" : std::string(tei_name);
}

}  // namespace

std::string OpenAiEmbedBody(const std::string& model, std::span<const std::string> texts,
                            const OpenAiEmbedOptions& options) {
  Json body = {{"model", model}, {"encoding_format", options.base64 ? "base64" : "float"}};
  if (options.dimensions > 0) body["dimensions"] = options.dimensions;
  std::string json = DumpJson(body);
  AppendTexts(json, "input", texts);
  return json;
}

std::string OpenAiChatBody(const std::string& model, const GenerateRequest& request) {
  Json body = {{"model", model},
               {"stream", true},
               {"stream_options", {{"include_usage", true}}},
               {"messages", Json::array()}};
  for (const ChatMessage& message : request.messages) {
    body["messages"].push_back({{"role", message.role}, {"content", message.content}});
  }
  if (request.max_tokens > 0) body["max_tokens"] = request.max_tokens;
  if (request.temperature) body["temperature"] = *request.temperature;
  if (request.seed) body["seed"] = *request.seed;
  if (!request.stop.empty()) body["stop"] = request.stop;
  return DumpJson(body);
}

std::optional<Vectors> ReadOpenAiVectors(const Json& json, size_t count) {
  const Json* data = FindArrayField(json, "data");
  if (data == nullptr) return std::nullopt;
  return InOrder(*data, count, [](const Json& entry) -> Result<std::vector<float>> {
    const Json* embedding = FindField(entry, "embedding");
    if (embedding == nullptr) return InvalidArgument("the server gave no vector for this text");
    return ReadVector(*embedding);
  });
}

std::string_view RerankPath(RerankDialect dialect) {
  return dialect == RerankDialect::kJinaV1 ? "/v1/rerank" : "/rerank";
}

std::string RerankBody(RerankDialect dialect, const std::string& model, const std::string& query,
                       std::span<const std::string> documents) {
  const bool is_tei = dialect == RerankDialect::kTei;
  std::string json = is_tei ? DumpJson({{"query", query}, {"truncate", true}})
                            : DumpJson({{"model", model}, {"query", query}});
  AppendTexts(json, is_tei ? "texts" : "documents", documents);
  return json;
}

std::optional<Vectors> ReadScores(const Json& json, size_t count) {
  const Json* results = json.is_array() ? &json : FindArrayField(json, "results");
  if (results == nullptr) return std::nullopt;
  return InOrder(*results, count, [](const Json& entry) -> Result<std::vector<float>> {
    for (const std::string_view name : {"relevance_score", "score"}) {
      const Json* score = FindField(entry, name);
      if (score != nullptr && score->is_number()) {
        return std::vector<float>{static_cast<float>(score->get<double>())};
      }
    }
    return InvalidArgument("the server gave no score for this text");
  });
}

std::vector<ListedModel> ReadOpenAiModels(const Json& json) {
  std::vector<ListedModel> models;
  const Json* data = FindArrayField(json, "data");
  if (data == nullptr) return models;
  for (const Json& entry : *data) {
    ListedModel listed;
    ProviderModel& model = listed.model;
    model.name = TextField(entry, "id");
    if (model.name.empty()) continue;
    // vLLM, OpenRouter, LM Studio and Mistral, Groq.
    model.max_tokens = FirstInt(
        entry, {"max_model_len", "context_length", "max_context_length", "context_window"});
    if (const Json* meta = FindField(entry, "meta"); meta != nullptr) {  // llama.cpp.
      model.max_tokens = FirstInt(*meta, {"n_ctx", "n_ctx_train"});
      model.dimensions = IntField(*meta, "n_embd");
      model.size_bytes = static_cast<uint64_t>(IntField(*meta, "size"));
    }
    if (const Json* status = FindField(entry, "status"); status != nullptr) {
      listed.load_state = TextField(*status, "value");
    }
    models.push_back(std::move(listed));
  }
  return models;
}

std::optional<TeiInfo> ReadTeiInfo(const Json& json) {
  TeiInfo info;
  info.model.name = TextField(json, "model_id");
  info.model.max_tokens = IntField(json, "max_input_length");
  info.max_batch_texts = IntField(json, "max_client_batch_size");
  if (info.model.name.empty() || info.model.max_tokens == 0) return std::nullopt;
  info.model.digest = TextField(json, "model_sha");
  if (const Json* type = FindField(json, "model_type"); type != nullptr) {
    if (const Json* embedding = FindField(*type, "embedding"); embedding != nullptr) {
      info.model.pooling = PoolingOf(TextField(*embedding, "pooling"));
    }
  }
  return info;
}

}  // namespace lakehouse::ai
