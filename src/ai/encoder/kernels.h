// The vector code of the encoder that is not matrix multiplication, once per instruction set.
#pragma once

#include <cstddef>
#include <span>

namespace lakehouse::ai {

struct NarrowKernels;

// row[i] = layer_norm(row[i] + residual[i]) over the first `width` floats, a multiple of 16, of
// `rows` rows that are `stride` floats apart, as those of `residual` are.
struct LayerNormInput {
  float* row = nullptr;
  const float* residual = nullptr;  // Null: nothing is added.
  size_t rows = 0;
  size_t width = 0;
  size_t stride = 0;
  const float* gamma = nullptr;
  const float* beta = nullptr;
  float epsilon = 0;
};

// The attention of some heads and queries of one text. `qkv` has a row of at least 3 * width floats
// for each token: queries, keys and values of every head; queries are scaled already. `out` has
// rows of at least `width` floats. `scratch` has AttentionScratchFloats() floats. Widths of heads
// are multiples of 16.
struct AttentionInput {
  const float* qkv = nullptr;
  float* out = nullptr;
  float* scratch = nullptr;
  size_t tokens = 0;
  size_t width = 0;
  size_t heads = 0;
  size_t qkv_stride = 0;
  size_t out_stride = 0;
  size_t head_begin = 0;
  size_t head_end = 0;
  size_t query_begin = 0;
  size_t query_end = 0;
};

// Floats of scratch that attention over `tokens` tokens with heads of `head_width` needs.
size_t AttentionScratchFloats(size_t tokens, size_t head_width);

// y = x W^T + b for one row: `weights` has a row of `outputs` floats for each input.
struct VectorProduct {
  const float* x = nullptr;
  const float* weights = nullptr;
  const float* bias = nullptr;
  float* y = nullptr;
  size_t inputs = 0;
  size_t outputs = 0;
};

// One instruction set. The functions are pure, and every row's result depends on its own text only.
struct EncoderKernels {
  const char* name;
  bool (*supported)();

  void (*add_layer_norm)(const LayerNormInput& input);
  // GELU in place over `count` floats, a multiple of 16: with the error function (Hendrycks and
  // Gimpel, 2016), absolute error below 1e-6 times |x|, or its tanh approximation.
  void (*gelu_erf)(float* values, size_t count);
  void (*gelu_tanh)(float* values, size_t count);
  // x * y / (1 + e^-y), where y lies `width` floats behind x: rows of 2 * `width` floats, a
  // multiple of 16, become rows of `width` floats.
  void (*swiglu)(float* values, size_t rows, size_t width);
  // Softmax attention over all tokens of one text.
  void (*attention)(const AttentionInput& input);
  void (*multiply_vector)(const VectorProduct& product);

  // What computes in bf16 and int8; null where the instruction set has nothing for it.
  const NarrowKernels* narrow;
};

extern const EncoderKernels kScalarEncoderKernels;
extern const EncoderKernels kAvx2EncoderKernels;
extern const EncoderKernels kAvx512EncoderKernels;

// Every implementation, the fastest first; the last runs on any machine.
std::span<const EncoderKernels* const> AllEncoderKernels();
// The fastest that this machine supports.
const EncoderKernels& BestEncoderKernels();

}  // namespace lakehouse::ai
