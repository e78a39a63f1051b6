// The algorithms behind EncoderKernels, written over a vector type. Included by one file per
// instruction set; everything is in an unnamed namespace, so that code compiled for one set is
// never linked into another, and no header with inline functions of its own comes in.
//
// A vector type V has kLanes, kQueryRows (rows of attention that its registers hold), Reg, and the
// operations used below; Fma(a, b, c) is a * b + c.
#pragma once

#include <cstddef>

#include "ai/encoder/kernels.h"

namespace lakehouse::ai {
namespace {
namespace kernels_body {

// Keys are padded to this, which two vectors of every kind divide.
constexpr size_t kKeyBlock = 32;
constexpr size_t kMaxQueryRows = 8;

constexpr size_t PaddedKeys(size_t tokens) {
  return (tokens + kKeyBlock - 1) / kKeyBlock * kKeyBlock;
}

// Keys transposed, values, and the scores of one block of queries.
constexpr size_t ScratchFloats(size_t tokens, size_t head_width) {
  return PaddedKeys(tokens) * (2 * head_width + kMaxQueryRows);
}

// e^x for x up to 88; below -87 the result is that at -87, about 1e-38. Relative error 1e-7: the
// Taylor polynomial of degree 7 on [-ln 2 / 2, ln 2 / 2].
template <typename V>
typename V::Reg Exp(typename V::Reg x) {
  x = V::Min(V::Max(x, V::Set(-87.0F)), V::Set(88.0F));
  const typename V::Reg n = V::Round(V::Mul(x, V::Set(1.44269504F)));
  // ln 2 in two parts, so that the remainder is exact to the last bit.
  typename V::Reg r = V::Fma(n, V::Set(-0.693359375F), x);
  r = V::Fma(n, V::Set(2.12194440e-4F), r);
  typename V::Reg p = V::Set(1.0F / 5040);
  p = V::Fma(p, r, V::Set(1.0F / 720));
  p = V::Fma(p, r, V::Set(1.0F / 120));
  p = V::Fma(p, r, V::Set(1.0F / 24));
  p = V::Fma(p, r, V::Set(1.0F / 6));
  p = V::Fma(p, r, V::Set(0.5F));
  p = V::Fma(p, r, V::Set(1.0F));
  p = V::Fma(p, r, V::Set(1.0F));
  return V::ScaleByPowerOf2(p, n);
}

// The error function as x * P(x^2) / Q(x^2), a minimax fit on [-3.9, 3.9], beyond which it is 1 to
// single precision. Absolute error 4e-7.
template <typename V>
typename V::Reg Erf(typename V::Reg x) {
  x = V::Min(V::Max(x, V::Set(-3.9F)), V::Set(3.9F));
  const typename V::Reg s = V::Mul(x, x);
  typename V::Reg p = V::Set(2.05039077627589e-06F);
  p = V::Fma(p, s, V::Set(0.00028745620511472225F));
  p = V::Fma(p, s, V::Set(0.0038368406239897013F));
  p = V::Fma(p, s, V::Set(0.05296681076288223F));
  p = V::Fma(p, s, V::Set(0.19194021821022034F));
  p = V::Fma(p, s, V::Set(1.128378987312317F));
  typename V::Reg q = V::Set(3.823072256636806e-05F);
  q = V::Fma(q, s, V::Set(0.0011817252961918712F));
  q = V::Fma(q, s, V::Set(0.015109134837985039F));
  q = V::Fma(q, s, V::Set(0.11475787311792374F));
  q = V::Fma(q, s, V::Set(0.5034343600273132F));
  q = V::Fma(q, s, V::Set(1.0F));
  return V::Div(V::Mul(x, p), q);
}

template <typename V>
void GeluErf(float* values, size_t count) {
  for (size_t i = 0; i < count; i += V::kLanes) {
    const typename V::Reg x = V::Load(values + i);
    const typename V::Reg half = V::Mul(x, V::Set(0.5F));
    V::Store(values + i, V::Fma(half, Erf<V>(V::Mul(x, V::Set(0.70710678F))), half));
  }
}

// x / (1 + e^(-2 y)) equals 0.5 x (1 + tanh y).
template <typename V>
void GeluTanh(float* values, size_t count) {
  for (size_t i = 0; i < count; i += V::kLanes) {
    const typename V::Reg x = V::Load(values + i);
    const typename V::Reg cube = V::Mul(V::Mul(x, x), x);
    const typename V::Reg y = V::Mul(V::Set(0.7978845608F), V::Fma(cube, V::Set(0.044715F), x));
    const typename V::Reg denominator = V::Add(V::Set(1.0F), Exp<V>(V::Mul(y, V::Set(-2.0F))));
    V::Store(values + i, V::Div(x, denominator));
  }
}

template <typename V>
void AddLayerNorm(float* row, const float* residual, size_t rows, size_t width, const float* gamma,
                  const float* beta, float epsilon) {
  const float inverse_width = 1.0F / static_cast<float>(width);
  for (const float* end = row + rows * width; row != end; row += width, residual += width) {
    typename V::Reg sum = V::Set(0);
    for (size_t i = 0; i < width; i += V::kLanes) {
      const typename V::Reg x = V::Add(V::Load(row + i), V::Load(residual + i));
      V::Store(row + i, x);
      sum = V::Add(sum, x);
    }
    const typename V::Reg mean = V::Set(V::Sum(sum) * inverse_width);
    typename V::Reg squares = V::Set(0);
    for (size_t i = 0; i < width; i += V::kLanes) {
      const typename V::Reg deviation = V::Sub(V::Load(row + i), mean);
      squares = V::Fma(deviation, deviation, squares);
    }
    const float variance = V::Sum(squares) * inverse_width;
    const typename V::Reg scale = V::Set(1.0F / __builtin_sqrtf(variance + epsilon));
    for (size_t i = 0; i < width; i += V::kLanes) {
      const typename V::Reg deviation = V::Mul(V::Sub(V::Load(row + i), mean), scale);
      V::Store(row + i, V::Fma(deviation, V::Load(gamma + i), V::Load(beta + i)));
    }
  }
}

// One head of one text.
struct Head {
  const float* queries;  // Rows `stride` apart.
  float* out;            // Rows `width` apart.
  const float* keys;     // Transposed: head_width rows of padded_keys floats.
  const float* values;   // Rows of head_width floats.
  float* scores;         // Rows of padded_keys floats.
  size_t stride;
  size_t width;
  size_t head_width;
  size_t tokens;
  size_t padded_keys;
};

template <typename V, size_t kRows>
void ComputeScores(const Head& head, const float* queries) {
  for (size_t j = 0; j < head.padded_keys; j += 2 * V::kLanes) {
    typename V::Reg low[kRows];
    typename V::Reg high[kRows];
#pragma GCC unroll 8
    for (size_t r = 0; r < kRows; ++r) low[r] = high[r] = V::Set(0);
    const float* key = head.keys + j;
    for (size_t i = 0; i < head.head_width; ++i, key += head.padded_keys) {
      const typename V::Reg key_low = V::Load(key);
      const typename V::Reg key_high = V::Load(key + V::kLanes);
#pragma GCC unroll 8
      for (size_t r = 0; r < kRows; ++r) {
        const typename V::Reg query = V::Set(queries[r * head.stride + i]);
        low[r] = V::Fma(query, key_low, low[r]);
        high[r] = V::Fma(query, key_high, high[r]);
      }
    }
#pragma GCC unroll 8
    for (size_t r = 0; r < kRows; ++r) {
      V::Store(head.scores + r * head.padded_keys + j, low[r]);
      V::Store(head.scores + r * head.padded_keys + j + V::kLanes, high[r]);
    }
  }
}

// Replaces scores by their exponentials and returns one over their sum.
template <typename V>
float Exponentiate(const Head& head, float* scores) {
  for (size_t j = head.tokens; j < head.padded_keys; ++j) scores[j] = -1e30F;
  typename V::Reg maxima = V::Load(scores);
  for (size_t j = V::kLanes; j < head.padded_keys; j += V::kLanes) {
    maxima = V::Max(maxima, V::Load(scores + j));
  }
  const typename V::Reg maximum = V::Set(V::Maximum(maxima));
  typename V::Reg sum = V::Set(0);
  for (size_t j = 0; j < head.padded_keys; j += V::kLanes) {
    // The padding adds at most 32 times 1e-38.
    const typename V::Reg weight = Exp<V>(V::Sub(V::Load(scores + j), maximum));
    V::Store(scores + j, weight);
    sum = V::Add(sum, weight);
  }
  return 1.0F / V::Sum(sum);
}

template <typename V, size_t kRows>
void SumValues(const Head& head, const float* inverse_sums, float* out) {
  for (size_t i = 0; i < head.head_width; i += 2 * V::kLanes) {
    // A head may be an odd number of vectors wide.
    const bool has_high = i + V::kLanes < head.head_width;
    const size_t high_offset = has_high ? V::kLanes : 0;
    typename V::Reg low[kRows];
    typename V::Reg high[kRows];
#pragma GCC unroll 8
    for (size_t r = 0; r < kRows; ++r) low[r] = high[r] = V::Set(0);
    const float* value = head.values + i;
    for (size_t j = 0; j < head.tokens; ++j, value += head.head_width) {
      const typename V::Reg value_low = V::Load(value);
      const typename V::Reg value_high = V::Load(value + high_offset);
#pragma GCC unroll 8
      for (size_t r = 0; r < kRows; ++r) {
        const typename V::Reg weight = V::Set(head.scores[r * head.padded_keys + j]);
        low[r] = V::Fma(weight, value_low, low[r]);
        high[r] = V::Fma(weight, value_high, high[r]);
      }
    }
#pragma GCC unroll 8
    for (size_t r = 0; r < kRows; ++r) {
      float* target = out + r * head.width + i;
      V::Store(target, V::Mul(low[r], V::Set(inverse_sums[r])));
      if (has_high) V::Store(target + V::kLanes, V::Mul(high[r], V::Set(inverse_sums[r])));
    }
  }
}

template <typename V, size_t kRows>
void AttendRows(const Head& head, size_t row) {
  ComputeScores<V, kRows>(head, head.queries + row * head.stride);
  float inverse_sums[kRows];
  for (size_t r = 0; r < kRows; ++r) {
    inverse_sums[r] = Exponentiate<V>(head, head.scores + r * head.padded_keys);
  }
  SumValues<V, kRows>(head, inverse_sums, head.out + row * head.width);
}

template <typename V>
void Attention(const AttentionInput& input) {
  const size_t head_width = input.width / input.heads;
  const size_t padded_keys = PaddedKeys(input.tokens);
  float* keys = input.scratch;
  float* values = keys + padded_keys * head_width;
  Head head{.queries = nullptr,
            .out = nullptr,
            .keys = keys,
            .values = values,
            .scores = values + padded_keys * head_width,
            .stride = 3 * input.width,
            .width = input.width,
            .head_width = head_width,
            .tokens = input.tokens,
            .padded_keys = padded_keys};
  for (size_t h = 0; h < input.heads; ++h) {
    head.queries = input.qkv + h * head_width;
    head.out = input.out + h * head_width;
    for (size_t j = 0; j < input.tokens; ++j) {
      const float* row = head.queries + j * head.stride;
      for (size_t i = 0; i < head_width; ++i) keys[i * padded_keys + j] = row[input.width + i];
      for (size_t i = 0; i < head_width; ++i) values[j * head_width + i] = row[2 * input.width + i];
    }
    for (size_t i = 0; i < head_width; ++i) {
      for (size_t j = input.tokens; j < padded_keys; ++j) keys[i * padded_keys + j] = 0;
    }
    size_t row = 0;
    for (; row + V::kQueryRows <= input.tokens; row += V::kQueryRows) {
      AttendRows<V, V::kQueryRows>(head, row);
    }
    for (; row < input.tokens; ++row) AttendRows<V, 1>(head, row);
  }
}

}  // namespace kernels_body
}  // namespace
}  // namespace lakehouse::ai
