#include "ai/remote/ollama_format.h"

#include <charconv>
#include <chrono>

#include "ai/remote/json_fields.h"
#include "base/strings.h"

namespace lakehouse::ai {
namespace {

constexpr int64_t kForever = -1;
constexpr int kLastYear = 2200;

void AppendOptions(Json& body, const OllamaModelOptions& options) {
  if (options.threads > 0) body["options"]["num_thread"] = options.threads;
  if (options.pinned) body["keep_alive"] = kForever;
}

std::string PoolingOf(int64_t pooling_type) {
  switch (pooling_type) {
    case 1:
      return "mean";
    case 2:
      return "cls";
    case 3:
      return "lasttoken";
    default:
      return "";
  }
}

bool IsCloud(const Json& json, std::string_view name) {
  return !TextField(json, "remote_host").empty() || IsCloudName(name);
}

// Takes a number of exactly `digits` digits and the character behind it from the front of `text`;
// -1 when it does not stand there.
int TakeNumber(std::string_view& text, size_t digits, char behind) {
  if (text.size() <= digits || text[digits] != behind) return -1;
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, number);
  if (error != std::errc() || end != text.data() + digits || number < 0) return -1;
  text.remove_prefix(digits + 1);
  return number;
}

// Takes ".123456789" from the front of `text`, if it stands there.
int64_t TakeFractionMicros(std::string_view& text) {
  if (!text.starts_with('.')) return 0;
  text.remove_prefix(1);
  int64_t micros = 0;
  int64_t unit = 100'000;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    micros += (text.front() - '0') * unit;
    unit /= 10;
    text.remove_prefix(1);
  }
  return micros;
}

// The seconds by which a zone is ahead of UTC.
std::optional<int64_t> ReadZone(std::string_view text) {
  if (text == "Z") return 0;
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  const int sign = text[0] == '+' ? 1 : -1;
  const std::string rest = StrCat(text.substr(1), ";");
  std::string_view view = rest;
  const int hours = TakeNumber(view, 2, ':');
  const int minutes = TakeNumber(view, 2, ';');
  if (hours < 0 || minutes < 0) return std::nullopt;
  return sign * (hours * 3'600 + minutes * 60);
}

}  // namespace

std::string OllamaEmbedBody(const std::string& model, std::span<const std::string> texts,
                            int64_t dimensions, const OllamaModelOptions& options) {
  Json body = {{"model", model}, {"truncate", true}};
  if (dimensions > 0) body["dimensions"] = dimensions;
  AppendOptions(body, options);
  std::string json = DumpJson(body);
  json.back() = ',';
  json += "\"input\":[";
  for (size_t i = 0; i < texts.size(); ++i) {
    if (i > 0) json += ',';
    AppendJsonString(json, texts[i]);
  }
  return json + "]}";
}

std::string OllamaLoadBody(const std::string& model, const OllamaModelOptions& options) {
  Json body = {{"model", model}, {"prompt", ""}, {"stream", false}};
  AppendOptions(body, options);
  return DumpJson(body);
}

std::string OllamaUnloadBody(const std::string& model) {
  return DumpJson({{"model", model}, {"prompt", ""}, {"stream", false}, {"keep_alive", 0}});
}

std::string OllamaChatBody(const std::string& model, const GenerateRequest& request,
                           const OllamaModelOptions& options) {
  Json body = {{"model", model}, {"stream", true}, {"messages", Json::array()}};
  for (const ChatMessage& message : request.messages) {
    body["messages"].push_back({{"role", message.role}, {"content", message.content}});
  }
  AppendOptions(body, options);
  if (request.max_tokens > 0) body["options"]["num_predict"] = request.max_tokens;
  if (request.temperature) body["options"]["temperature"] = *request.temperature;
  if (request.seed) body["options"]["seed"] = *request.seed;
  if (!request.stop.empty()) body["options"]["stop"] = request.stop;
  return DumpJson(body);
}

std::optional<std::vector<Result<std::vector<float>>>> ReadOllamaVectors(const Json& json) {
  const Json* list = FindArrayField(json, "embeddings");
  if (list == nullptr) return std::nullopt;
  std::vector<Result<std::vector<float>>> vectors;
  vectors.reserve(list->size());
  for (const Json& vector : *list) vectors.push_back(ReadVector(vector));
  return vectors;
}

std::vector<ProviderModel> ReadOllamaTags(const Json& json) {
  std::vector<ProviderModel> models;
  const Json* list = FindArrayField(json, "models");
  if (list == nullptr) return models;
  for (const Json& entry : *list) {
    ProviderModel model;
    model.name = TextField(entry, "name");
    model.digest = TextField(entry, "digest");
    model.size_bytes = static_cast<uint64_t>(IntField(entry, "size"));
    model.is_cloud = IsCloud(entry, model.name);
    if (!model.name.empty()) models.push_back(std::move(model));
  }
  return models;
}

std::vector<LoadedModel> ReadOllamaProcesses(const Json& json) {
  std::vector<LoadedModel> models;
  const Json* list = FindArrayField(json, "models");
  if (list == nullptr) return models;
  for (const Json& entry : *list) {
    models.push_back({.name = TextField(entry, "name"),
                      .digest = TextField(entry, "digest"),
                      .size_bytes = static_cast<uint64_t>(IntField(entry, "size")),
                      .vram_bytes = static_cast<uint64_t>(IntField(entry, "size_vram")),
                      .expires_at = ReadGoTime(TextField(entry, "expires_at"))});
  }
  return models;
}

OllamaDescription ReadOllamaShow(const std::string& name, const Json& json) {
  OllamaDescription description;
  ProviderModel& model = description.model;
  model.name = name;
  model.is_cloud = IsCloud(json, name);
  if (const Json* info = FindField(json, "model_info"); info != nullptr) {
    const std::string architecture = TextField(*info, "general.architecture");
    model.max_tokens = IntField(*info, StrCat(architecture, ".context_length"));
    model.dimensions = IntField(*info, StrCat(architecture, ".embedding_length"));
    const int64_t pooling_type = IntField(*info, StrCat(architecture, ".pooling_type"));
    model.pooling = PoolingOf(pooling_type);
    description.embeds = pooling_type != 0;
  }
  if (const Json* capabilities = FindArrayField(json, "capabilities"); capabilities != nullptr) {
    description.embeds = false;
    for (const Json& capability : *capabilities) {
      if (capability == "embedding") description.embeds = true;
    }
  }
  return description;
}

bool IsSameOllamaModel(std::string_view a, std::string_view b) {
  constexpr std::string_view kLatest = ":latest";
  if (a.ends_with(kLatest)) a.remove_suffix(kLatest.size());
  if (b.ends_with(kLatest)) b.remove_suffix(kLatest.size());
  return a == b;
}

bool IsCloudName(std::string_view name) {
  const size_t colon = name.rfind(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view tag = name.substr(colon + 1);
  return tag == "cloud" || tag.ends_with("-cloud");
}

std::optional<Timestamp> ReadGoTime(std::string_view text) {
  const int year = TakeNumber(text, 4, '-');
  const int month = TakeNumber(text, 2, '-');
  const int day = TakeNumber(text, 2, 'T');
  const int hour = TakeNumber(text, 2, ':');
  const int minute = TakeNumber(text, 2, ':');
  if (year < 0 || month < 0 || day < 0 || hour < 0 || minute < 0 || text.size() < 3) {
    return std::nullopt;
  }
  // What follows the seconds is a fraction or the zone.
  const std::string seconds = StrCat(text.substr(0, 2), ";");
  std::string_view view = seconds;
  const int second = TakeNumber(view, 2, ';');
  text.remove_prefix(2);
  const int64_t micros = TakeFractionMicros(text);
  const std::optional<int64_t> zone = ReadZone(text);
  const std::chrono::year_month_day date(std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day)));
  if (second < 0 || !zone || !date.ok() || year > kLastYear) return std::nullopt;
  const int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const int64_t whole = days * 86'400 + hour * 3'600 + minute * 60 + second - *zone;
  return Timestamp{whole * 1'000'000 + micros};
}

}  // namespace lakehouse::ai
