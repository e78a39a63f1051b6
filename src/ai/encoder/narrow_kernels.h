// The kernels of an encoder that multiplies in bf16 or int8. Everything else stays in 32-bit
// floats.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lakehouse::ai {

using Bf16 = uint16_t;

// Weights lie in panels of this many outputs. For every 4 bytes of inputs (2 of bf16, 4 of int8) a
// panel has those inputs' weights to its first output, then to the next one, and so on.
inline constexpr size_t kPanelOutputs = 64;

// What a gated unit multiplies by x, or x itself: f(x) = max(x, 0) - r(|x|), where r falls to zero.
// r is a parabola c0 + c1 a + c2 a^2 on each of 16 intervals, the i-th being that of the numbers
// that are nearest to i * kStep.
struct ActivationTable {
  static constexpr float kStep = 0.27F;
  float c0[16];
  float c1[16];
  float c2[16];
};

// GELU with the error function, or its tanh approximation; absolute error below 1e-4.
const ActivationTable& GeluErfTable();
const ActivationTable& GeluTanhTable();

// Rows that are multiplied: bf16, or 8-bit numbers of which `scale * (value - zero)` is meant.
struct NarrowRows {
  void* values = nullptr;
  size_t stride = 0;        // In values.
  float* scales = nullptr;  // One per row; null: bf16.
  float* zeros = nullptr;

  bool is_int8() const { return scales != nullptr; }
};

// The weights of one layer. Rows of x as wide as `inputs`, a multiple of kPanelOutputs, as is the
// number of outputs.
struct NarrowWeights {
  const std::byte* panels = nullptr;
  size_t inputs = 0;
  size_t outputs = 0;
  const float* bias = nullptr;
  // Of int8: the meaning of a weight is that times its output's scale. `sums` are those of all
  // weights of an output, scaled.
  const float* scales = nullptr;
  const float* sums = nullptr;

  bool is_int8() const { return scales != nullptr; }
  size_t panel_bytes() const {
    return inputs * kPanelOutputs * (is_int8() ? sizeof(int8_t) : sizeof(Bf16));
  }
};

enum class NarrowResult {
  kBf16,    // y = W x + b
  kF32,     // The same in f32.
  kAddF32,  // y += W x + b, in f32.
  kGelu,    // y = gelu(W x + b), by `table`, in bf16.
  kSwiGlu,  // y = u * silu(g), in bf16: of each panel, the first half is u and the second g.
};

// y = f(W x) for some panels of W. A row's result depends neither on the other rows nor on how
// panels are shared out.
struct NarrowProduct {
  NarrowRows x;
  size_t rows = 0;
  const NarrowWeights* weights = nullptr;
  size_t panel_begin = 0;
  size_t panel_end = 0;
  // Where the caller's next product begins to read weights, or null: fetched ahead.
  const std::byte* next_panel = nullptr;
  NarrowResult result = NarrowResult::kBf16;
  const ActivationTable* table = nullptr;
  void* y = nullptr;
  size_t y_stride = 0;  // In values.
};

// rows[i] = layer_norm(rows[i]) over the first `width` floats, a multiple of 16, and the same
// narrowed.
struct NarrowLayerNorm {
  float* row = nullptr;
  size_t rows = 0;
  size_t width = 0;
  size_t stride = 0;
  const float* gamma = nullptr;
  const float* beta = nullptr;
  float epsilon = 0;
  NarrowRows narrow;
};

// Softmax attention of some heads and queries of one text. `qkv` has a row for each token: queries,
// keys and values of every head. Queries are scaled so that weights are powers of two. `scratch`
// is aligned to 64 bytes and has attention_scratch() bytes. Widths of heads are multiples of
// 16.
struct NarrowAttention {
  const Bf16* qkv = nullptr;
  Bf16* out = nullptr;
  std::byte* scratch = nullptr;
  size_t tokens = 0;
  size_t width = 0;
  size_t head_width = 0;
  size_t qkv_stride = 0;
  size_t out_stride = 0;
  size_t head_begin = 0;
  size_t head_end = 0;
  size_t query_begin = 0;
  size_t query_end = 0;
};

// Rotary positions (Su et al., 2021): turns the first `count` heads of each row. The tables have
// head_width / 2 values for each position, of which the first row has the first.
struct NarrowRotation {
  Bf16* row = nullptr;
  size_t rows = 0;
  size_t stride = 0;
  size_t count = 0;
  size_t head_width = 0;
  const float* cosines = nullptr;
  const float* sines = nullptr;
};

// One instruction set. The functions are pure.
struct NarrowKernels {
  bool (*supported)();

  // Of bf16 or int8, as x and the weights are.
  void (*multiply)(const NarrowProduct& product);
  void (*layer_norm)(const NarrowLayerNorm& input);
  // Narrows rows of `width` values, a multiple of 16, that are `stride` values apart.
  void (*narrow_f32)(const float* from, size_t rows, size_t width, size_t stride,
                     const NarrowRows& to);
  // To int8.
  void (*narrow_bf16)(const Bf16* from, size_t rows, size_t width, size_t stride,
                      const NarrowRows& to);
  void (*attention)(const NarrowAttention& input);
  size_t (*attention_scratch)(size_t tokens, size_t head_width);
  void (*rotate)(const NarrowRotation& input);
};

extern const NarrowKernels kAvx512NarrowKernels;

}  // namespace lakehouse::ai
