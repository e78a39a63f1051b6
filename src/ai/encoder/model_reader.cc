#include "ai/encoder/model_reader.h"

#include <set>
#include <utility>

#include "ai/encoder/weight_files.h"
#include "base/hash.h"
#include "base/strings.h"

namespace lakehouse::ai {
namespace {

// The name in a list, its length before it, and the sum: no two lists give the same text.
Status AppendDigest(const std::string& model_dir, const std::string& name, std::string& list) {
  Result<MappedFile> file = MappedFile::Open(StrCat(model_dir, "/", name));
  if (!file.ok()) return InvalidArgument("the model's digest: ", file.status().message());
  StrAppend(list, name.size(), ":", name, " ", Sha256Hex(file->bytes()), "\n");
  return OkStatus();
}

class Reader : public ModelReader {
 public:
  Reader(std::string model_dir, const ModelConfig& config, WeightFiles weights)
      : config_(config), weights_(std::move(weights)), model_dir_(std::move(model_dir)) {}

  Result<std::vector<PlainLinear>> ReadDense() override {
    std::vector<PlainLinear> all;
    for (const HeadStep& step : config_.head) {
      if (step.kind != HeadStep::Kind::kDense) continue;
      ASSIGN_OR_RETURN(const WeightFiles files, WeightFiles::Open(model_dir_, step.directory));
      ASSIGN_OR_RETURN(PlainLinear one,
                       ReadLinear(files, "linear", step.outputs, step.inputs, step.has_bias));
      all.push_back(std::move(one));
    }
    return all;
  }

  Result<std::string> Digest() override {
    std::set<std::string> names(config_.files.begin(), config_.files.end());
    names.insert(weights_.names().begin(), weights_.names().end());
    for (const HeadStep& step : config_.head) {
      if (step.kind != HeadStep::Kind::kDense) continue;
      ASSIGN_OR_RETURN(const WeightFiles files, WeightFiles::Open(model_dir_, step.directory));
      names.insert(files.names().begin(), files.names().end());
    }
    const std::string whole = JoinModelPath(config_.transformer_directory, "tokenizer.json");
    if (Exists(whole)) {
      names.insert(whole);
    } else {
      for (const char* part : {"vocab.txt", "tokenizer_config.json"}) {
        const std::string name = JoinModelPath(config_.transformer_directory, part);
        if (Exists(name)) names.insert(name);
      }
    }
    std::string list;
    for (const std::string& name : names) TRY(AppendDigest(model_dir_, name, list));
    return Sha256Hex(list);
  }

 protected:
  static Result<PlainLinear> ReadLinear(const WeightFiles& weights, const std::string& name,
                                        int64_t outputs, int64_t inputs, bool has_bias) {
    PlainLinear linear{.inputs = static_cast<size_t>(inputs),
                       .outputs = static_cast<size_t>(outputs),
                       .weights = {},
                       .bias = {}};
    ASSIGN_OR_RETURN(linear.weights, weights.Read(name + ".weight", {outputs, inputs}));
    if (has_bias) {
      ASSIGN_OR_RETURN(linear.bias, weights.Read(name + ".bias", {outputs}));
    } else if (weights.Has(name + ".bias")) {
      return InvalidArgument("the configuration has no bias, the weights have: ", name, ".bias");
    } else {
      linear.bias.resize(linear.outputs);
    }
    return linear;
  }

  Result<LayerNormWeights> ReadNorm(const std::string& name) const {
    // Files of before 2019 have other names.
    const bool is_old = weights_.Has(name + ".gamma");
    LayerNormWeights norm;
    ASSIGN_OR_RETURN(norm.gamma,
                     weights_.Read(name + (is_old ? ".gamma" : ".weight"), {config_.hidden_size}));
    ASSIGN_OR_RETURN(norm.beta,
                     weights_.Read(name + (is_old ? ".beta" : ".bias"), {config_.hidden_size}));
    return norm;
  }

  Result<std::vector<float>> ReadTable(const std::string& name, int64_t rows) const {
    if (rows == 0) return std::vector<float>();
    return weights_.Read(StrCat(name, "_embeddings.weight"), {rows, config_.hidden_size});
  }

  const ModelConfig config_;
  const WeightFiles weights_;

 private:
  bool Exists(const std::string& name) const {
    return MappedFile::Open(StrCat(model_dir_, "/", name)).ok();
  }

  const std::string model_dir_;
};

class BertReader final : public Reader {
 public:
  BertReader(std::string model_dir, const ModelConfig& config, WeightFiles weights)
      : Reader(std::move(model_dir), config, std::move(weights)),
        prefix_(weights_.Has("bert.embeddings.word_embeddings.weight") ? "bert." : "") {}

  Result<EmbeddingWeights> ReadEmbeddings() override {
    EmbeddingWeights weights;
    const std::string name = prefix_ + "embeddings.";
    ASSIGN_OR_RETURN(weights.words, ReadTable(name + "word", config_.vocabulary_size));
    ASSIGN_OR_RETURN(weights.positions, ReadTable(name + "position", config_.max_positions));
    ASSIGN_OR_RETURN(weights.types, ReadTable(name + "token_type", config_.token_types));
    ASSIGN_OR_RETURN(weights.norm, ReadNorm(name + "LayerNorm"));
    return weights;
  }

  Result<LayerWeights> ReadLayer(int64_t layer) override {
    const int64_t width = config_.hidden_size;
    const int64_t inner = config_.intermediate_size;
    const std::string name = StrCat(prefix_, "encoder.layer.", layer, ".");
    LayerWeights weights;
    ASSIGN_OR_RETURN(weights.qkv, ReadQueriesKeysValues(name + "attention.self."));
    ASSIGN_OR_RETURN(weights.attention_out, Linear(name + "attention.output.dense", width, width));
    ASSIGN_OR_RETURN(weights.attention_norm, ReadNorm(name + "attention.output.LayerNorm"));
    ASSIGN_OR_RETURN(weights.up, Linear(name + "intermediate.dense", inner, width));
    ASSIGN_OR_RETURN(weights.down, Linear(name + "output.dense", width, inner));
    ASSIGN_OR_RETURN(weights.output_norm, ReadNorm(name + "output.LayerNorm"));
    return weights;
  }

  Result<ClassifierWeights> ReadClassifier() override {
    const int64_t width = config_.hidden_size;
    ClassifierWeights weights;
    ASSIGN_OR_RETURN(weights.pooler, Linear(prefix_ + "pooler.dense", width, width));
    ASSIGN_OR_RETURN(weights.classifier, Linear("classifier", config_.labels, width));
    return weights;
  }

 private:
  Result<PlainLinear> Linear(const std::string& name, int64_t outputs, int64_t inputs) const {
    return ReadLinear(weights_, name, outputs, inputs, true);
  }

  Result<PlainLinear> ReadQueriesKeysValues(const std::string& name) const {
    const int64_t width = config_.hidden_size;
    ASSIGN_OR_RETURN(PlainLinear all, Linear(name + "query", width, width));
    for (const char* part : {"key", "value"}) {
      ASSIGN_OR_RETURN(const PlainLinear one, Linear(name + part, width, width));
      all.weights.insert(all.weights.end(), one.weights.begin(), one.weights.end());
      all.bias.insert(all.bias.end(), one.bias.begin(), one.bias.end());
      all.outputs += one.outputs;
    }
    return all;
  }

  const std::string prefix_;
};

class NomicBertReader final : public Reader {
 public:
  using Reader::Reader;

  Result<EmbeddingWeights> ReadEmbeddings() override {
    EmbeddingWeights weights;
    ASSIGN_OR_RETURN(weights.words, ReadTable("embeddings.word", config_.vocabulary_size));
    ASSIGN_OR_RETURN(weights.types, ReadTable("embeddings.token_type", config_.token_types));
    ASSIGN_OR_RETURN(weights.norm, ReadNorm("emb_ln"));
    return weights;
  }

  Result<LayerWeights> ReadLayer(int64_t layer) override {
    const int64_t width = config_.hidden_size;
    const int64_t inner = config_.intermediate_size;
    const std::string name = StrCat("encoder.layers.", layer, ".");
    LayerWeights weights;
    ASSIGN_OR_RETURN(weights.qkv, Linear(name + "attn.Wqkv", 3 * width, width));
    ASSIGN_OR_RETURN(weights.attention_out, Linear(name + "attn.out_proj", width, width));
    ASSIGN_OR_RETURN(weights.attention_norm, ReadNorm(name + "norm1"));
    ASSIGN_OR_RETURN(weights.up, Linear(name + "mlp.fc11", inner, width));
    ASSIGN_OR_RETURN(weights.gate, Linear(name + "mlp.fc12", inner, width));
    ASSIGN_OR_RETURN(weights.down, Linear(name + "mlp.fc2", width, inner));
    ASSIGN_OR_RETURN(weights.output_norm, ReadNorm(name + "norm2"));
    return weights;
  }

  Result<ClassifierWeights> ReadClassifier() override {
    return InvalidArgument("the embedded encoder has no cross-encoders of the type nomic_bert");
  }

 private:
  Result<PlainLinear> Linear(const std::string& name, int64_t outputs, int64_t inputs) const {
    return ReadLinear(weights_, name, outputs, inputs, false);
  }
};

}  // namespace

Result<std::unique_ptr<ModelReader>> ModelReader::Open(const std::string& model_dir,
                                                       const ModelConfig& config) {
  ASSIGN_OR_RETURN(WeightFiles weights, WeightFiles::Open(model_dir, config.transformer_directory));
  switch (config.architecture) {
    case Architecture::kBert:
      return std::make_unique<BertReader>(model_dir, config, std::move(weights));
    case Architecture::kNomicBert:
      return std::make_unique<NomicBertReader>(model_dir, config, std::move(weights));
  }
  return Internal("an architecture without a reader");
}

}  // namespace lakehouse::ai
