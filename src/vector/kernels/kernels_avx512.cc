// This file is compiled for AVX-512. It includes nothing with inline functions that another file
// could share, because the linker may keep this file's copy of them.
#include <immintrin.h>

#include "vector/kernels/kernels.h"

namespace lakehouse::vector::kernels {

namespace {

// The unmasked extract leaves GCC 12 with a false warning about an undefined register.
template <int kHalf>
inline __m256 HalfOf(__m512 lanes) {
  return _mm512_maskz_extractf32x8_ps(0xff, lanes, kHalf);
}

inline float Fold(__m512 lanes) {
  const __m256 eight = _mm256_add_ps(HalfOf<0>(lanes), HalfOf<1>(lanes));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

struct DotStep {
  static __m512 Apply(__m512 query, __m512 row, __m512 sum) {
    return _mm512_fmadd_ps(query, row, sum);
  }
};

struct SquaredL2Step {
  static __m512 Apply(__m512 query, __m512 row, __m512 sum) {
    const __m512 difference = _mm512_sub_ps(query, row);
    return _mm512_fmadd_ps(difference, difference, sum);
  }
};

// Handles kRows rows at once: independent sums hide the latency of the multiply-add.
template <typename Step, size_t kRows>
inline void ScoreRows(const float* query, const float* rows, size_t width, float* out) {
  __m512 lanes[kRows];
  for (size_t r = 0; r < kRows; ++r) lanes[r] = _mm512_setzero_ps();
  for (size_t i = 0; i < width; i += kLanes) {
    const __m512 query_step = _mm512_loadu_ps(query + i);
    for (size_t r = 0; r < kRows; ++r) {
      lanes[r] = Step::Apply(query_step, _mm512_loadu_ps(rows + r * width + i), lanes[r]);
    }
  }
  for (size_t r = 0; r < kRows; ++r) out[r] = Fold(lanes[r]);
}

template <typename Step>
void ScoreBlock(const float* query, const float* rows, size_t count, size_t width, float* out) {
  constexpr size_t kRows = 8;
  size_t r = 0;
  for (; r + kRows <= count; r += kRows) {
    ScoreRows<Step, kRows>(query, rows + r * width, width, out + r);
  }
  for (; r < count; ++r) ScoreRows<Step, 1>(query, rows + r * width, width, out + r);
}

bool IsSupported() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
}

}  // namespace

const KernelSet kAvx512Kernels = {"avx512", IsSupported, ScoreBlock<DotStep>,
                                  ScoreBlock<SquaredL2Step>};

}  // namespace lakehouse::vector::kernels
