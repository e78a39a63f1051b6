#include <algorithm>
#include <map>
#include <vector>

#include "base/config.h"
#include "base/json.h"
#include "base/strings.h"

namespace lakehouse {
namespace {

std::string Key(std::string_view list, size_t index, std::string_view setting) {
  return StrCat("ai.", list, "[", index, "].", setting);
}

std::optional<AiMistake> FindProviderMistake(const AiConfig& ai, size_t index) {
  const AiProviderConfig& provider = ai.providers[index];
  if (provider.name == kEmbeddedProvider) {
    return AiMistake{
        Key("providers", index, "name"),
        StrCat("this name is taken by the encoder inside the program: ", kEmbeddedProvider)};
  }
  for (size_t i = 0; i < index; ++i) {
    if (ai.providers[i].name != provider.name) continue;
    return AiMistake{Key("providers", index, "name"),
                     StrCat("two providers have one name: ", QuoteForMessage(provider.name))};
  }
  if (!provider.url.empty()) return std::nullopt;
  return AiMistake{Key("providers", index, "url"),
                   "a provider needs a url: write url = \"http://…\" below its header"};
}

std::optional<AiMistake> FindModelMistake(const AiConfig& ai, size_t index) {
  const AiModelConfig& model = ai.models[index];
  const auto mistake = [&](std::string_view setting, std::string problem) {
    return AiMistake{Key("models", index, setting), std::move(problem)};
  };
  for (size_t i = 0; i < index; ++i) {
    if (ai.models[i].name != model.name) continue;
    return mistake("name", StrCat("two models have one name: ", QuoteForMessage(model.name)));
  }
  std::vector<std::string> providers = {std::string(kEmbeddedProvider)};
  for (const AiProviderConfig& provider : ai.providers) providers.push_back(provider.name);
  if (std::ranges::find(providers, model.provider) == providers.end()) {
    return mistake("provider",
                   StrCat("the provider of a model must be one of ", JoinStrings(providers, ", "),
                          ", got ", QuoteForMessage(model.provider)));
  }
  if (model.provider != kEmbeddedProvider) {
    if (model.precision.empty()) return std::nullopt;
    return mistake("precision", "only an embedded model has a precision");
  }
  if (model.task == "generate") {
    return mistake("task",
                   "the embedded provider does not write text; name the provider of a server");
  }
  if (model.model.empty()) return std::nullopt;
  return mistake("model", "an embedded model has a directory, and no name at its provider");
}

// ai.model may also name an embedded model that has no table.
std::optional<AiMistake> FindDefaultMistake(const AiConfig& ai, const std::string& key,
                                            const std::string& name, const std::string& task) {
  const auto model = std::ranges::find(ai.models, name, &AiModelConfig::name);
  if (model == ai.models.end()) {
    if (name.empty() || task == "embed") return std::nullopt;
    return AiMistake{key, StrCat(key, " names no model of [[ai.models]]: ", QuoteForMessage(name))};
  }
  if (model->task == task) return std::nullopt;
  return AiMistake{key, StrCat(key, " must name a model whose task is ", task, ", and that of ",
                               QuoteForMessage(name), " is ", model->task)};
}

}  // namespace

std::optional<AiMistake> FindMistake(const AiConfig& ai) {
  for (size_t i = 0; i < ai.providers.size(); ++i) {
    if (auto mistake = FindProviderMistake(ai, i)) return mistake;
  }
  for (size_t i = 0; i < ai.models.size(); ++i) {
    if (auto mistake = FindModelMistake(ai, i)) return mistake;
  }
  if (auto mistake = FindDefaultMistake(ai, "ai.model", ai.model, "embed")) return mistake;
  if (auto mistake = FindDefaultMistake(ai, "ai.rerank_model", ai.rerank_model, "rerank")) {
    return mistake;
  }
  return FindDefaultMistake(ai, "ai.generate_model", ai.generate_model, "generate");
}

}  // namespace lakehouse
