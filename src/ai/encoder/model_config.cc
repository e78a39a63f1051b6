#include "ai/encoder/model_config.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "ai/model_file.h"
#include "base/strings.h"

namespace lakehouse::ai {
namespace {

constexpr int64_t kMaxExtent = 1 << 20;
constexpr int64_t kLanes = 16;  // The kernels work on whole vectors of this many floats.

// Reads a JSON file of the directory; an empty object when it does not exist.
Result<ModelJson> ReadOptionalFile(const std::string& path) {
  Result<std::string> text = ReadModelFile(path);
  if (text.ok()) return ParseModelJson(*text, path);
  if (text.status().code() == StatusCode::kNotFound) return ModelJson::object();
  return text.status();
}

Result<Activation> ReadActivation(const ModelFields& file) {
  ASSIGN_OR_RETURN(const std::string name, file.String("hidden_act", "gelu"));
  if (name == "gelu") return Activation::kGeluErf;
  if (name == "gelu_new" || name == "gelu_pytorch_tanh") return Activation::kGeluTanh;
  return file.Problem("hidden_act",
                      StrCat("must be gelu, gelu_new or gelu_pytorch_tanh, not ", name));
}

Status ReadTransformer(const std::string& path, ModelConfig& config) {
  Result<std::string> text = ReadModelFile(path);
  if (!text.ok()) return InvalidArgument("a model directory needs config.json: ", path);
  ASSIGN_OR_RETURN(const ModelJson json, ParseModelJson(*text, path));
  const ModelFields file(json, path);
  ASSIGN_OR_RETURN(const std::string type, file.String("model_type", "bert"));
  if (type != "bert") {
    return InvalidArgument(path, ": the embedded encoder runs models of the type bert, not ", type);
  }
  ASSIGN_OR_RETURN(const std::string positions, file.String("position_embedding_type", "absolute"));
  if (positions != "absolute") {
    return file.Problem("position_embedding_type", StrCat("must be absolute, not ", positions));
  }
  ASSIGN_OR_RETURN(config.hidden_size, file.Int("hidden_size", 1, kMaxExtent));
  ASSIGN_OR_RETURN(config.layers, file.Int("num_hidden_layers", 1, 1000));
  ASSIGN_OR_RETURN(config.heads, file.Int("num_attention_heads", 1, kMaxExtent));
  ASSIGN_OR_RETURN(config.intermediate_size, file.Int("intermediate_size", 1, kMaxExtent));
  ASSIGN_OR_RETURN(config.vocabulary_size, file.Int("vocab_size", 1, int64_t{1} << 30));
  ASSIGN_OR_RETURN(config.max_positions, file.Int("max_position_embeddings", 3, kMaxExtent));
  ASSIGN_OR_RETURN(config.token_types, file.Int("type_vocab_size", 1, kMaxExtent));
  ASSIGN_OR_RETURN(const double epsilon, file.Double("layer_norm_eps", 1e-12));
  config.layer_norm_epsilon = static_cast<float>(epsilon);
  ASSIGN_OR_RETURN(config.activation, ReadActivation(file));
  if (config.hidden_size % (config.heads * kLanes) != 0 || config.intermediate_size % kLanes != 0) {
    return InvalidArgument(path, ": hidden_size must be a multiple of 16 in each of its ",
                           config.heads, " heads, and intermediate_size a multiple of 16; found ",
                           config.hidden_size, " and ", config.intermediate_size);
  }
  return OkStatus();
}

// Both forms: a mode's name, or a flag for each mode.
Result<std::string> ReadPoolingMode(const ModelFields& file) {
  if (file.Has("pooling_mode")) return file.String("pooling_mode");
  constexpr std::pair<const char*, const char*> kFlags[] = {
      {"pooling_mode_cls_token", "cls"},
      {"pooling_mode_mean_tokens", "mean"},
      {"pooling_mode_max_tokens", "max"},
      {"pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens"},
      {"pooling_mode_weightedmean_tokens", "weightedmean"},
      {"pooling_mode_lasttoken", "lasttoken"},
  };
  std::vector<std::string> modes;
  for (const auto& [flag, mode] : kFlags) {
    ASSIGN_OR_RETURN(const bool set, file.Bool(flag, false));
    if (set) modes.emplace_back(mode);
  }
  return JoinStrings(modes, "+");
}

Status ReadPooling(const std::string& path, ModelConfig& config) {
  Result<std::string> text = ReadModelFile(path);
  if (!text.ok()) return InvalidArgument("modules.json names a pooling that is missing: ", path);
  ASSIGN_OR_RETURN(const ModelJson json, ParseModelJson(*text, path));
  const ModelFields file(json, path);
  ASSIGN_OR_RETURN(const std::string mode, ReadPoolingMode(file));
  if (mode == "mean") {
    config.pooling = Pooling::kMean;
  } else if (mode == "cls") {
    config.pooling = Pooling::kCls;
  } else if (mode == "max") {
    config.pooling = Pooling::kMax;
  } else {
    return InvalidArgument(path, ": the pooling must be one of mean, cls and max, not: ", mode);
  }
  ASSIGN_OR_RETURN(const bool include_prompt, file.Bool("include_prompt", true));
  if (!include_prompt) return file.Problem("include_prompt", "must be true");
  return OkStatus();
}

// Without modules.json a directory is a plain BERT, which sentence-transformers pools by the mean.
Status ReadModules(const std::string& model_dir, ModelConfig& config) {
  const std::string path = model_dir + "/modules.json";
  Result<std::string> text = ReadModelFile(path);
  if (!text.ok()) return text.status().code() == StatusCode::kNotFound ? OkStatus() : text.status();
  ASSIGN_OR_RETURN(const ModelJson list, ParseModelJson(*text, path));
  if (!list.is_array()) return InvalidArgument(path, ": expected a list of modules");
  for (const ModelJson& item : list) {
    const ModelFields module(item, path);
    ASSIGN_OR_RETURN(const std::string type, module.String("type"));
    ASSIGN_OR_RETURN(const std::string directory, module.String("path", ""));
    const std::string name = type.substr(type.rfind('.') + 1);
    if (name == "Transformer") {
      if (!directory.empty()) return module.Problem("path", "of the Transformer must be empty");
    } else if (name == "Pooling") {
      TRY(ReadPooling(StrCat(model_dir, "/", directory, "/config.json"), config));
    } else if (name == "Normalize") {
      config.normalize = true;
    } else {
      return InvalidArgument(
          path, ": the embedded encoder has the modules Transformer, Pooling and Normalize, not ",
          type);
    }
  }
  return OkStatus();
}

Status ReadMaxTokens(const std::string& model_dir, ModelConfig& config) {
  const std::string path = model_dir + "/sentence_bert_config.json";
  ASSIGN_OR_RETURN(const ModelJson json, ReadOptionalFile(path));
  const ModelFields file(json, path);
  if (file.Has("max_seq_length")) {
    ASSIGN_OR_RETURN(config.max_tokens, file.Int("max_seq_length", 3, config.max_positions));
    return OkStatus();
  }
  const std::string tokenizer_path = model_dir + "/tokenizer_config.json";
  ASSIGN_OR_RETURN(const ModelJson tokenizer, ReadOptionalFile(tokenizer_path));
  // A length that is not known is written as 1e30.
  ASSIGN_OR_RETURN(const double length,
                   ModelFields(tokenizer, tokenizer_path).Double("model_max_length", 1e30));
  const auto positions = static_cast<double>(config.max_positions);
  config.max_tokens = static_cast<int64_t>(std::clamp(length, 3.0, positions));
  return OkStatus();
}

// Models that were trained with prefixes but whose files do not say so.
void SetFamilyPrefixes(std::string_view name, ModelConfig& config) {
  if (name.starts_with("e5-")) {
    config.query_prefix = "query: ";
    config.document_prefix = "passage: ";
  } else if (name.starts_with("bge-") && name.ends_with("-en-v1.5")) {
    config.query_prefix = "Represent this sentence for searching relevant passages: ";
  }
}

Status ReadPrefixes(const std::string& model_dir, const std::string& model_name,
                    ModelConfig& config) {
  const std::string path = model_dir + "/config_sentence_transformers.json";
  ASSIGN_OR_RETURN(const ModelJson json, ReadOptionalFile(path));
  const ModelFields file(json, path);
  SetFamilyPrefixes(model_name, config);
  if (!file.Has("prompts")) return OkStatus();
  ASSIGN_OR_RETURN(const ModelJson* object, file.Object("prompts"));
  const ModelFields prompts(*object, StrCat(path, ": prompts"));
  ASSIGN_OR_RETURN(const std::string standard_name, file.String("default_prompt_name", ""));
  std::string standard;
  if (!standard_name.empty()) {
    ASSIGN_OR_RETURN(standard, prompts.String(standard_name.c_str()));
  }
  if (prompts.Has("query") || !standard.empty()) {
    ASSIGN_OR_RETURN(config.query_prefix, prompts.String("query", standard));
  }
  for (const char* name : {"document", "passage", "corpus"}) {
    if (!prompts.Has(name)) continue;
    ASSIGN_OR_RETURN(config.document_prefix, prompts.String(name));
    return OkStatus();
  }
  if (!standard.empty()) config.document_prefix = standard;
  return OkStatus();
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
  }
  return "";
}

Result<ModelConfig> ReadModelConfig(const std::string& model_dir, const std::string& model_name) {
  ModelConfig config;
  TRY(ReadTransformer(model_dir + "/config.json", config));
  TRY(ReadModules(model_dir, config));
  TRY(ReadMaxTokens(model_dir, config));
  TRY(ReadPrefixes(model_dir, model_name, config));
  return config;
}

}  // namespace lakehouse::ai
