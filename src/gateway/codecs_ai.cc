#include <bit>
#include <charconv>
#include <limits>
#include <utility>

#include "base/clock.h"
#include "base/hash.h"
#include "base/strings.h"
#include "gateway/codecs.h"

namespace lakehouse::gateway {
namespace {

constexpr int64_t kMaxTokens = 1'048'576;
constexpr double kMaxTemperature = 2;
constexpr size_t kMaxTexts = 10'000;

// A text, or a list of them.
void ReadTexts(ObjectReader& reader, std::string_view field, std::vector<std::string>& texts) {
  const Json* value = reader.Raw(field);
  if (value == nullptr) return;
  if (value->is_string()) {
    texts.push_back(value->get<std::string>());
  } else if (value->is_array()) {
    texts = reader.StringList(field);
  } else {
    reader.Fail(field, "must be a string or an array of strings");
  }
  if (texts.size() > kMaxTexts) {
    reader.Fail(field, StrCat("holds ", texts.size(), " texts; one request takes ", kMaxTexts));
  }
}

std::vector<ai::ChatMessage> ReadMessages(ObjectReader& reader) {
  std::vector<ai::ChatMessage> messages;
  const Json* list = reader.Raw("messages");
  if (list == nullptr || list->is_null()) return messages;
  if (!list->is_array()) {
    reader.Fail("messages", "must be an array of {role, content}");
    return messages;
  }
  for (const Json& item : *list) {
    ObjectReader fields(item, "message");
    ai::ChatMessage message{.role = fields.String("role"), .content = fields.String("content")};
    if (message.role != "system" && message.role != "user" && message.role != "assistant") {
      fields.Fail("role", "must be system, user or assistant");
    }
    if (const Status status = fields.Finish(); !status.ok()) {
      reader.Fail("messages", status.message());
      return messages;
    }
    messages.push_back(std::move(message));
  }
  return messages;
}

}  // namespace

Json EncodeModel(const ai::ModelInfo& model) {
  Json json = {{"name", model.name},          {"task", model.task},
               {"provider", model.provider},  {"provider_model", model.provider_model},
               {"default", model.is_default}, {"loaded", model.loaded}};
  if (model.space.has_value()) json["space"] = ai::EmbeddingSpaceToJson(*model.space);
  if (!model.error.empty()) json["error"] = model.error;
  return json;
}

Json EncodeProvider(const ai::ProviderInfo& provider) {
  Json loaded = Json::array();
  for (const ai::LoadedModel& model : provider.loaded) {
    Json item = {{"name", model.name},
                 {"digest", model.digest},
                 {"size_bytes", model.size_bytes},
                 {"vram_bytes", model.vram_bytes}};
    item["expires_at"] =
        model.expires_at.has_value() ? Json(FormatTimestamp(*model.expires_at)) : Json();
    loaded.push_back(std::move(item));
  }
  return {{"name", provider.name},
          {"kind", provider.kind},
          {"local", provider.capabilities.is_local},
          {"embeds", provider.capabilities.embeds},
          {"reranks", provider.capabilities.reranks},
          {"generates", provider.capabilities.generates},
          {"reachable", provider.health.ok()},
          {"error", provider.health.ok() ? Json() : Json(provider.health.message())},
          {"loaded_models", std::move(loaded)}};
}

std::string EncodeBase64Floats(std::span<const float> vector) {
  static_assert(std::endian::native == std::endian::little);
  const std::string_view bytes(reinterpret_cast<const char*>(vector.data()), vector.size_bytes());
  return Base64Encode(bytes);
}

void AppendFloats(std::string& out, std::span<const float> vector) {
  constexpr size_t kLongest = 16;  // "-1.1754944e-38" and a comma.
  out.push_back('[');
  const size_t first = out.size();
  out.resize(first + vector.size() * kLongest);
  char* next = out.data() + first;
  for (size_t i = 0; i < vector.size(); ++i) {
    if (i > 0) *next++ = ',';
    next = std::to_chars(next, out.data() + out.size(), vector[i]).ptr;
  }
  out.resize(static_cast<size_t>(next - out.data()));
  out.push_back(']');
}

Json EncodeItemError(const Status& status) {
  const bool is_internal = status.code() == StatusCode::kInternal;
  return {{"code", StatusCodeName(status.code())},
          {"detail", is_internal ? "internal error; see the server's log" : status.message()}};
}

Result<EmbedRequest> DecodeEmbed(const Json& body) {
  ObjectReader reader(body, "request");
  EmbedRequest request{.model = reader.String("model", ""), .texts = {}};
  std::vector<std::string> text;
  ReadTexts(reader, "text", text);
  ReadTexts(reader, "texts", request.texts);
  if (text.empty() == request.texts.empty()) {
    reader.Fail("texts", "give either text or texts, not empty");
  }
  if (!text.empty()) request.texts = std::move(text);
  const std::string role = reader.String("role", "document");
  if (role != "document" && role != "query") reader.Fail("role", "must be document or query");
  request.role = role == "query" ? ai::Role::kQuery : ai::Role::kDocument;
  TRY(reader.Finish());
  return request;
}

Result<RerankRequest> DecodeRerank(const Json& body) {
  ObjectReader reader(body, "request");
  RerankRequest request;
  request.model = reader.String("model", "");
  request.query = reader.String("query");
  ReadTexts(reader, "documents", request.documents);
  if (request.documents.empty()) reader.Fail("documents", "must hold at least one text");
  request.top_n = static_cast<size_t>(reader.Int("top_n", 0, 0, kMaxTexts));
  request.return_documents = reader.Bool("return_documents", false);
  TRY(reader.Finish());
  return request;
}

Result<GenerateCall> DecodeGenerate(const Json& body) {
  ObjectReader reader(body, "request");
  GenerateCall call;
  call.model = reader.String("model", "");
  call.stream = reader.Bool("stream", false);
  ai::GenerateRequest& request = call.request;
  const std::string prompt = reader.String("prompt", "");
  const std::string system = reader.String("system", "");
  request.messages = ReadMessages(reader);
  if (prompt.empty() == request.messages.empty()) {
    reader.Fail("prompt", "give either prompt or messages, not empty");
  }
  if (!prompt.empty()) request.messages.push_back({.role = "user", .content = prompt});
  if (!system.empty()) {
    request.messages.insert(request.messages.begin(), {.role = "system", .content = system});
  }
  request.max_tokens = reader.Int("max_tokens", 0, 0, kMaxTokens);
  if (const Json* value = reader.Raw("temperature"); value != nullptr && !value->is_null()) {
    request.temperature = reader.Double("temperature", 0);
    if (!(*request.temperature >= 0 && *request.temperature <= kMaxTemperature)) {
      reader.Fail("temperature", "must be from 0 to 2");
    }
  }
  if (const Json* value = reader.Raw("seed"); value != nullptr && !value->is_null()) {
    request.seed = reader.Int("seed", 0, std::numeric_limits<int64_t>::min(),
                              std::numeric_limits<int64_t>::max());
  }
  ReadTexts(reader, "stop", request.stop);
  TRY(reader.Finish());
  return call;
}

Result<OpenAiEmbedRequest> DecodeOpenAiEmbed(const Json& body) {
  ObjectReader reader(body, "request");
  OpenAiEmbedRequest request;
  request.embed.model = reader.String("model");
  const Json* input = reader.Raw("input");
  if (input != nullptr && input->is_array() && !input->empty() &&
      (input->front().is_number() || input->front().is_array())) {
    reader.Fail("input", "must be text; token ids are not taken, because every model has its own");
  } else {
    ReadTexts(reader, "input", request.embed.texts);
    if (request.embed.texts.empty()) reader.Fail("input", "must hold at least one text");
  }
  const std::string format = reader.String("encoding_format", "float");
  if (format != "float" && format != "base64") {
    reader.Fail("encoding_format", "must be float or base64");
  }
  request.base64 = format == "base64";
  request.dimensions = reader.Int("dimensions", 0, 1, kMaxTokens);
  const std::string input_type = reader.String("input_type", "document");
  if (input_type != "document" && input_type != "query") {
    reader.Fail("input_type", "must be document or query");
  }
  request.embed.role = input_type == "query" ? ai::Role::kQuery : ai::Role::kDocument;
  reader.String("user", "");  // Who asks for whom is of no interest here.
  TRY(reader.Finish());
  return request;
}

Result<std::string> DecodeModelName(const Json& body) {
  ObjectReader reader(body, "request");
  std::string name = reader.String("model");
  TRY(reader.Finish());
  return name;
}

}  // namespace lakehouse::gateway
