#include "ai/encoder/narrow_kernels.h"

#include <cmath>

#include "ai/encoder/narrow_avx512_bf16.h"

namespace lakehouse::ai {
namespace {

// Interpolates r at the zeros of the third Chebyshev polynomial, which is close to the best
// parabola of each interval.
template <typename Rest>
ActivationTable MakeTable(Rest rest) {
  ActivationTable table;
  for (int i = 0; i < 16; ++i) {
    const double low = i == 0 ? 0 : (i - 0.5) * ActivationTable::kStep;
    const double high = (i + 0.5) * ActivationTable::kStep;
    double x[3];
    for (int k = 0; k < 3; ++k) {
      x[k] = (low + high) / 2 + (high - low) / 2 * std::cos((2 * k + 1) * M_PI / 6);
    }
    // Near zero the relative error counts: the parabola goes through it.
    if (i == 0) x[0] = 0;
    // Divided differences, then powers of x.
    const double first = (rest(x[1]) - rest(x[0])) / (x[1] - x[0]);
    const double other = (rest(x[2]) - rest(x[1])) / (x[2] - x[1]);
    const double second = (other - first) / (x[2] - x[0]);
    table.c2[i] = static_cast<float>(second);
    table.c1[i] = static_cast<float>(first - second * (x[0] + x[1]));
    table.c0[i] = static_cast<float>(rest(x[0]) - first * x[0] + second * x[0] * x[1]);
  }
  return table;
}

bool Supported() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vnni") &&
         __builtin_cpu_supports("fma");
}

}  // namespace

const ActivationTable& GeluErfTable() {
  static const ActivationTable kTable =
      MakeTable([](double a) { return a * 0.5 * std::erfc(a / std::sqrt(2.0)); });
  return kTable;
}

const ActivationTable& GeluTanhTable() {
  static const ActivationTable kTable = MakeTable([](double a) {
    return a * 0.5 * (1 - std::tanh(std::sqrt(2 / M_PI) * (a + 0.044715 * a * a * a)));
  });
  return kTable;
}

constexpr NarrowKernels kAvx512NarrowKernels = {
    .supported = Supported,
    .multiply = avx512_bf16::MultiplyNarrow,
    .layer_norm = avx512_bf16::NormalizeLayer,
    .narrow_f32 = avx512_bf16::NarrowF32,
    .narrow_bf16 = avx512_bf16::NarrowBf16,
    .attention = avx512_bf16::Attend,
    .attention_scratch = avx512_bf16::AttentionScratch,
    .rotate = avx512_bf16::Rotate,
};

}  // namespace lakehouse::ai
