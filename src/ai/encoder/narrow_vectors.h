// What the kernels for AVX512-BF16 share. Included by them alone: everything is in an unnamed
// namespace, so that code compiled for one instruction set is never linked into another.
#pragma once

// GCC 12 takes its own undefined vectors for mistakes (GCC bug 105593).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

#include <cstddef>
#include <cstdint>

#include <immintrin.h>

#include "ai/encoder/narrow_kernels.h"

namespace lakehouse::ai {
namespace {

inline __m512bh LoadBf16(const void* from) { return (__m512bh)_mm512_loadu_si512(from); }

// The same 4 bytes, a pair of bf16 or four 8-bit numbers, in every lane.
inline __m512i BroadcastWord(const void* from) {
  int word;
  __builtin_memcpy(&word, from, sizeof(word));
  return _mm512_set1_epi32(word);
}

// 16 bf16 to floats.
inline __m512 WidenBf16(const void* from) {
  const __m256i narrow = _mm256_loadu_si256(static_cast<const __m256i*>(from));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(narrow), 16));
}

// 32 floats to bf16, those of `low` first.
inline void StoreBf16(void* to, __m512 low, __m512 high) {
  _mm512_storeu_si512(to, (__m512i)_mm512_cvtne2ps_pbh(high, low));
}
inline void StoreBf16(void* to, __m512 values) {
  _mm256_storeu_si256(static_cast<__m256i*>(to), (__m256i)_mm512_cvtneps_pbh(values));
}

// 2^x with a relative error of 8e-5; 0 far below.
inline __m512 Exp2(__m512 x) {
  const __m512 whole = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m512 r = _mm512_sub_ps(x, whole);
  __m512 p = _mm512_set1_ps(0.05517167F);
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.24261112F));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.69326099F));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.99992807F));
  return _mm512_scalef_ps(p, whole);
}

}  // namespace
}  // namespace lakehouse::ai
