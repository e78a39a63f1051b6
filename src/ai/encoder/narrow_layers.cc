#include "ai/encoder/narrow_layers.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "ai/encoder/huge_buffer.h"
#include "ai/encoder/narrow_kernels.h"
#include "ai/encoder/narrow_weights.h"

namespace lakehouse::ai {
namespace {

// Rows that go through all that follows attention together, so that what lies between two products
// stays in the second-level cache. A multiple of the height of the kernel's tiles.
constexpr size_t kPanelRows = 144;
constexpr size_t kTileRows = 6;
constexpr double kLog2E = 1.4426950408889634;

struct Layer {
  PackedWeights qkv;
  PackedWeights attention_out;
  LayerNormWeights attention_norm;
  PackedWeights up;
  PackedWeights down;
  LayerNormWeights output_norm;
};

// Rows between two products.
struct RowBuffer {
  NarrowRows rows(size_t begin = 0) const {
    return {.values = values.data() + begin * stride * value_bytes,
            .stride = stride,
            .scales = scales.empty() ? nullptr : const_cast<float*>(scales.data()) + begin,
            .zeros = zeros.empty() ? nullptr : const_cast<float*>(zeros.data()) + begin};
  }

  HugeBuffer values;
  size_t stride = 0;
  size_t value_bytes = 0;
  // Of int8.
  std::vector<float> scales;
  std::vector<float> zeros;
};

struct NarrowBuffers final : EncoderLayers::Buffers {
  // Of a batch: bf16, or f32 where attention is in f32.
  HugeBuffer qkv;
  HugeBuffer context;
  // Of a panel.
  RowBuffer x;               // What a layer norm gave.
  RowBuffer narrow_context;  // What attention gave, where a product cannot take it as it is.
  HugeBuffer inner;          // bf16.
  RowBuffer narrow_inner;    // The same in int8.
  // Of each member.
  std::vector<HugeBuffer> scratch;
};

// The rows of a batch in panels of nearly equal height.
class Panels {
 public:
  explicit Panels(size_t rows) : rows_(rows) {
    const size_t count = (rows + kPanelRows - 1) / kPanelRows;
    const size_t each = (rows + count - 1) / count;
    height_ = (each + kTileRows - 1) / kTileRows * kTileRows;
  }

  template <typename Function>
  void ForEach(Function function) const {
    for (size_t row = 0; row < rows_; row += height_) {
      function(row, std::min(height_, rows_ - row));
    }
  }

 private:
  size_t rows_;
  size_t height_;
};

class NarrowLayers final : public EncoderLayers {
 public:
  NarrowLayers(const ModelConfig& config, Precision precision, const EncoderKernels& kernels)
      : shape_(config),
        is_int8_(precision == Precision::kInt8),
        has_f32_attention_(precision == Precision::kBf16F32Attention),
        kernels_(kernels),
        narrow_(*kernels.narrow),
        rotary_(config, shape_),
        up_outputs_(config.activation == Activation::kSwiGlu ? 2 * shape_.inner : shape_.inner),
        arena_(shape_.layers * shape_.stride *
               (shape_.qkv_stride + shape_.stride + up_outputs_ + shape_.inner) *
               (is_int8_ ? sizeof(int8_t) : sizeof(Bf16))) {}

  Status Load(ModelReader& reader) {
    for (size_t i = 0; i < shape_.layers; ++i) {
      ASSIGN_OR_RETURN(LayerWeights weights, reader.ReadLayer(static_cast<int64_t>(i)));
      layers_.push_back(Pack(std::move(weights)));
    }
    return OkStatus();
  }

  Result<std::unique_ptr<Buffers>> MakeBuffers(size_t members) const override {
    auto buffers = std::make_unique<NarrowBuffers>();
    buffers->x = MakeRows(shape_.stride);
    buffers->inner = HugeBuffer(kPanelRows * shape_.inner * sizeof(Bf16));
    if (is_int8_) buffers->narrow_inner = MakeRows(shape_.inner);
    if (is_int8_ || has_f32_attention_) buffers->narrow_context = MakeRows(shape_.stride);
    buffers->scratch.resize(members);
    return std::unique_ptr<Buffers>(std::move(buffers));
  }

  void Prepare(const RaggedBatch& batch, Buffers& base) const override {
    auto& buffers = static_cast<NarrowBuffers&>(base);
    buffers.qkv.Reserve(batch.rows() * shape_.qkv_stride * attention_bytes());
    buffers.context.Reserve(batch.rows() * shape_.stride * attention_bytes());
    const size_t longest = batch.longest();
    const size_t scratch = has_f32_attention_
                               ? AttentionScratchFloats(longest, shape_.head_width) * sizeof(float)
                               : narrow_.attention_scratch(longest, shape_.head_width);
    for (HugeBuffer& buffer : buffers.scratch) buffer.Reserve(scratch);
  }

  void Run(const RaggedBatch& batch, Buffers& base, ThreadTeam& team, size_t index,
           float* hidden) const override {
    const Member member{*this, static_cast<NarrowBuffers&>(base), team, index, hidden};
    Panels(batch.rows()).ForEach([&](size_t row, size_t rows) { member.Begin(row, rows); });
    for (size_t i = 0; i < layers_.size(); ++i) {
      const bool is_last = i + 1 == layers_.size();
      team.Meet();
      member.Attend(batch, is_last);
      team.Meet();
      size_t rows_left = batch.rows();
      if (is_last && !batch.wanted_rows.empty()) {
        if (index == 0) member.KeepWantedRows(batch);
        team.Meet();
        rows_left = batch.texts();
      }
      Panels(rows_left).ForEach([&](size_t row, size_t rows) {
        member.FeedForward(layers_[i], is_last ? nullptr : &layers_[i + 1], row, rows);
      });
    }
  }

  Status status(const Buffers&) const override { return OkStatus(); }

  size_t weight_bytes() const override {
    const size_t floats = shape_.qkv_stride + 2 * shape_.stride + up_outputs_ + 4 * shape_.width;
    return arena_.size() + layers_.size() * floats * sizeof(float) * (is_int8_ ? 3 : 1);
  }

 private:
  // One thread's part of a Run. Members meet where one reads what others have written.
  struct Member {
    const NarrowLayers& layers;
    NarrowBuffers& buffers;
    ThreadTeam& team;
    size_t index;
    float* all_hidden;

    const EncoderShape& shape() const { return layers.shape_; }
    Share OfRows(size_t rows) const { return {rows, index, team.size(), 1}; }
    Share OfPanels(const PackedWeights& weights) const {
      return {weights.outputs / kPanelOutputs, index, team.size(), 1};
    }
    float* hidden(size_t row) const { return all_hidden + row * shape().stride; }

    // Where this member begins to read weights.
    const std::byte* FirstPanel(const PackedWeights& weights) const {
      return weights.panels + OfPanels(weights).begin * weights.view().panel_bytes();
    }

    // This member's panels of a product.
    void Multiply(const PackedWeights& weights, const NarrowRows& x, size_t rows,
                  const PackedWeights* next, NarrowProduct product) const {
      const NarrowWeights view = weights.view();
      const Share panels = OfPanels(weights);
      product.x = x;
      product.rows = rows;
      product.weights = &view;
      product.panel_begin = panels.begin;
      product.panel_end = panels.end;
      product.next_panel = next == nullptr ? nullptr : FirstPanel(*next);
      layers.narrow_.multiply(product);
    }

    // Queries, keys and values of a layer from the narrowed rows of a panel.
    void MultiplyQkv(const Layer& layer, size_t row, size_t rows) const {
      const bool is_f32 = layers.has_f32_attention_;
      Multiply(layer.qkv, buffers.x.rows(), rows, &layer.attention_out,
               {.result = is_f32 ? NarrowResult::kF32 : NarrowResult::kBf16,
                .y = buffers.qkv.data() + row * shape().qkv_stride * layers.attention_bytes(),
                .y_stride = shape().qkv_stride});
    }

    // What precedes the attention of the first layer.
    void Begin(size_t row, size_t rows) const {
      const Share own = OfRows(rows);
      layers.narrow_.narrow_f32(hidden(row + own.begin), own.end - own.begin, shape().width,
                                shape().stride, buffers.x.rows(own.begin));
      team.Meet();
      MultiplyQkv(layers.layers_[0], row, rows);
      team.Meet();
    }

    void Attend(const RaggedBatch& batch, bool is_last) const {
      const Share heads(shape().heads, index, team.size(), 1);
      for (size_t i = 0; i < batch.texts(); ++i) {
        const Queries queries(batch, i, is_last);
        if (layers.has_f32_attention_) {
          AttendF32(batch.begins[i], batch.tokens(i), heads, queries);
        } else {
          AttendBf16(batch.begins[i], batch.tokens(i), heads, queries);
        }
      }
    }

    void AttendBf16(size_t row, size_t tokens, const Share& heads, const Queries& queries) const {
      Bf16* qkv = buffers.qkv.as<Bf16>() + row * shape().qkv_stride;
      if (!layers.rotary_.cosines.empty()) {
        for (const size_t part : {0, 1}) {
          layers.narrow_.rotate(
              {.row = qkv + part * shape().width + heads.begin * shape().head_width,
               .rows = tokens,
               .stride = shape().qkv_stride,
               .count = heads.end - heads.begin,
               .head_width = shape().head_width,
               .cosines = layers.rotary_.cosines.data(),
               .sines = layers.rotary_.sines.data()});
        }
      }
      layers.narrow_.attention({.qkv = qkv,
                                .out = buffers.context.as<Bf16>() + row * shape().stride,
                                .scratch = buffers.scratch[index].data(),
                                .tokens = tokens,
                                .width = shape().width,
                                .head_width = shape().head_width,
                                .qkv_stride = shape().qkv_stride,
                                .out_stride = shape().stride,
                                .head_begin = heads.begin,
                                .head_end = heads.end,
                                .query_begin = queries.begin,
                                .query_end = queries.end});
    }

    void AttendF32(size_t row, size_t tokens, const Share& heads, const Queries& queries) const {
      float* qkv = buffers.qkv.as<float>() + row * shape().qkv_stride;
      layers.rotary_.Turn(shape(), qkv, tokens, heads);
      layers.kernels_.attention({.qkv = qkv,
                                 .out = buffers.context.as<float>() + row * shape().stride,
                                 .scratch = buffers.scratch[index].as<float>(),
                                 .tokens = tokens,
                                 .width = shape().width,
                                 .heads = shape().heads,
                                 .qkv_stride = shape().qkv_stride,
                                 .out_stride = shape().stride,
                                 .head_begin = heads.begin,
                                 .head_end = heads.end,
                                 .query_begin = queries.begin,
                                 .query_end = queries.end});
    }

    // Moves the wanted row of each text to the row of the text's number.
    void KeepWantedRows(const RaggedBatch& batch) const {
      const size_t context_bytes = shape().stride * layers.attention_bytes();
      std::byte* context = buffers.context.data();
      for (size_t i = 0; i < batch.texts(); ++i) {
        const size_t row = batch.wanted_rows[i];
        std::memmove(hidden(i), hidden(row), shape().stride * sizeof(float));
        std::memmove(context + i * context_bytes, context + row * context_bytes, context_bytes);
      }
    }

    // The attention's rows as a product takes them.
    NarrowRows Context(size_t row, size_t rows) const {
      const size_t stride = shape().stride;
      if (!layers.is_int8_ && !layers.has_f32_attention_) {
        return {.values = buffers.context.as<Bf16>() + row * stride, .stride = stride};
      }
      const Share own = OfRows(rows);
      const NarrowRows to = buffers.narrow_context.rows(own.begin);
      if (layers.has_f32_attention_) {
        layers.narrow_.narrow_f32(buffers.context.as<float>() + (row + own.begin) * stride,
                                  own.end - own.begin, shape().width, stride, to);
      } else {
        layers.narrow_.narrow_bf16(buffers.context.as<Bf16>() + (row + own.begin) * stride,
                                   own.end - own.begin, shape().width, stride, to);
      }
      team.Meet();
      return buffers.narrow_context.rows();
    }

    // The same for what lies between the two products of the feed-forward part.
    NarrowRows Inner(size_t rows) const {
      if (!layers.is_int8_) {
        return {.values = buffers.inner.data(), .stride = shape().inner};
      }
      const Share own = OfRows(rows);
      layers.narrow_.narrow_bf16(buffers.inner.as<Bf16>() + own.begin * shape().inner,
                                 own.end - own.begin, shape().inner, shape().inner,
                                 buffers.narrow_inner.rows(own.begin));
      team.Meet();
      return buffers.narrow_inner.rows();
    }

    void Normalize(const LayerNormWeights& norm, size_t row, size_t rows) const {
      team.Meet();
      const Share own = OfRows(rows);
      layers.narrow_.layer_norm({.row = hidden(row + own.begin),
                                 .rows = own.end - own.begin,
                                 .width = shape().width,
                                 .stride = shape().stride,
                                 .gamma = norm.gamma.data(),
                                 .beta = norm.beta.data(),
                                 .epsilon = shape().epsilon,
                                 .narrow = buffers.x.rows(own.begin)});
      team.Meet();
    }

    // What follows attention, up to the queries, keys and values of the next layer.
    void FeedForward(const Layer& layer, const Layer* next, size_t row, size_t rows) const {
      const NarrowProduct add{
          .result = NarrowResult::kAddF32, .y = hidden(row), .y_stride = shape().stride};
      Multiply(layer.attention_out, Context(row, rows), rows, &layer.up, add);
      Normalize(layer.attention_norm, row, rows);
      Multiply(
          layer.up, buffers.x.rows(), rows, &layer.down,
          {.result = shape().activation == Activation::kSwiGlu ? NarrowResult::kSwiGlu
                                                               : NarrowResult::kGelu,
           .table = shape().activation == Activation::kGeluErf ? &GeluErfTable() : &GeluTanhTable(),
           .y = buffers.inner.data(),
           .y_stride = shape().inner});
      team.Meet();
      Multiply(layer.down, Inner(rows), rows, next == nullptr ? nullptr : &next->qkv, add);
      Normalize(layer.output_norm, row, rows);
      if (next != nullptr) MultiplyQkv(*next, row, rows);
    }
  };

  size_t attention_bytes() const { return has_f32_attention_ ? sizeof(float) : sizeof(Bf16); }

  // Rows of a panel as products take them.
  RowBuffer MakeRows(size_t stride) const {
    RowBuffer buffer{
        .values = HugeBuffer(kPanelRows * stride * (is_int8_ ? sizeof(uint8_t) : sizeof(Bf16))),
        .stride = stride,
        .value_bytes = is_int8_ ? sizeof(uint8_t) : sizeof(Bf16),
        .scales = {},
        .zeros = {}};
    if (is_int8_) {
      buffer.scales.resize(kPanelRows);
      buffer.zeros.resize(kPanelRows);
    }
    return buffer;
  }

  PackedWeights PackLinear(const PlainLinear& linear, size_t inputs, size_t outputs) {
    PlainLinear padded = PadLinear(linear, inputs, outputs);
    return is_int8_ ? arena_.PackInt8(std::move(padded)) : arena_.PackBf16(std::move(padded));
  }

  // In the order in which they are used, which is that in which they are fetched ahead.
  Layer Pack(LayerWeights weights) {
    // Attention in bf16 takes powers of two.
    const double root = std::sqrt(static_cast<double>(shape_.head_width));
    ScaleQueries(weights.qkv, shape_.width,
                 static_cast<float>((has_f32_attention_ ? 1 : kLog2E) / root));
    PlainLinear up = PadLinear(weights.up, shape_.stride, shape_.inner);
    if (weights.gate.has_value()) {
      up = InterleaveGate(up, PadLinear(*weights.gate, shape_.stride, shape_.inner));
    }
    Layer layer;
    layer.qkv = PackLinear(weights.qkv, shape_.stride, shape_.qkv_stride);
    layer.attention_out = PackLinear(weights.attention_out, shape_.stride, shape_.stride);
    layer.attention_norm = std::move(weights.attention_norm);
    layer.up = PackLinear(up, shape_.stride, up_outputs_);
    layer.down = PackLinear(weights.down, shape_.inner, shape_.stride);
    layer.output_norm = std::move(weights.output_norm);
    return layer;
  }

  const EncoderShape shape_;
  const bool is_int8_;
  const bool has_f32_attention_;
  const EncoderKernels& kernels_;
  const NarrowKernels& narrow_;
  const RotaryTable rotary_;
  const size_t up_outputs_;
  WeightArena arena_;
  std::vector<Layer> layers_;
};

}  // namespace

Result<std::unique_ptr<EncoderLayers>> LoadNarrowLayers(const ModelConfig& config,
                                                        ModelReader& reader, Precision precision,
                                                        const EncoderKernels& kernels) {
  auto layers = std::make_unique<NarrowLayers>(config, precision, kernels);
  TRY(layers->Load(reader));
  return std::unique_ptr<EncoderLayers>(std::move(layers));
}

}  // namespace lakehouse::ai
