#include "ai/encoder/sentence_config.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/strings.h"

namespace lakehouse::ai {
namespace {

constexpr int64_t kMaxExtent = 1 << 20;
constexpr const char* kSentenceConfig = "config_sentence_transformers.json";

std::string_view LastComponent(std::string_view text, char separator) {
  return text.substr(text.rfind(separator) + 1);
}

// The modules that work on a key of the features have had a field for it since 5.4.
Status RequireSentenceEmbedding(const ModelFields& module) {
  for (const char* name : {"module_input_name", "module_output_name"}) {
    ASSIGN_OR_RETURN(const std::string key, module.String(name, "sentence_embedding"));
    if (key != "sentence_embedding") {
      return module.Problem(name, StrCat("must be sentence_embedding, not ", key));
    }
  }
  return OkStatus();
}

Status AddModule(const ModelFields& module, ModuleList& modules) {
  ASSIGN_OR_RETURN(const std::string type, module.String("type"));
  ASSIGN_OR_RETURN(const std::string directory, module.String("path", ""));
  if (!StaysBelow(directory)) {
    return module.Problem("path", StrCat("must lie below the model, not at ", directory));
  }
  const std::string_view name = LastComponent(type, '.');
  if (name == "Transformer") {
    return module.Problem("type", "Transformer must stand first, and once");
  }
  if (name == "Pooling") {
    if (modules.has_pooling || !modules.head.empty()) {
      return module.Problem("type", "Pooling must follow the Transformer, once");
    }
    modules.has_pooling = true;
    modules.pooling_directory = directory;
    return OkStatus();
  }
  if (name == "Dense") {
    modules.head.push_back({.kind = HeadStep::Kind::kDense, .directory = directory});
  } else if (name == "Normalize") {
    modules.head.push_back({.kind = HeadStep::Kind::kNormalize, .directory = directory});
  } else {
    return InvalidArgument(module.origin(), ": the embedded encoder has the modules Transformer, ",
                           "Pooling, Dense and Normalize, not ", type);
  }
  if (!modules.has_pooling) {
    return module.Problem("type", StrCat("must be Pooling after the Transformer, not ", type));
  }
  return OkStatus();
}

// Both forms: one mode or a list of modes by name, or a flag for each mode.
Result<std::string> ReadPoolingMode(const ModelFields& file) {
  std::vector<std::string> modes;
  if (const ModelJson* mode = file.Find("pooling_mode"); mode != nullptr && mode->is_array()) {
    for (const ModelJson& item : *mode) {
      if (!item.is_string()) return file.Problem("pooling_mode", "holds something that is no name");
      modes.push_back(item.get<std::string>());
    }
    return JoinStrings(modes, "+");
  }
  if (file.Has("pooling_mode")) return file.String("pooling_mode");
  constexpr std::pair<const char*, const char*> kFlags[] = {
      {"pooling_mode_cls_token", "cls"},
      {"pooling_mode_max_tokens", "max"},
      {"pooling_mode_mean_tokens", "mean"},
      {"pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens"},
      {"pooling_mode_weightedmean_tokens", "weightedmean"},
      {"pooling_mode_lasttoken", "lasttoken"},
  };
  for (const auto& [flag, mode] : kFlags) {
    ASSIGN_OR_RETURN(const bool set, file.Bool(flag, false));
    if (set) modes.emplace_back(mode);
  }
  return modes.empty() ? "mean" : JoinStrings(modes, "+");
}

Status CheckWidth(const ModelFields& file, const char* name, int64_t expected) {
  ASSIGN_OR_RETURN(const int64_t width, file.Int(name, expected, 1, kMaxExtent));
  if (width == expected) return OkStatus();
  return file.Problem(
      name, StrCat("must be what the module before it gives, ", expected, ", not ", width));
}

Status ReadPooling(ModelFiles& files, const std::string& directory, ModelConfig& config) {
  const std::string name = JoinModelPath(directory, "config.json");
  ASSIGN_OR_RETURN(const std::optional<ModelJson> json, files.ReadJson(name));
  if (!json.has_value()) {
    return InvalidArgument("modules.json names a pooling that is missing: ", files.PathOf(name));
  }
  const ModelFields file(*json, files.PathOf(name));
  ASSIGN_OR_RETURN(const std::string mode, ReadPoolingMode(file));
  constexpr std::pair<const char*, Pooling> kModes[] = {
      {"mean", Pooling::kMean},
      {"cls", Pooling::kCls},
      {"max", Pooling::kMax},
      {"lasttoken", Pooling::kLastToken},
  };
  const auto* found = std::ranges::find(
      kModes, mode, [](const auto& entry) { return std::string_view(entry.first); });
  if (found == std::end(kModes)) {
    return InvalidArgument(file.origin(), ": the pooling must be one of mean, cls, max and ",
                           "lasttoken, not: ", mode);
  }
  config.pooling = found->second;
  TRY(CheckWidth(file, "word_embedding_dimension", config.hidden_size));
  TRY(CheckWidth(file, "embedding_dimension", config.hidden_size));
  ASSIGN_OR_RETURN(const bool include_prompt, file.Bool("include_prompt", true));
  if (!include_prompt) return file.Problem("include_prompt", "must be true");
  return OkStatus();
}

Status ReadDense(ModelFiles& files, int64_t inputs, HeadStep& step) {
  const std::string name = JoinModelPath(step.directory, "config.json");
  ASSIGN_OR_RETURN(const std::optional<ModelJson> json, files.ReadJson(name));
  if (!json.has_value()) {
    return InvalidArgument("modules.json names a Dense that is missing: ", files.PathOf(name));
  }
  const ModelFields file(*json, files.PathOf(name));
  TRY(RequireSentenceEmbedding(file));
  ASSIGN_OR_RETURN(step.inputs, file.Int("in_features", 1, kMaxExtent));
  TRY(CheckWidth(file, "in_features", inputs));
  ASSIGN_OR_RETURN(step.outputs, file.Int("out_features", 1, kMaxExtent));
  ASSIGN_OR_RETURN(step.has_bias, file.Bool("bias", true));
  ASSIGN_OR_RETURN(const bool residual, file.Bool("use_residual", false));
  if (residual) return file.Problem("use_residual", "must be false");
  ASSIGN_OR_RETURN(const std::string activation, file.String("activation_function", "torch.Tanh"));
  step.tanh = LastComponent(activation, '.') == "Tanh";
  if (!step.tanh && LastComponent(activation, '.') != "Identity") {
    return file.Problem("activation_function",
                        StrCat("must be Tanh or Identity, not ", activation));
  }
  return OkStatus();
}

Status ReadNormalize(ModelFiles& files, const std::string& directory) {
  const std::string name = JoinModelPath(directory, "config.json");
  // With an empty path this would be the transformer's own.
  if (directory.empty()) return OkStatus();
  ASSIGN_OR_RETURN(const std::optional<ModelJson> json, files.ReadJson(name));
  if (!json.has_value()) return OkStatus();
  return RequireSentenceEmbedding(ModelFields(*json, files.PathOf(name)));
}

// Whether the tokenizer lowers the case of its text.
Result<bool> TokenizerLowers(ModelFiles& files, const ModelConfig& config) {
  const std::string whole = JoinModelPath(config.transformer_directory, "tokenizer.json");
  ASSIGN_OR_RETURN(const std::optional<ModelJson> json, files.ReadJson(whole));
  if (json.has_value()) {
    const ModelFields file(*json, files.PathOf(whole));
    ASSIGN_OR_RETURN(const ModelJson* normalizer, file.Object("normalizer"));
    return ModelFields(*normalizer, file.origin() + ": normalizer").Bool("lowercase", true);
  }
  const std::string settings = JoinModelPath(config.transformer_directory, "tokenizer_config.json");
  ASSIGN_OR_RETURN(const std::optional<ModelJson> old, files.ReadJson(settings));
  if (!old.has_value()) return true;
  return ModelFields(*old, files.PathOf(settings)).Bool("do_lower_case", true);
}

// What sentence_bert_config.json says besides the length.
Status CheckTransformerSettings(ModelFiles& files, const ModelFields& file,
                                const ModelConfig& config) {
  ASSIGN_OR_RETURN(const bool lower, file.Bool("do_lower_case", false));
  if (lower) {
    ASSIGN_OR_RETURN(const bool lowers, TokenizerLowers(files, config));
    if (!lowers) {
      return file.Problem("do_lower_case", "must be false, for the tokenizer keeps the case");
    }
  }
  const std::string expected = config.labels > 0 ? "sequence-classification" : "feature-extraction";
  ASSIGN_OR_RETURN(const std::string task, file.String("transformer_task", expected));
  if (task != expected) {
    return file.Problem("transformer_task", StrCat("must be ", expected, ", not ", task));
  }
  return OkStatus();
}

// Models that were trained with prefixes but whose files do not say so.
void SetFamilyPrefixes(std::string_view name, ModelConfig& config) {
  constexpr const char* kPassages = "Represent this sentence for searching relevant passages: ";
  const std::string family = ToLowerAscii(LastComponent(name, '/'));
  const std::string_view model = family;
  if (model.starts_with("e5-")) {
    config.query_prefix = "query: ";
    config.document_prefix = "passage: ";
  } else if (model.starts_with("nomic-embed-text")) {
    config.query_prefix = "search_query: ";
    config.document_prefix = "search_document: ";
  } else if ((model.starts_with("bge-") && model.ends_with("-en-v1.5")) ||
             model.starts_with("mxbai-embed-large") ||
             model.starts_with("snowflake-arctic-embed")) {
    config.query_prefix = kPassages;
  }
}

// What sentence-transformers puts before queries and documents; nothing when the file has no word
// about either.
struct Prompts {
  std::optional<std::string> query;
  std::optional<std::string> document;
};

Result<Prompts> ReadPrompts(const ModelFields& file) {
  Prompts roles;
  if (!file.Has("prompts")) return roles;
  ASSIGN_OR_RETURN(const ModelJson* object, file.Object("prompts"));
  const ModelFields prompts(*object, StrCat(file.origin(), ": prompts"));
  ASSIGN_OR_RETURN(const std::string standard, file.String("default_prompt_name", ""));
  if (!standard.empty()) {
    ASSIGN_OR_RETURN(roles.query, prompts.String(standard.c_str()));
    roles.document = roles.query;
  }
  if (prompts.Has("query")) {
    ASSIGN_OR_RETURN(roles.query, prompts.String("query"));
  }
  for (const char* name : {"document", "passage", "corpus"}) {
    if (!prompts.Has(name)) continue;
    ASSIGN_OR_RETURN(roles.document, prompts.String(name));
    break;
  }
  return roles;
}

}  // namespace

Result<ModuleList> ReadModules(ModelFiles& files) {
  ModuleList modules;
  ASSIGN_OR_RETURN(const std::optional<ModelJson> list, files.ReadJson("modules.json"));
  if (!list.has_value()) return modules;
  const std::string path = files.PathOf("modules.json");
  if (!list->is_array() || list->empty()) {
    return InvalidArgument(path, ": expected a list of modules");
  }
  const ModelFields first(list->front(), path);
  ASSIGN_OR_RETURN(const std::string type, first.String("type"));
  if (LastComponent(type, '.') != "Transformer") {
    return InvalidArgument(path, ": the first module must be a Transformer, not ", type);
  }
  modules.listed = true;
  ASSIGN_OR_RETURN(modules.transformer_directory, first.String("path", ""));
  if (!StaysBelow(modules.transformer_directory)) {
    return first.Problem(
        "path", StrCat("must lie below the model, not at ", modules.transformer_directory));
  }
  for (size_t i = 1; i < list->size(); ++i) TRY(AddModule(ModelFields((*list)[i], path), modules));
  return modules;
}

Status ReadHead(ModelFiles& files, const ModuleList& modules, ModelConfig& config) {
  if (modules.has_pooling) {
    TRY(ReadPooling(files, modules.pooling_directory, config));
  } else if (modules.listed) {
    return InvalidArgument(files.PathOf("modules.json"),
                           ": a sentence encoder needs a Pooling after the Transformer");
  }
  config.head = modules.head;
  int64_t width = config.hidden_size;
  for (HeadStep& step : config.head) {
    if (step.kind == HeadStep::Kind::kDense) {
      TRY(ReadDense(files, width, step));
      width = step.outputs;
    } else {
      TRY(ReadNormalize(files, step.directory));
      step = {.kind = step.kind};
    }
  }
  ASSIGN_OR_RETURN(const std::optional<ModelJson> json, files.ReadJson(kSentenceConfig));
  if (!json.has_value()) return OkStatus();
  const ModelFields file(*json, files.PathOf(kSentenceConfig));
  ASSIGN_OR_RETURN(const int64_t kept, file.Int("truncate_dim", width, 1, kMaxExtent));
  if (kept < width) {
    config.head.push_back({.kind = HeadStep::Kind::kCut, .inputs = width, .outputs = kept});
  }
  return OkStatus();
}

Status ReadMaxTokens(ModelFiles& files, ModelConfig& config) {
  const std::string name = JoinModelPath(config.transformer_directory, "sentence_bert_config.json");
  ASSIGN_OR_RETURN(const std::optional<ModelJson> json, files.ReadJson(name));
  if (json.has_value()) {
    const ModelFields file(*json, files.PathOf(name));
    TRY(CheckTransformerSettings(files, file, config));
    if (file.Has("max_seq_length")) {
      // Only rotary positions go on beyond those that the encoder takes.
      const int64_t most = config.rotary_base > 0 ? kMaxExtent : config.max_positions;
      ASSIGN_OR_RETURN(const int64_t length, file.Int("max_seq_length", 3, most));
      config.max_tokens = std::min(length, config.max_positions);
      return OkStatus();
    }
  }
  const std::string tokenizer_name =
      JoinModelPath(config.transformer_directory, "tokenizer_config.json");
  ASSIGN_OR_RETURN(const std::optional<ModelJson> tokenizer, files.ReadJson(tokenizer_name));
  config.max_tokens = config.max_positions;
  if (!tokenizer.has_value()) return OkStatus();
  // A length that is not known is written as 1e30.
  ASSIGN_OR_RETURN(
      const double length,
      ModelFields(*tokenizer, files.PathOf(tokenizer_name)).Double("model_max_length", 1e30));
  const auto positions = static_cast<double>(config.max_positions);
  config.max_tokens = static_cast<int64_t>(std::clamp(length, 3.0, positions));
  return OkStatus();
}

Status ReadPrefixes(ModelFiles& files, const std::string& model_name, ModelConfig& config) {
  ASSIGN_OR_RETURN(const std::optional<ModelJson> json, files.ReadJson(kSentenceConfig));
  Prompts prompts;
  if (json.has_value()) {
    ASSIGN_OR_RETURN(prompts, ReadPrompts(ModelFields(*json, files.PathOf(kSentenceConfig))));
  }
  config.query_prefix = prompts.query.value_or("");
  config.document_prefix = prompts.document.value_or("");
  // sentence-transformers writes two empty prompts for a model that was never given any.
  if (config.query_prefix.empty() && config.document_prefix.empty()) {
    SetFamilyPrefixes(model_name, config);
    if (config.query_prefix.empty()) SetFamilyPrefixes(files.directory(), config);
  }
  return OkStatus();
}

Status ReadScoreActivation(ModelFiles& files, ModelConfig& config) {
  const std::string name = JoinModelPath(config.transformer_directory, "config.json");
  ASSIGN_OR_RETURN(const std::optional<ModelJson> transformer, files.ReadJson(name));
  ASSIGN_OR_RETURN(const std::optional<ModelJson> sentence, files.ReadJson(kSentenceConfig));
  const ModelJson nothing;
  const ModelFields file(transformer.has_value() ? *transformer : nothing, files.PathOf(name));
  const ModelJson* section = file.Find("sentence_transformers");
  // Where sentence-transformers has kept it since 5.4, since 4.0, and before.
  const std::pair<ModelFields, const char*> kPlaces[] = {
      {ModelFields(sentence.has_value() ? *sentence : nothing, files.PathOf(kSentenceConfig)),
       "activation_fn"},
      {ModelFields(section != nullptr ? *section : nothing, file.origin()), "activation_fn"},
      {file, "sbert_ce_default_activation_function"},
  };
  config.sigmoid = config.labels == 1;
  for (const auto& [place, field] : kPlaces) {
    if (!place.Has(field)) continue;
    ASSIGN_OR_RETURN(const std::string activation, place.String(field));
    const std::string_view kind = LastComponent(activation, '.');
    config.sigmoid = kind == "Sigmoid";
    if (config.sigmoid || kind == "Identity") return OkStatus();
    return place.Problem(field, StrCat("must be Sigmoid or Identity, not ", activation));
  }
  return OkStatus();
}

}  // namespace lakehouse::ai
