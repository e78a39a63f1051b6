// The JSON of Ollama's API.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ai/model_provider.h"
#include "ai/remote/batch_runner.h"
#include "ai/text_generator.h"
#include "base/clock.h"
#include "base/json.h"

namespace lakehouse::ai {

// What every request that may load a model says alike: Ollama starts a model anew when one of its
// options differs from those that it was loaded with.
struct OllamaModelOptions {
  int64_t threads = 0;  // 0: as the server likes.
  bool pinned = false;  // Stays in memory until it is unloaded; else as long as the server likes.
};

std::string OllamaEmbedBody(const std::string& model, std::span<const std::string> texts,
                            int64_t dimensions, const OllamaModelOptions& options);
// Loads a model that generates.
std::string OllamaLoadBody(const std::string& model, const OllamaModelOptions& options);
std::string OllamaUnloadBody(const std::string& model);
std::string OllamaChatBody(const std::string& model, const GenerateRequest& request,
                           const OllamaModelOptions& options);

// One entry per vector; nullopt when this is no answer to /api/embed.
std::optional<std::vector<Result<std::vector<float>>>> ReadOllamaVectors(const Json& json);

// Of GET /api/tags: name, digest, size and whether it is a cloud model.
std::vector<ProviderModel> ReadOllamaTags(const Json& json);
std::vector<LoadedModel> ReadOllamaProcesses(const Json& json);

// A model as POST /api/show describes it.
struct OllamaDescription {
  ProviderModel model;  // Without digest and size.
  bool embeds = false;
};
OllamaDescription ReadOllamaShow(const std::string& name, const Json& json);

// "name" and "name:latest" are one model.
bool IsSameOllamaModel(std::string_view a, std::string_view b);
// Whether a name alone says that its model runs elsewhere: "…:cloud", "…:120b-cloud".
bool IsCloudName(std::string_view name);

// A time as Go writes it, with a fraction and a zone; nullopt for anything else, and for times so
// far away that they mean never.
std::optional<Timestamp> ReadGoTime(std::string_view text);

}  // namespace lakehouse::ai
