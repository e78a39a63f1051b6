#include "ai/encoder/transformer_config.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "ai/encoder/weight_files.h"
#include "base/strings.h"

namespace lakehouse::ai {
namespace {

constexpr int64_t kMaxExtent = 1 << 20;
constexpr int64_t kMaxVocabulary = 1 << 30;
constexpr int64_t kMaxLayers = 1000;
constexpr int64_t kLanes = 16;  // The kernels work on whole vectors of this many floats.
// Beyond the length of its training nomic-bert stretches its rotary base, which the encoder
// doesn't.
constexpr int64_t kNomicTrainedPositions = 2048;
constexpr float kNomicRotaryBase = 1000;

Status ReadEpsilon(const ModelFields& file, const char* name, ModelConfig& config) {
  ASSIGN_OR_RETURN(const double epsilon, file.Double(name, 1e-12));
  config.layer_norm_epsilon = static_cast<float>(epsilon);
  // Zero as a float would divide by the variance of a constant row.
  if (!(config.layer_norm_epsilon > 0 && config.layer_norm_epsilon < 1)) {
    return file.Problem(name, "is not a 32-bit float between 0 and 1");
  }
  return OkStatus();
}

Status ReadBert(const ModelFields& file, ModelConfig& config) {
  config.architecture = Architecture::kBert;
  ASSIGN_OR_RETURN(const std::string positions, file.String("position_embedding_type", "absolute"));
  if (positions != "absolute") {
    return file.Problem("position_embedding_type", StrCat("must be absolute, not ", positions));
  }
  for (const char* flag : {"is_decoder", "add_cross_attention"}) {
    ASSIGN_OR_RETURN(const bool set, file.Bool(flag, false));
    if (set) return file.Problem(flag, "must be false: the encoder runs encoders only");
  }
  ASSIGN_OR_RETURN(config.hidden_size, file.Int("hidden_size", 1, kMaxExtent));
  ASSIGN_OR_RETURN(config.layers, file.Int("num_hidden_layers", 1, kMaxLayers));
  ASSIGN_OR_RETURN(config.heads, file.Int("num_attention_heads", 1, kMaxExtent));
  ASSIGN_OR_RETURN(config.intermediate_size, file.Int("intermediate_size", 1, kMaxExtent));
  ASSIGN_OR_RETURN(config.vocabulary_size, file.Int("vocab_size", 1, kMaxVocabulary));
  ASSIGN_OR_RETURN(config.max_positions, file.Int("max_position_embeddings", 3, kMaxExtent));
  ASSIGN_OR_RETURN(config.token_types, file.Int("type_vocab_size", 1, kMaxExtent));
  ASSIGN_OR_RETURN(const std::string activation, file.String("hidden_act", "gelu"));
  if (activation == "gelu") {
    config.activation = Activation::kGeluErf;
  } else if (activation == "gelu_new" || activation == "gelu_pytorch_tanh") {
    config.activation = Activation::kGeluTanh;
  } else {
    return file.Problem("hidden_act",
                        StrCat("must be gelu, gelu_new or gelu_pytorch_tanh, not ", activation));
  }
  return ReadEpsilon(file, "layer_norm_eps", config);
}

// The variants of nomic-bert that its first form can describe and the encoder doesn't have.
Status RefuseNomicVariants(const ModelFields& file) {
  constexpr std::pair<const char*, bool> kMustBeFalse[] = {
      // The field, and what it is when absent.
      {"qkv_proj_bias", true},
      {"mlp_fc1_bias", true},
      {"mlp_fc2_bias", true},
      {"prenorm", false},
      {"rotary_emb_interleaved", false},
      {"parallel_block", false},
      {"use_rms_norm", false},
      {"causal", false},
      {"use_alibi", false},
      {"alibi", false},
  };
  for (const auto& [name, absent] : kMustBeFalse) {
    ASSIGN_OR_RETURN(const bool set, file.Bool(name, absent));
    if (set) return file.Problem(name, "must be false: the encoder does not have this variant");
  }
  for (const char* name : {"moe_every_n_layers", "num_experts"}) {
    ASSIGN_OR_RETURN(const int64_t count, file.Int(name, 0, 0, kMaxExtent));
    if (count > 0) return file.Problem(name, "must be 0: the encoder has no mixture of experts");
  }
  ASSIGN_OR_RETURN(const double fraction, file.Double("rotary_emb_fraction", 0));
  if (fraction != 1) {
    return file.Problem("rotary_emb_fraction",
                        StrCat("must be 1: whole heads turn; it is ", fraction));
  }
  if (file.Has("rotary_emb_scale_base")) {
    return file.Problem("rotary_emb_scale_base", "must be null: the encoder has no xPos");
  }
  ASSIGN_OR_RETURN(const bool scaled, file.Bool("scale_attn_weights", true));
  if (!scaled) return file.Problem("scale_attn_weights", "must be true");
  return OkStatus();
}

Status ReadFirstNomic(const ModelFields& file, ModelConfig& config) {
  TRY(RefuseNomicVariants(file));
  ASSIGN_OR_RETURN(config.hidden_size, file.Int("n_embd", 1, kMaxExtent));
  ASSIGN_OR_RETURN(config.layers, file.Int("n_layer", 1, kMaxLayers));
  ASSIGN_OR_RETURN(config.heads, file.Int("n_head", 1, kMaxExtent));
  ASSIGN_OR_RETURN(config.intermediate_size,
                   file.Int("n_inner", 4 * config.hidden_size, 1, kMaxExtent));
  ASSIGN_OR_RETURN(config.vocabulary_size, file.Int("vocab_size", 1, kMaxVocabulary));
  // The table has rows up to the next multiple.
  ASSIGN_OR_RETURN(const int64_t multiple, file.Int("pad_vocab_size_multiple", 1, 1, kMaxExtent));
  config.vocabulary_size = (config.vocabulary_size + multiple - 1) / multiple * multiple;
  ASSIGN_OR_RETURN(config.max_positions, file.Int("n_positions", 3, kMaxExtent));
  ASSIGN_OR_RETURN(const int64_t trained,
                   file.Int("max_trained_positions", kNomicTrainedPositions, 3, kMaxExtent));
  config.max_positions = std::min(config.max_positions, trained);
  ASSIGN_OR_RETURN(const std::string activation, file.String("activation_function", "gelu"));
  if (activation != "swiglu") {
    return file.Problem("activation_function", StrCat("must be swiglu, not ", activation));
  }
  ASSIGN_OR_RETURN(const double base, file.Double("rotary_emb_base", kNomicRotaryBase));
  config.rotary_base = static_cast<float>(base);
  return ReadEpsilon(file, "layer_norm_epsilon", config);
}

// The form that transformers writes since version 5.
Status ReadSecondNomic(const ModelFields& file, ModelConfig& config) {
  ASSIGN_OR_RETURN(config.hidden_size, file.Int("hidden_size", 1, kMaxExtent));
  ASSIGN_OR_RETURN(config.layers, file.Int("num_hidden_layers", 1, kMaxLayers));
  ASSIGN_OR_RETURN(config.heads, file.Int("num_attention_heads", 1, kMaxExtent));
  ASSIGN_OR_RETURN(config.intermediate_size, file.Int("intermediate_size", 1, kMaxExtent));
  ASSIGN_OR_RETURN(config.vocabulary_size, file.Int("vocab_size", 1, kMaxVocabulary));
  ASSIGN_OR_RETURN(config.max_positions, file.Int("max_position_embeddings", 3, kMaxExtent));
  ASSIGN_OR_RETURN(const std::string activation, file.String("hidden_act", "silu"));
  if (activation != "silu") {
    return file.Problem("hidden_act", StrCat("must be silu, not ", activation));
  }
  const int64_t head_width = config.hidden_size / config.heads;
  ASSIGN_OR_RETURN(const int64_t head_dim, file.Int("head_dim", head_width, 1, kMaxExtent));
  if (head_dim != head_width) {
    return file.Problem("head_dim", StrCat("must be hidden_size over num_attention_heads, ",
                                           head_width, ", not ", head_dim));
  }
  config.rotary_base = kNomicRotaryBase;
  if (file.Has("rope_parameters")) {
    ASSIGN_OR_RETURN(const ModelJson* object, file.Object("rope_parameters"));
    const ModelFields rope(*object, StrCat(file.origin(), ": rope_parameters"));
    ASSIGN_OR_RETURN(const std::string type, rope.String("rope_type", "default"));
    if (type != "default") return rope.Problem("rope_type", StrCat("must be default, not ", type));
    ASSIGN_OR_RETURN(const double fraction, rope.Double("partial_rotary_factor", 1));
    if (fraction != 1) return rope.Problem("partial_rotary_factor", "must be 1: whole heads turn");
    ASSIGN_OR_RETURN(const double base, rope.Double("rope_theta", kNomicRotaryBase));
    config.rotary_base = static_cast<float>(base);
  }
  return ReadEpsilon(file, "layer_norm_eps", config);
}

Status ReadNomic(const ModelFields& file, ModelConfig& config) {
  config.architecture = Architecture::kNomicBert;
  config.activation = Activation::kSwiGlu;
  TRY(file.Has("n_embd") ? ReadFirstNomic(file, config) : ReadSecondNomic(file, config));
  if (!(config.rotary_base > 1 && std::isfinite(config.rotary_base))) {
    return InvalidArgument(file.origin(), ": the rotary base must be a number above 1");
  }
  config.max_positions = std::min(config.max_positions, kNomicTrainedPositions);
  ASSIGN_OR_RETURN(config.token_types, file.Int("type_vocab_size", 2, 0, kMaxExtent));
  return OkStatus();
}

// Where config.json does not say what it describes, the weights do.
bool IsClassifier(const ModelFiles& files, const ModelFields& file, const ModelConfig& config) {
  const ModelJson* list = file.Find("architectures");
  if (list == nullptr) {
    const auto weights = WeightFiles::Open(files.directory(), config.transformer_directory);
    return weights.ok() && weights->Has("classifier.weight");
  }
  return list->is_array() && std::ranges::any_of(*list, [](const ModelJson& name) {
           return name.is_string() &&
                  name.get_ref<const std::string&>().ends_with("ForSequenceClassification");
         });
}

// transformers takes the labels' names before their number, and has two when nothing is said.
Result<int64_t> ReadLabels(const ModelFields& file) {
  if (!file.Has("id2label")) return file.Int("num_labels", 2, 1, kMaxExtent);
  ASSIGN_OR_RETURN(const ModelJson* labels, file.Object("id2label"));
  if (labels->empty()) return file.Problem("id2label", "has no label");
  return static_cast<int64_t>(labels->size());
}

Status ReadShortening(const ModelFields& file, Shortening& shortening) {
  ASSIGN_OR_RETURN(shortening.allowed, file.Bool("is_matryoshka", false));
  if (!file.Has("matryoshka_dimensions")) return OkStatus();
  ASSIGN_OR_RETURN(const ModelJson* list, file.Array("matryoshka_dimensions"));
  for (const ModelJson& item : *list) {
    if (!item.is_number_unsigned()) {
      return file.Problem("matryoshka_dimensions", "holds something that is no size");
    }
    shortening.dimensions.push_back(item.get<int64_t>());
  }
  shortening.allowed = true;
  return OkStatus();
}

}  // namespace

Status ReadTransformerConfig(ModelFiles& files, ModelConfig& config) {
  const std::string name = JoinModelPath(config.transformer_directory, "config.json");
  const std::string path = files.PathOf(name);
  ASSIGN_OR_RETURN(const std::optional<ModelJson> json, files.ReadJson(name));
  if (!json.has_value()) return InvalidArgument("a model directory needs config.json: ", path);
  const ModelFields file(*json, path);
  ASSIGN_OR_RETURN(const std::string type, file.String("model_type", "bert"));
  if (type == "bert") {
    TRY(ReadBert(file, config));
  } else if (type == "nomic_bert") {
    TRY(ReadNomic(file, config));
  } else {
    return InvalidArgument(path, ": the embedded encoder runs models of the types bert and ",
                           "nomic_bert; through a server it can be of any type. This one is ",
                           type);
  }
  if (config.hidden_size % (config.heads * kLanes) != 0 || config.intermediate_size % kLanes != 0) {
    return InvalidArgument(path, ": the hidden size must be a multiple of 16 in each of ",
                           config.heads, " heads, and the intermediate size a multiple of 16; ",
                           "found ", config.hidden_size, " and ", config.intermediate_size);
  }
  TRY(ReadShortening(file, config.shortening));
  if (!IsClassifier(files, file, config)) return OkStatus();
  if (config.architecture != Architecture::kBert) {
    return InvalidArgument(path, ": the embedded encoder has cross-encoders of the type bert, not ",
                           type);
  }
  ASSIGN_OR_RETURN(config.labels, ReadLabels(file));
  return OkStatus();
}

}  // namespace lakehouse::ai
