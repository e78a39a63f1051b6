// This file is compiled for AVX2 and FMA. It includes nothing with inline functions that another
// file could share, because the linker may keep this file's copy of them.
#include <immintrin.h>

#include "vector/kernels/kernels.h"

namespace lakehouse::vector::kernels {

namespace {

// The kLanes accumulators of one row.
struct Lanes {
  __m256 low = _mm256_setzero_ps();
  __m256 high = _mm256_setzero_ps();
};

inline float Fold(const Lanes& lanes) {
  const __m256 eight = _mm256_add_ps(lanes.low, lanes.high);
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

struct DotStep {
  static __m256 Apply(__m256 query, __m256 row, __m256 sum) {
    return _mm256_fmadd_ps(query, row, sum);
  }
};

struct SquaredL2Step {
  static __m256 Apply(__m256 query, __m256 row, __m256 sum) {
    const __m256 difference = _mm256_sub_ps(query, row);
    return _mm256_fmadd_ps(difference, difference, sum);
  }
};

// Handles kRows rows at once: independent sums hide the latency of the multiply-add.
template <typename Step, size_t kRows>
inline void ScoreRows(const float* query, const float* rows, size_t width, float* out) {
  Lanes lanes[kRows];
  for (size_t i = 0; i < width; i += kLanes) {
    const __m256 query_low = _mm256_loadu_ps(query + i);
    const __m256 query_high = _mm256_loadu_ps(query + i + 8);
    for (size_t r = 0; r < kRows; ++r) {
      const float* row = rows + r * width + i;
      lanes[r].low = Step::Apply(query_low, _mm256_loadu_ps(row), lanes[r].low);
      lanes[r].high = Step::Apply(query_high, _mm256_loadu_ps(row + 8), lanes[r].high);
    }
  }
  for (size_t r = 0; r < kRows; ++r) out[r] = Fold(lanes[r]);
}

template <typename Step>
void ScoreBlock(const float* query, const float* rows, size_t count, size_t width, float* out) {
  constexpr size_t kRows = 4;
  size_t r = 0;
  for (; r + kRows <= count; r += kRows) {
    ScoreRows<Step, kRows>(query, rows + r * width, width, out + r);
  }
  for (; r < count; ++r) ScoreRows<Step, 1>(query, rows + r * width, width, out + r);
}

bool IsSupported() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

}  // namespace

const KernelSet kAvx2Kernels = {"avx2", IsSupported, ScoreBlock<DotStep>,
                                ScoreBlock<SquaredL2Step>};

}  // namespace lakehouse::vector::kernels
