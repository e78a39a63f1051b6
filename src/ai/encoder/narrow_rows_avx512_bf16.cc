// Row-wise kernels: layer norm, narrowing, rotation.
#include "ai/encoder/narrow_avx512_bf16.h"
#include "ai/encoder/narrow_vectors.h"

namespace lakehouse::ai {
namespace {

constexpr size_t kLanes = 16;

// Reads 16 values of a row as floats.
__m512 Load(const float* from) { return _mm512_loadu_ps(from); }
__m512 Load(const Bf16* from) { return WidenBf16(from); }

// The smallest and the largest value of a row.
struct Range {
  void Add(__m512 values) {
    low = _mm512_min_ps(low, values);
    high = _mm512_max_ps(high, values);
  }
  __m512 low = _mm512_setzero_ps();
  __m512 high = _mm512_setzero_ps();
};

// Writes a row as 8-bit numbers of even steps from its smallest value, or zero, to its largest.
template <typename Value>
void QuantizeRow(const Value* from, size_t width, const Range& range, uint8_t* to, float* scale,
                 float* zero) {
  const float low = _mm512_reduce_min_ps(range.low);
  const float high = _mm512_reduce_max_ps(range.high);
  const float step = (high - low) / 255;
  const float steps_per_one = step > 0 ? 1 / step : 0;
  *scale = step;
  *zero = __builtin_rintf(-low * steps_per_one);
  const __m512 factor = _mm512_set1_ps(steps_per_one);
  const __m512 offset = _mm512_set1_ps(*zero);
  for (size_t i = 0; i < width; i += kLanes) {
    const __m512i steps = _mm512_cvtps_epi32(_mm512_fmadd_ps(Load(from + i), factor, offset));
    // Rounding may give one less than 0 or one more than 255.
    const __m128i bytes = _mm512_cvtusepi32_epi8(_mm512_max_epi32(steps, _mm512_setzero_si512()));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i), bytes);
  }
}

template <typename Value>
void NarrowToInt8(const Value* from, size_t rows, size_t width, size_t stride,
                  const NarrowRows& to) {
  for (size_t r = 0; r < rows; ++r, from += stride) {
    Range range;
    for (size_t i = 0; i < width; i += kLanes) range.Add(Load(from + i));
    QuantizeRow(from, width, range, static_cast<uint8_t*>(to.values) + r * to.stride, to.scales + r,
                to.zeros + r);
  }
}

// The sum over a row of what `add` adds, in four chains of additions.
template <typename Add>
float SumRow(const float* row, size_t width, Add add) {
  __m512 a = _mm512_setzero_ps();
  __m512 b = a;
  __m512 c = a;
  __m512 d = a;
  size_t i = 0;
  for (; i + 4 * kLanes <= width; i += 4 * kLanes) {
    a = add(a, _mm512_loadu_ps(row + i));
    b = add(b, _mm512_loadu_ps(row + i + kLanes));
    c = add(c, _mm512_loadu_ps(row + i + 2 * kLanes));
    d = add(d, _mm512_loadu_ps(row + i + 3 * kLanes));
  }
  for (; i < width; i += kLanes) a = add(a, _mm512_loadu_ps(row + i));
  return _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(a, b), _mm512_add_ps(c, d)));
}

}  // namespace

namespace avx512_bf16 {

void NormalizeLayer(const NarrowLayerNorm& input) {
  const size_t width = input.width;
  const NarrowRows& to = input.narrow;
  for (size_t r = 0; r < input.rows; ++r) {
    float* row = input.row + r * input.stride;
    const float sum = SumRow(
        row, width, [](__m512 total, __m512 values) { return _mm512_add_ps(total, values); });
    const __m512 mean = _mm512_set1_ps(sum / static_cast<float>(width));
    const float squares = SumRow(row, width, [mean](__m512 total, __m512 values) {
      const __m512 deviation = _mm512_sub_ps(values, mean);
      return _mm512_fmadd_ps(deviation, deviation, total);
    });
    const float variance = squares / static_cast<float>(width);
    const __m512 scale = _mm512_set1_ps(1.0F / __builtin_sqrtf(variance + input.epsilon));
    Range range;
    Bf16* narrow = static_cast<Bf16*>(to.values) + r * to.stride;
    const auto normalize = [&](size_t i) {
      const __m512 deviation = _mm512_mul_ps(_mm512_sub_ps(_mm512_loadu_ps(row + i), mean), scale);
      const __m512 y = _mm512_fmadd_ps(deviation, _mm512_loadu_ps(input.gamma + i),
                                       _mm512_loadu_ps(input.beta + i));
      _mm512_storeu_ps(row + i, y);
      return y;
    };
    if (to.is_int8()) {
      for (size_t i = 0; i < width; i += kLanes) range.Add(normalize(i));
      QuantizeRow(row, width, range, static_cast<uint8_t*>(to.values) + r * to.stride,
                  to.scales + r, to.zeros + r);
    } else {
      size_t i = 0;
      for (; i + 2 * kLanes <= width; i += 2 * kLanes) {
        const __m512 low = normalize(i);
        StoreBf16(narrow + i, low, normalize(i + kLanes));
      }
      if (i < width) StoreBf16(narrow + i, normalize(i));
    }
  }
}

void NarrowF32(const float* from, size_t rows, size_t width, size_t stride, const NarrowRows& to) {
  if (to.is_int8()) {
    NarrowToInt8(from, rows, width, stride, to);
    return;
  }
  for (size_t r = 0; r < rows; ++r) {
    Bf16* out = static_cast<Bf16*>(to.values) + r * to.stride;
    for (size_t i = 0; i < width; i += kLanes) {
      StoreBf16(out + i, _mm512_loadu_ps(from + r * stride + i));
    }
  }
}

void NarrowBf16(const Bf16* from, size_t rows, size_t width, size_t stride, const NarrowRows& to) {
  NarrowToInt8(from, rows, width, stride, to);
}

void Rotate(const NarrowRotation& input) {
  const size_t half = input.head_width / 2;  // A multiple of 8.
  for (size_t r = 0; r < input.rows; ++r) {
    const float* cosines = input.cosines + r * half;
    const float* sines = input.sines + r * half;
    Bf16* head = input.row + r * input.stride;
    for (size_t h = 0; h < input.count; ++h, head += input.head_width) {
      for (size_t i = 0; i < half; i += 8) {
        const auto widen = [](const Bf16* from) {
          const __m128i narrow = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
          return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(narrow), 16));
        };
        const auto store = [](Bf16* to, __m256 values) {
          _mm_storeu_si128(reinterpret_cast<__m128i*>(to), (__m128i)_mm256_cvtneps_pbh(values));
        };
        const __m256 x = widen(head + i);
        const __m256 y = widen(head + half + i);
        const __m256 cosine = _mm256_loadu_ps(cosines + i);
        const __m256 sine = _mm256_loadu_ps(sines + i);
        store(head + i, _mm256_fmsub_ps(x, cosine, _mm256_mul_ps(y, sine)));
        store(head + half + i, _mm256_fmadd_ps(y, cosine, _mm256_mul_ps(x, sine)));
      }
    }
  }
}

}  // namespace avx512_bf16
}  // namespace lakehouse::ai
