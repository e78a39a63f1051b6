#include "ai/encoder/f32_layers.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <utility>

#include "ai/encoder/linear.h"

namespace lakehouse::ai {
namespace {

// Rows that go through the feed-forward part together, while they are in the cache.
constexpr size_t kPanelRows = 192;

struct Layer {
  PackedLinear qkv;
  PackedLinear attention_out;
  LayerNormWeights attention_norm;
  PackedLinear up;  // With the gate's outputs behind its own, where there is one.
  PackedLinear down;
  LayerNormWeights output_norm;
};

// One for each shape of a layer's multiplications.
struct Matmuls {
  Matmuls(const dnnl::engine& engine, const EncoderShape& shape, size_t up_outputs)
      : qkv(engine, shape.stride, shape.qkv_stride),
        attention_out(engine, shape.stride, shape.stride),
        up(engine, shape.stride, up_outputs),
        down(engine, shape.inner, shape.stride) {}

  Matmul qkv;
  Matmul attention_out;
  Matmul up;
  Matmul down;
};

// What one thread has for itself.
struct Member {
  explicit Member(const Matmuls& matmuls)
      : qkv(matmuls.qkv),
        attention_out(matmuls.attention_out),
        up(matmuls.up),
        down(matmuls.down) {}

  Matmul::Context qkv;
  Matmul::Context attention_out;
  Matmul::Context up;
  Matmul::Context down;
  std::vector<float> block;  // A panel of rows of the model's width.
  std::vector<float> inner;  // A panel of rows of the inner width.
  std::vector<float> scratch;
};

struct F32Buffers final : EncoderLayers::Buffers {
  std::vector<std::unique_ptr<Member>> members;
  std::vector<float> qkv;
  std::vector<float> context;
  std::atomic<bool> failed = false;
};

class F32Layers final : public EncoderLayers {
 public:
  F32Layers(const ModelConfig& config, const EncoderKernels& kernels)
      : shape_(config),
        kernels_(kernels),
        rotary_(config, shape_),
        engine_(dnnl::engine::kind::cpu, 0),
        up_outputs_(config.activation == Activation::kSwiGlu ? 2 * shape_.inner : shape_.inner),
        matmuls_(engine_, shape_, up_outputs_) {}

  Status Load(ModelReader& reader) {
    for (size_t i = 0; i < shape_.layers; ++i) {
      ASSIGN_OR_RETURN(LayerWeights weights, reader.ReadLayer(static_cast<int64_t>(i)));
      layers_.push_back(Pack(std::move(weights)));
    }
    return OkStatus();
  }

  Result<std::unique_ptr<Buffers>> MakeBuffers(size_t members) const override {
    auto buffers = std::make_unique<F32Buffers>();
    for (size_t i = 0; i < members; ++i) {
      auto member = std::make_unique<Member>(matmuls_);
      member->block.resize(kPanelRows * shape_.stride);
      member->inner.resize(kPanelRows * up_outputs_);
      buffers->members.push_back(std::move(member));
    }
    return std::unique_ptr<Buffers>(std::move(buffers));
  }

  void Prepare(const RaggedBatch& batch, Buffers& base) const override {
    auto& buffers = static_cast<F32Buffers&>(base);
    buffers.failed = false;
    // Multiplication also reads the rows up to the next step: they hold old but finite values.
    const size_t rows = batch.rows() + Matmul::kRowStep;
    if (buffers.context.size() < rows * shape_.stride) {
      buffers.context.resize(rows * shape_.stride);
      buffers.qkv.resize(rows * shape_.qkv_stride);
    }
    const size_t scratch = AttentionScratchFloats(batch.longest(), shape_.head_width);
    for (const auto& member : buffers.members) {
      if (member->scratch.size() < scratch) member->scratch.resize(scratch);
    }
  }

  void Run(const RaggedBatch& batch, Buffers& base, ThreadTeam& team, size_t index,
           float* hidden) const override {
    MultiplyOnThisThreadOnly();
    auto& buffers = static_cast<F32Buffers&>(base);
    Member& member = *buffers.members[index];
    const Share all(batch.rows(), index, team.size(), Matmul::kRowStep);
    for (size_t i = 0; i < layers_.size(); ++i) {
      const Layer& layer = layers_[i];
      float* qkv = buffers.qkv.data() + all.begin * shape_.qkv_stride;
      Multiply(buffers, matmuls_.qkv, member.qkv, layer.qkv, hidden + all.begin * shape_.stride,
               all.end - all.begin, qkv);
      team.Meet();
      const bool is_last = i + 1 == layers_.size();
      Attend(batch, buffers, member, Share(shape_.heads, index, team.size(), 1), is_last);
      team.Meet();
      Share own = all;
      if (is_last && !batch.wanted_rows.empty()) {
        if (index == 0) KeepWantedRows(batch, buffers, hidden);
        team.Meet();
        own = Share(batch.texts(), index, team.size(), Matmul::kRowStep);
      }
      for (size_t row = own.begin; row < own.end; row += kPanelRows) {
        FeedForward(layer, buffers, member, row, std::min(kPanelRows, own.end - row), hidden);
      }
    }
  }

  Status status(const Buffers& base) const override {
    if (!static_cast<const F32Buffers&>(base).failed) return OkStatus();
    return Internal("the encoder failed in a matrix multiplication");
  }

  size_t weight_bytes() const override {
    return layers_.size() * (matmuls_.qkv.packed_bytes() + matmuls_.attention_out.packed_bytes() +
                             matmuls_.up.packed_bytes() + matmuls_.down.packed_bytes() +
                             4 * shape_.width * sizeof(float));
  }

 private:
  Layer Pack(LayerWeights weights) const {
    ScaleQueries(weights.qkv, shape_.width,
                 1.0F / std::sqrt(static_cast<float>(shape_.head_width)));
    PlainLinear up = PadLinear(weights.up, shape_.stride, shape_.inner);
    if (weights.gate.has_value()) {
      const PlainLinear gate = PadLinear(*weights.gate, shape_.stride, shape_.inner);
      up.outputs = up_outputs_;
      up.weights.insert(up.weights.end(), gate.weights.begin(), gate.weights.end());
      up.bias.insert(up.bias.end(), gate.bias.begin(), gate.bias.end());
    }
    return {.qkv = matmuls_.qkv.Pack(PadLinear(weights.qkv, shape_.stride, shape_.qkv_stride)),
            .attention_out = matmuls_.attention_out.Pack(
                PadLinear(weights.attention_out, shape_.stride, shape_.stride)),
            .attention_norm = std::move(weights.attention_norm),
            .up = matmuls_.up.Pack(up),
            .down = matmuls_.down.Pack(PadLinear(weights.down, shape_.inner, shape_.stride)),
            .output_norm = std::move(weights.output_norm)};
  }

  static void Multiply(F32Buffers& buffers, const Matmul& matmul, Matmul::Context& context,
                       const PackedLinear& layer, const float* x, size_t rows, float* y) {
    if (!matmul.Run(context, layer, x, rows, y)) buffers.failed = true;
  }

  void Attend(const RaggedBatch& batch, F32Buffers& buffers, Member& member, const Share& heads,
              bool is_last) const {
    for (size_t i = 0; i < batch.texts(); ++i) {
      float* qkv = buffers.qkv.data() + batch.begins[i] * shape_.qkv_stride;
      const size_t tokens = batch.tokens(i);
      const Queries queries(batch, i, is_last);
      rotary_.Turn(shape_, qkv, tokens, heads);
      kernels_.attention({.qkv = qkv,
                          .out = buffers.context.data() + batch.begins[i] * shape_.stride,
                          .scratch = member.scratch.data(),
                          .tokens = tokens,
                          .width = shape_.width,
                          .heads = shape_.heads,
                          .qkv_stride = shape_.qkv_stride,
                          .out_stride = shape_.stride,
                          .head_begin = heads.begin,
                          .head_end = heads.end,
                          .query_begin = queries.begin,
                          .query_end = queries.end});
    }
  }

  // Moves the wanted row of each text to the row of the text's number.
  void KeepWantedRows(const RaggedBatch& batch, F32Buffers& buffers, float* hidden) const {
    for (size_t i = 0; i < batch.texts(); ++i) {
      for (float* rows : {hidden, buffers.context.data()}) {
        std::memmove(rows + i * shape_.stride, rows + batch.wanted_rows[i] * shape_.stride,
                     shape_.stride * sizeof(float));
      }
    }
  }

  // What follows attention, for a few rows.
  void FeedForward(const Layer& layer, F32Buffers& buffers, Member& member, size_t row, size_t rows,
                   float* all_hidden) const {
    float* hidden = all_hidden + row * shape_.stride;
    const float* context = buffers.context.data() + row * shape_.stride;
    float* block = member.block.data();
    float* inner = member.inner.data();
    Multiply(buffers, matmuls_.attention_out, member.attention_out, layer.attention_out, context,
             rows, block);
    AddNormalized(hidden, block, rows, layer.attention_norm);
    Multiply(buffers, matmuls_.up, member.up, layer.up, hidden, rows, inner);
    switch (shape_.activation) {
      case Activation::kGeluErf:
        kernels_.gelu_erf(inner, rows * shape_.inner);
        break;
      case Activation::kGeluTanh:
        kernels_.gelu_tanh(inner, rows * shape_.inner);
        break;
      case Activation::kSwiGlu:
        kernels_.swiglu(inner, rows, shape_.inner);
        break;
    }
    Multiply(buffers, matmuls_.down, member.down, layer.down, inner, rows, block);
    AddNormalized(hidden, block, rows, layer.output_norm);
  }

  void AddNormalized(float* row, const float* residual, size_t rows,
                     const LayerNormWeights& norm) const {
    kernels_.add_layer_norm({.row = row,
                             .residual = residual,
                             .rows = rows,
                             .width = shape_.width,
                             .stride = shape_.stride,
                             .gamma = norm.gamma.data(),
                             .beta = norm.beta.data(),
                             .epsilon = shape_.epsilon});
  }

  const EncoderShape shape_;
  const EncoderKernels& kernels_;
  const RotaryTable rotary_;
  const dnnl::engine engine_;
  const size_t up_outputs_;
  const Matmuls matmuls_;
  std::vector<Layer> layers_;
};

}  // namespace

Result<std::unique_ptr<EncoderLayers>> LoadF32Layers(const ModelConfig& config, ModelReader& reader,
                                                     const EncoderKernels& kernels) try {
  MultiplyOnThisThreadOnly();
  auto layers = std::make_unique<F32Layers>(config, kernels);
  TRY(layers->Load(reader));
  return std::unique_ptr<EncoderLayers>(std::move(layers));
} catch (const dnnl::error& error) {
  return Internal("the encoder cannot pack its weights: ", std::string_view(error.what()));
}

}  // namespace lakehouse::ai
