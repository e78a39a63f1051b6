// The arithmetic that an encoder multiplies in.
#pragma once

namespace lakehouse::ai {

enum class Precision {
  kF32,
  kBf16,              // Products of bf16, sums, residuals and norms in f32.
  kBf16F32Attention,  // As above, with attention in f32.
  kInt8,              // Products of 8-bit integers with a scale per token and per output.
};

}  // namespace lakehouse::ai
