// Softmax attention over a vector type; see kernels_body.h, of which this is the second half.
#pragma once

#include <cstddef>

#include "ai/encoder/kernels.h"
#include "ai/encoder/kernels_body.h"

namespace lakehouse::ai {
namespace {
namespace kernels_body {

// Keys are padded to this, which two vectors of every kind divide.
inline constexpr size_t kKeyBlock = 32;
inline constexpr size_t kMaxQueryRows = 8;

constexpr size_t PaddedKeys(size_t tokens) {
  return (tokens + kKeyBlock - 1) / kKeyBlock * kKeyBlock;
}

// Keys transposed, values, and the scores of one block of queries.
constexpr size_t ScratchFloats(size_t tokens, size_t head_width) {
  return PaddedKeys(tokens) * (2 * head_width + kMaxQueryRows);
}

// One head of one text.
struct Head {
  const float* queries;  // Rows `stride` apart.
  float* out;            // Rows `out_stride` apart.
  const float* keys;     // Transposed: head_width rows of padded_keys floats.
  const float* values;   // Rows of head_width floats.
  float* scores;         // Rows of padded_keys floats.
  size_t stride;
  size_t out_stride;
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
      float* target = out + r * head.out_stride + i;
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
  SumValues<V, kRows>(head, inverse_sums, head.out + row * head.out_stride);
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
            .stride = input.qkv_stride,
            .out_stride = input.out_stride,
            .head_width = head_width,
            .tokens = input.tokens,
            .padded_keys = padded_keys};
  for (size_t h = input.head_begin; h < input.head_end; ++h) {
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
    size_t row = input.query_begin;
    for (; row + V::kQueryRows <= input.query_end; row += V::kQueryRows) {
      AttendRows<V, V::kQueryRows>(head, row);
    }
    for (; row < input.query_end; ++row) AttendRows<V, 1>(head, row);
  }
}

}  // namespace kernels_body
}  // namespace
}  // namespace lakehouse::ai
