#include "ai/encoder/bert_encoder.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <utility>

#include "ai/encoder/bert_weights.h"
#include "base/check.h"

namespace lakehouse::ai {
namespace {

size_t RoundUpRows(size_t rows) {
  return (rows + Matmul::kRowStep - 1) / Matmul::kRowStep * Matmul::kRowStep;
}

void PoolRows(Pooling pooling, const float* rows, size_t count, std::span<float> out) {
  const size_t width = out.size();
  std::copy(rows, rows + width, out.begin());
  if (pooling == Pooling::kCls) return;
  for (size_t r = 1; r < count; ++r) {
    const float* row = rows + r * width;
    if (pooling == Pooling::kMax) {
      for (size_t i = 0; i < width; ++i) out[i] = std::max(out[i], row[i]);
    } else {
      for (size_t i = 0; i < width; ++i) out[i] += row[i];
    }
  }
  if (pooling == Pooling::kMean) {
    for (float& value : out) value /= static_cast<float>(count);
  }
}

void NormalizeLength(std::span<float> vector) {
  double squares = 0;
  for (const float value : vector) squares += static_cast<double>(value) * value;
  const double length = std::max(std::sqrt(squares), 1e-12);
  for (float& value : vector) value = static_cast<float>(value / length);
}

}  // namespace

struct BertEncoder::Model {
  ModelConfig config;
  const EncoderKernels& kernels;
  BertWeights weights;
};

class BertEncoder::Workspace {
 public:
  explicit Workspace(const Model& model)
      : model_(model),
        width_(static_cast<size_t>(model.config.hidden_size)),
        matmul_(model.weights.engine) {
    const auto inner = static_cast<size_t>(model.config.intermediate_size);
    block_.resize(Matmul::kMaxRows * width_);
    inner_.resize(Matmul::kMaxRows * inner);
  }

  void Encode(std::span<const std::span<const int32_t>> texts, std::span<float> vectors) {
    MultiplyOnThisThreadOnly();
    Gather(texts);
    for (const BertLayer& layer : model_.weights.layers) {
      ForEachBlock([&](size_t row, size_t rows) {
        model_.weights.to_qkv.Run(matmul_, layer.qkv, At(hidden_, row, width_), rows,
                                  At(qkv_, row, 3 * width_));
      });
      Attend(texts);
      ForEachBlock([&](size_t row, size_t rows) { FeedForward(layer, row, rows); });
    }
    const float* row = hidden_.data();
    for (size_t i = 0; i < texts.size(); ++i) {
      const std::span<float> vector = vectors.subspan(i * width_, width_);
      PoolRows(model_.config.pooling, row, texts[i].size(), vector);
      if (model_.config.normalize) NormalizeLength(vector);
      row += texts[i].size() * width_;
    }
  }

 private:
  static float* At(std::vector<float>& rows, size_t row, size_t width) {
    return rows.data() + row * width;
  }

  template <typename Function>
  void ForEachBlock(Function function) {
    for (size_t row = 0; row < tokens_; row += Matmul::kMaxRows) {
      function(row, std::min(Matmul::kMaxRows, tokens_ - row));
    }
  }

  // Looks up the embeddings and makes room for the tokens.
  void Gather(std::span<const std::span<const int32_t>> texts) {
    tokens_ = 0;
    size_t longest = 0;
    for (const std::span<const int32_t> text : texts) {
      tokens_ += text.size();
      longest = std::max(longest, text.size());
    }
    // Multiplication also reads the rows up to the next step: they hold old but finite values.
    const size_t rows = RoundUpRows(tokens_);
    if (hidden_.size() < rows * width_) {
      hidden_.resize(rows * width_);
      context_.resize(rows * width_);
      qkv_.resize(rows * 3 * width_);
    }
    const auto heads = static_cast<size_t>(model_.config.heads);
    const size_t scratch = AttentionScratchFloats(longest, width_ / heads);
    if (scratch_.size() < scratch) scratch_.resize(scratch);

    const BertWeights& weights = model_.weights;
    float* row = hidden_.data();
    for (const std::span<const int32_t> text : texts) {
      for (size_t position = 0; position < text.size(); ++position, row += width_) {
        const float* word = weights.words.data() + static_cast<size_t>(text[position]) * width_;
        std::copy(word, word + width_, row);
      }
      AddNormalized(row - text.size() * width_, weights.positions.data(), text.size(),
                    weights.embedding_norm);
    }
  }

  void AddNormalized(float* row, const float* residual, size_t rows, const LayerNormWeights& norm) {
    model_.kernels.add_layer_norm(row, residual, rows, width_, norm.gamma.data(), norm.beta.data(),
                                  model_.config.layer_norm_epsilon);
  }

  void Attend(std::span<const std::span<const int32_t>> texts) {
    size_t row = 0;
    for (const std::span<const int32_t> text : texts) {
      model_.kernels.attention({.qkv = At(qkv_, row, 3 * width_),
                                .out = At(context_, row, width_),
                                .scratch = scratch_.data(),
                                .tokens = text.size(),
                                .width = width_,
                                .heads = static_cast<size_t>(model_.config.heads)});
      row += text.size();
    }
  }

  // What follows attention, for one block of rows while it is in the cache.
  void FeedForward(const BertLayer& layer, size_t row, size_t rows) {
    const BertWeights& weights = model_.weights;
    float* hidden = At(hidden_, row, width_);
    weights.to_hidden.Run(matmul_, layer.attention_out, At(context_, row, width_), rows,
                          block_.data());
    AddNormalized(hidden, block_.data(), rows, layer.attention_norm);
    weights.to_inner.Run(matmul_, layer.up, hidden, rows, inner_.data());
    const size_t count = rows * static_cast<size_t>(model_.config.intermediate_size);
    if (model_.config.activation == Activation::kGeluErf) {
      model_.kernels.gelu_erf(inner_.data(), count);
    } else {
      model_.kernels.gelu_tanh(inner_.data(), count);
    }
    weights.from_inner.Run(matmul_, layer.down, inner_.data(), rows, block_.data());
    AddNormalized(hidden, block_.data(), rows, layer.output_norm);
  }

  const Model& model_;
  const size_t width_;
  MatmulContext matmul_;
  size_t tokens_ = 0;
  // One row per token.
  std::vector<float> hidden_;
  std::vector<float> qkv_;
  std::vector<float> context_;
  // One block of rows.
  std::vector<float> block_;
  std::vector<float> inner_;
  std::vector<float> scratch_;
};

void BertEncoder::WorkspaceDeleter::operator()(Workspace* workspace) const { delete workspace; }

BertEncoder::BertEncoder(std::unique_ptr<Model> model) : model_(std::move(model)) {}
BertEncoder::~BertEncoder() = default;

Result<std::unique_ptr<BertEncoder>> BertEncoder::Load(const ModelConfig& config,
                                                       const Safetensors& tensors,
                                                       const EncoderKernels& kernels) {
  ASSIGN_OR_RETURN(BertWeights weights, LoadBertWeights(config, tensors));
  auto model = std::make_unique<Model>(Model{config, kernels, std::move(weights)});
  return std::unique_ptr<BertEncoder>(new BertEncoder(std::move(model)));
}

Result<BertEncoder::WorkspacePointer> BertEncoder::MakeWorkspace() const {
  try {
    return WorkspacePointer(new Workspace(*model_));
  } catch (const dnnl::error& error) {
    return Internal("the encoder cannot start: ", std::string_view(error.what()));
  }
}

Status BertEncoder::Encode(std::span<const std::span<const int32_t>> texts, Workspace& workspace,
                           std::span<float> vectors) const {
  CHECK(vectors.size() == texts.size() * dimensions());
  for (const std::span<const int32_t> text : texts) {
    CHECK(!text.empty() && text.size() <= static_cast<size_t>(model_->config.max_positions));
    for (const int32_t id : text) CHECK(id >= 0 && id < model_->config.vocabulary_size);
  }
  try {
    workspace.Encode(texts, vectors);
    return OkStatus();
  } catch (const dnnl::error& error) {
    return Internal("the encoder failed: ", std::string_view(error.what()));
  } catch (const std::bad_alloc&) {
    return ResourceExhausted("not enough memory for the encoder's buffers");
  }
}

size_t BertEncoder::dimensions() const { return static_cast<size_t>(model_->config.hidden_size); }

}  // namespace lakehouse::ai
