#include "ai/encoder/model_config.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "ai/encoder/sentence_config.h"
#include "ai/encoder/transformer_config.h"
#include "ai/model_file.h"
#include "base/strings.h"

namespace lakehouse::ai {
namespace {

// nomic-embed-text-v1.5 says only in its description that it can be shortened.
bool IsNomic15(std::string_view name) {
  return ToLowerAscii(name.substr(name.rfind('/') + 1)).starts_with("nomic-embed-text-v1.5");
}

}  // namespace

const char* PoolingName(Pooling pooling) {
  switch (pooling) {
    case Pooling::kMean:
      return "mean";
    case Pooling::kCls:
      return "cls";
    case Pooling::kMax:
      return "max";
    case Pooling::kLastToken:
      return "lasttoken";
  }
  return "";
}

int64_t ModelConfig::dimensions() const {
  if (labels > 0) return labels;
  int64_t width = hidden_size;
  for (const HeadStep& step : head) {
    const bool changes = step.kind == HeadStep::Kind::kDense || step.kind == HeadStep::Kind::kCut;
    if (changes) width = step.outputs;
  }
  return width;
}

bool ModelConfig::normalizes() const {
  return labels == 0 && !head.empty() && head.back().kind == HeadStep::Kind::kNormalize;
}

Result<ModelConfig> ReadModelConfig(const std::string& model_dir, const std::string& model_name) {
  ModelFiles files(model_dir);
  ModelConfig config;
  ASSIGN_OR_RETURN(const ModuleList modules, ReadModules(files));
  config.transformer_directory = modules.transformer_directory;
  TRY(ReadTransformerConfig(files, config));
  // With a pooling, the classifier is left over from what the encoder was trained on before.
  if (modules.has_pooling) config.labels = 0;
  if (config.labels > 0) {
    TRY(ReadScoreActivation(files, config));
  } else {
    TRY(ReadHead(files, modules, config));
    TRY(ReadPrefixes(files, model_name, config));
    if (config.architecture == Architecture::kNomicBert &&
        (IsNomic15(model_name) || IsNomic15(model_dir))) {
      config.shortening = {.allowed = true, .layer_norm_first = true};
    }
  }
  TRY(ReadMaxTokens(files, config));
  const std::set<std::string> names(files.names_read().begin(), files.names_read().end());
  config.files.assign(names.begin(), names.end());
  return config;
}

Status ShortenTo(int64_t dimensions, ModelConfig& config) {
  const int64_t width = config.dimensions();
  if (dimensions == width) return OkStatus();
  if (dimensions < 1 || dimensions > width) {
    return InvalidArgument("the model makes vectors of 1 to ", width, " dimensions, not ",
                           dimensions);
  }
  const Shortening& shortening = config.shortening;
  if (config.labels > 0 || !shortening.allowed) {
    return InvalidArgument("the model's vectors may not be shortened: config.json has neither ",
                           "is_matryoshka nor matryoshka_dimensions. It makes ", width,
                           " dimensions, not ", dimensions);
  }
  if (!shortening.dimensions.empty() &&
      std::ranges::find(shortening.dimensions, dimensions) == shortening.dimensions.end()) {
    std::string allowed;
    for (const int64_t one : shortening.dimensions) StrAppend(allowed, " ", one);
    return InvalidArgument("matryoshka_dimensions of the model's config.json are", allowed,
                           ", without ", dimensions);
  }
  // The norm before the cut does not matter.
  if (config.normalizes()) config.head.pop_back();
  using Kind = HeadStep::Kind;
  if (shortening.layer_norm_first) config.head.push_back({.kind = Kind::kLayerNorm});
  config.head.push_back({.kind = Kind::kCut, .inputs = width, .outputs = dimensions});
  config.head.push_back({.kind = Kind::kNormalize});
  return OkStatus();
}

}  // namespace lakehouse::ai
