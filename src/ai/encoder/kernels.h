// The vector code of the encoder that is not matrix multiplication, once per instruction set.
#pragma once

#include <cstddef>
#include <span>

namespace lakehouse::ai {

// The attention of one text. `qkv` has a row of 3 * width floats for each token: queries, keys and
// values of every head; queries are scaled already. `out` has rows of `width` floats. `scratch` has
// AttentionScratchFloats() floats. Widths of heads are multiples of 16.
struct AttentionInput {
  const float* qkv = nullptr;
  float* out = nullptr;
  float* scratch = nullptr;
  size_t tokens = 0;
  size_t width = 0;
  size_t heads = 0;
};

// Floats of scratch that attention over `tokens` tokens with heads of `head_width` needs.
size_t AttentionScratchFloats(size_t tokens, size_t head_width);

// One instruction set. The functions are pure, and every row's result depends on its own text only.
struct EncoderKernels {
  const char* name;
  bool (*supported)();

  // row[i] = layer_norm(row[i] + residual[i]) over `width` floats, a multiple of 16, for each of
  // `rows` rows that follow each other.
  void (*add_layer_norm)(float* row, const float* residual, size_t rows, size_t width,
                         const float* gamma, const float* beta, float epsilon);
  // GELU in place over `count` floats, a multiple of 16: with the error function (Hendrycks and
  // Gimpel, 2016), absolute error below 1e-6 times |x|, or its tanh approximation.
  void (*gelu_erf)(float* values, size_t count);
  void (*gelu_tanh)(float* values, size_t count);
  // Softmax attention over all tokens of one text, for every head.
  void (*attention)(const AttentionInput& input);
};

extern const EncoderKernels kScalarEncoderKernels;
extern const EncoderKernels kAvx2EncoderKernels;
extern const EncoderKernels kAvx512EncoderKernels;

// Every implementation, the fastest first; the last runs on any machine.
std::span<const EncoderKernels* const> AllEncoderKernels();
// The fastest that this machine supports.
const EncoderKernels& BestEncoderKernels();

}  // namespace lakehouse::ai
