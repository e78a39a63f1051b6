// Attention with a query in each lane: maxima and sums over keys then need no look across lanes.
#include <algorithm>

#include "ai/encoder/narrow_avx512_bf16.h"
#include "ai/encoder/narrow_vectors.h"

namespace lakehouse::ai {
namespace {

constexpr size_t kLanes = 16;
// Queries that are computed together: one or two vectors of them.
constexpr size_t kMaxQueries = 2 * kLanes;
// Results per tile of registers, each a vector or two: enough to hide a multiplication's latency.
constexpr size_t kTile = 8;
// Scores of this many keys are held at once. Longer texts are summed block by block (Milakov and
// Gimelshein, 2018; Dao et al., 2022).
constexpr size_t kKeyBlock = 256;

constexpr size_t RoundUp(size_t count, size_t step) { return (count + step - 1) / step * step; }

// A pair of bf16: of neighbouring values of one token, or of one value of neighbouring tokens.
using Pair = uint32_t;

// The buffers of one head, one after the other; counts are of 4 bytes.
struct Buffers {
  Buffers(std::byte* scratch, size_t tokens, size_t head_width)
      : keys(reinterpret_cast<Pair*>(scratch)),
        values(keys + KeyWords(tokens, head_width)),
        queries(values + ValueWords(tokens, head_width)),
        weights(queries + head_width / 2 * kMaxQueries),
        scores(reinterpret_cast<float*>(weights + kKeyBlock / 2 * kMaxQueries)),
        sums(scores + kKeyBlock * kMaxQueries) {}

  static size_t KeyWords(size_t tokens, size_t head_width) {
    return RoundUp(tokens, kTile) * head_width / 2;
  }
  static size_t ValueWords(size_t tokens, size_t head_width) {
    return RoundUp(tokens, 2) / 2 * head_width;
  }
  static size_t Bytes(size_t tokens, size_t head_width) {
    const size_t per_query = head_width / 2 + kKeyBlock / 2 + kKeyBlock + head_width;
    return sizeof(Pair) * (KeyWords(tokens, head_width) + ValueWords(tokens, head_width) +
                           per_query * kMaxQueries);
  }

  Pair* keys;     // A row of head_width / 2 pairs per token, and up to 7 copies of the last row.
  Pair* values;   // A row of head_width pairs for every two tokens.
  Pair* queries;  // head_width / 2 rows of a pair per query.
  Pair* weights;  // A row of a pair per query for every two keys of a block.
  float* scores;  // A row of one per query for every key of a block.
  float* sums;    // head_width rows of one per query.
};

[[gnu::always_inline]] inline void TransposeFours(__m512i (&rows)[kLanes]) {
  __m512i t[kLanes];
#pragma GCC unroll 4
  for (size_t i = 0; i < kLanes; i += 4) {
    const __m512i a = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
    const __m512i b = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
    const __m512i c = _mm512_unpacklo_epi32(rows[i + 2], rows[i + 3]);
    const __m512i d = _mm512_unpackhi_epi32(rows[i + 2], rows[i + 3]);
    t[i] = _mm512_unpacklo_epi64(a, c);
    t[i + 1] = _mm512_unpackhi_epi64(a, c);
    t[i + 2] = _mm512_unpacklo_epi64(b, d);
    t[i + 3] = _mm512_unpackhi_epi64(b, d);
  }
#pragma GCC unroll 16
  for (size_t i = 0; i < kLanes; ++i) rows[i] = t[i];
}

// Transposes 16 x 16 words.
[[gnu::always_inline]] inline void Transpose(__m512i (&rows)[kLanes]) {
  TransposeFours(rows);
#pragma GCC unroll 4
  for (size_t i = 0; i < 4; ++i) {
    const __m512i a = _mm512_shuffle_i32x4(rows[i], rows[i + 4], 0x88);
    const __m512i b = _mm512_shuffle_i32x4(rows[i], rows[i + 4], 0xDD);
    const __m512i c = _mm512_shuffle_i32x4(rows[i + 8], rows[i + 12], 0x88);
    const __m512i d = _mm512_shuffle_i32x4(rows[i + 8], rows[i + 12], 0xDD);
    rows[i] = _mm512_shuffle_i32x4(a, c, 0x88);
    rows[i + 8] = _mm512_shuffle_i32x4(a, c, 0xDD);
    rows[i + 4] = _mm512_shuffle_i32x4(b, d, 0x88);
    rows[i + 12] = _mm512_shuffle_i32x4(b, d, 0xDD);
  }
}

// Lanes of the words that a group of 16 has left.
__mmask16 FirstLanes(size_t count) {
  return count >= kLanes ? __mmask16(0xFFFF) : static_cast<__mmask16>((1U << count) - 1);
}

// Pairs up bf16 of two rows: those of the first are the low halves.
struct Interleave {
  Interleave() {
    alignas(64) uint16_t order[32];
    for (size_t i = 0; i < kLanes; ++i) {
      order[2 * i] = static_cast<uint16_t>(i);
      order[2 * i + 1] = static_cast<uint16_t>(i + 16);
    }
    order_ = _mm512_load_si512(order);
  }
  __m512i operator()(__m512 low, __m512 high) const {
    return _mm512_permutexvar_epi16(order_, (__m512i)_mm512_cvtne2ps_pbh(high, low));
  }
  __m512i operator()(__m256i low, __m256i high) const {
    return _mm512_permutexvar_epi16(order_,
                                    _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1));
  }
  __m512i order_;
};

// What one call works on, at one head.
struct Head {
  const NarrowAttention& input;
  const Buffers& buffers;
  const Interleave& interleave;
  size_t begin;  // Of the head's values in a part of a row.

  const Bf16* row(size_t part, size_t token) const {
    return input.qkv + token * input.qkv_stride + part * input.width + begin;
  }
};

void PackKeys(const Head& head) {
  const size_t width = head.input.head_width;
  const size_t tokens = head.input.tokens;
  auto* to = reinterpret_cast<Bf16*>(head.buffers.keys);
  for (size_t t = 0; t < RoundUp(tokens, kTile); ++t, to += width) {
    const Bf16* from = head.row(1, std::min(t, tokens - 1));
    for (size_t i = 0; i < width; i += kLanes) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i),
                          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + i)));
    }
  }
}

void PackValues(const Head& head) {
  const size_t width = head.input.head_width;
  const size_t tokens = head.input.tokens;
  Pair* to = head.buffers.values;
  for (size_t t = 0; t < tokens; t += 2, to += width) {
    const Bf16* low = head.row(2, t);
    for (size_t i = 0; i < width; i += kLanes) {
      const auto load = [i](const Bf16* from) {
        return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + i));
      };
      const __m256i high = t + 1 < tokens ? load(head.row(2, t + 1)) : _mm256_setzero_si256();
      _mm512_store_si512(to + i, head.interleave(load(low), high));
    }
  }
}

// Transposes some queries from `query` on; the lanes of absent ones are zero.
template <size_t kVectors>
void PackQueries(const Head& head, size_t query, size_t count) {
  const size_t pairs = head.input.head_width / 2;
  for (size_t v = 0; v < kVectors; ++v) {
    for (size_t i = 0; i < pairs; i += kLanes) {
      const __mmask16 mask = FirstLanes(pairs - i);
      __m512i rows[kLanes];
#pragma GCC unroll 16
      for (size_t q = 0; q < kLanes; ++q) {
        const bool exists = v * kLanes + q < count;
        const Bf16* from = head.row(0, exists ? query + v * kLanes + q : query) + 2 * i;
        rows[q] = _mm512_maskz_loadu_epi32(exists ? mask : __mmask16(0), from);
      }
      Transpose(rows);
      const size_t rest = std::min(kLanes, pairs - i);
#pragma GCC unroll 16
      for (size_t k = 0; k < kLanes; ++k) {
        if (k >= rest) break;
        _mm512_store_si512(head.buffers.queries + ((i + k) * kVectors + v) * kLanes, rows[k]);
      }
    }
  }
}

// sums[r] += the products of `steps` words, `step` words apart, of row r with vectors of pairs.
template <size_t kVectors>
[[gnu::always_inline]] inline void MultiplyTile(const Pair* rows, size_t row_stride, size_t step,
                                                const Pair* vectors, size_t steps,
                                                __m512 (&sums)[kTile][kVectors]) {
  for (size_t s = 0; s < steps; ++s, rows += step, vectors += kVectors * kLanes) {
    __m512bh vector[kVectors];
#pragma GCC unroll 2
    for (size_t v = 0; v < kVectors; ++v) vector[v] = LoadBf16(vectors + v * kLanes);
#pragma GCC unroll 8
    for (size_t r = 0; r < kTile; ++r) {
      const auto word = (__m512bh)BroadcastWord(rows + r * row_stride);
#pragma GCC unroll 2
      for (size_t v = 0; v < kVectors; ++v) {
        sums[r][v] = _mm512_dpbf16_ps(sums[r][v], word, vector[v]);
      }
    }
  }
}

// The state of the queries of a block while keys go by.
template <size_t kVectors>
struct Softmax {
  Softmax() {
    for (size_t v = 0; v < kVectors; ++v) {
      maxima[v] = _mm512_set1_ps(-3e38F);
      sums[v] = _mm512_setzero_ps();
    }
  }
  __m512 maxima[kVectors];
  __m512 sums[kVectors];
};

// Scores of keys [key, key + count), and the maxima so far.
template <size_t kVectors>
void ComputeScores(const Head& head, size_t key, size_t count, __m512 (&maxima)[kVectors]) {
  const size_t pairs = head.input.head_width / 2;
  for (size_t j = 0; j < count; j += kTile) {
    __m512 sums[kTile][kVectors] = {};
    MultiplyTile<kVectors>(head.buffers.keys + (key + j) * pairs, pairs, 1, head.buffers.queries,
                           pairs, sums);
#pragma GCC unroll 8
    for (size_t r = 0; r < kTile; ++r) {
#pragma GCC unroll 2
      for (size_t v = 0; v < kVectors; ++v) {
        // Rows beyond the last key repeat it.
        maxima[v] = _mm512_max_ps(maxima[v], sums[r][v]);
        _mm512_store_ps(head.buffers.scores + ((j + r) * kVectors + v) * kLanes, sums[r][v]);
      }
    }
  }
}

// Scores to weights, in pairs of keys, and their sums.
template <size_t kVectors>
void ComputeWeights(const Head& head, size_t count, Softmax<kVectors>& softmax) {
  const float* scores = head.buffers.scores;
  Pair* weights = head.buffers.weights;
  for (size_t j = 0; j < count; j += 2, weights += kVectors * kLanes) {
#pragma GCC unroll 2
    for (size_t v = 0; v < kVectors; ++v) {
      const float* score = scores + (j * kVectors + v) * kLanes;
      const __m512 low = Exp2(_mm512_sub_ps(_mm512_load_ps(score), softmax.maxima[v]));
      const __m512 high =
          j + 1 < count
              ? Exp2(_mm512_sub_ps(_mm512_load_ps(score + kVectors * kLanes), softmax.maxima[v]))
              : _mm512_setzero_ps();
      softmax.sums[v] = _mm512_add_ps(softmax.sums[v], _mm512_add_ps(low, high));
      _mm512_store_si512(weights + v * kLanes, head.interleave(low, high));
    }
  }
}

// Adds the weighted values of `count` keys from `key` on to the sums, times `scale` before.
template <size_t kVectors>
void SumValues(const Head& head, size_t key, size_t count, bool is_first,
               const __m512 (&scale)[kVectors]) {
  const size_t width = head.input.head_width;
  for (size_t i = 0; i < width; i += kTile) {
    __m512 sums[kTile][kVectors] = {};
    float* to = head.buffers.sums + i * kVectors * kLanes;
    if (!is_first) {
#pragma GCC unroll 8
      for (size_t r = 0; r < kTile; ++r) {
#pragma GCC unroll 2
        for (size_t v = 0; v < kVectors; ++v) {
          sums[r][v] = _mm512_mul_ps(_mm512_load_ps(to + (r * kVectors + v) * kLanes), scale[v]);
        }
      }
    }
    MultiplyTile<kVectors>(head.buffers.values + key / 2 * width + i, 1, width,
                           head.buffers.weights, (count + 1) / 2, sums);
#pragma GCC unroll 8
    for (size_t r = 0; r < kTile; ++r) {
#pragma GCC unroll 2
      for (size_t v = 0; v < kVectors; ++v) {
        _mm512_store_ps(to + (r * kVectors + v) * kLanes, sums[r][v]);
      }
    }
  }
}

// Divides by the sums of the weights and writes rows of bf16.
template <size_t kVectors>
void StoreQueries(const Head& head, size_t query, size_t count, const Softmax<kVectors>& softmax) {
  const size_t pairs = head.input.head_width / 2;
  for (size_t v = 0; v < kVectors; ++v) {
    const __m512 inverse = _mm512_div_ps(_mm512_set1_ps(1), softmax.sums[v]);
    for (size_t i = 0; i < pairs; i += kLanes) {
      __m512i rows[kLanes];
#pragma GCC unroll 16
      for (size_t k = 0; k < kLanes; ++k) {
        // Beyond the head's width: not stored.
        const size_t pair = std::min(i + k, pairs - 1);
        const float* sums = head.buffers.sums + (2 * pair * kVectors + v) * kLanes;
        rows[k] = head.interleave(_mm512_mul_ps(_mm512_load_ps(sums), inverse),
                                  _mm512_mul_ps(_mm512_load_ps(sums + kVectors * kLanes), inverse));
      }
      Transpose(rows);
      const __mmask16 mask = FirstLanes(pairs - i);
      const size_t rest = count - std::min(count, v * kLanes);
      Bf16* out =
          head.input.out + (query + v * kLanes) * head.input.out_stride + head.begin + 2 * i;
#pragma GCC unroll 16
      for (size_t q = 0; q < kLanes; ++q) {
        if (q >= rest) break;
        _mm512_mask_storeu_epi32(out + q * head.input.out_stride, mask, rows[q]);
      }
    }
  }
}

template <size_t kVectors>
void AttendQueries(const Head& head, size_t query, size_t count) {
  PackQueries<kVectors>(head, query, count);
  Softmax<kVectors> softmax;
  for (size_t key = 0; key < head.input.tokens; key += kKeyBlock) {
    const size_t keys = std::min(kKeyBlock, head.input.tokens - key);
    __m512 scale[kVectors];
    for (size_t v = 0; v < kVectors; ++v) scale[v] = softmax.maxima[v];
    ComputeScores<kVectors>(head, key, keys, softmax.maxima);
    for (size_t v = 0; v < kVectors; ++v) {
      scale[v] = Exp2(_mm512_sub_ps(scale[v], softmax.maxima[v]));
      softmax.sums[v] = _mm512_mul_ps(softmax.sums[v], scale[v]);
    }
    ComputeWeights<kVectors>(head, keys, softmax);
    SumValues<kVectors>(head, key, keys, key == 0, scale);
  }
  StoreQueries<kVectors>(head, query, count, softmax);
}

}  // namespace

namespace avx512_bf16 {

void Attend(const NarrowAttention& input) {
  const Buffers buffers(input.scratch, input.tokens, input.head_width);
  const Interleave interleave;
  for (size_t h = input.head_begin; h < input.head_end; ++h) {
    const Head head{input, buffers, interleave, h * input.head_width};
    PackKeys(head);
    PackValues(head);
    for (size_t query = input.query_begin; query < input.query_end; query += kMaxQueries) {
      const size_t count = std::min(kMaxQueries, input.query_end - query);
      if (count > kLanes) {
        AttendQueries<2>(head, query, count);
      } else {
        AttendQueries<1>(head, query, count);
      }
    }
  }
}

size_t AttentionScratch(size_t tokens, size_t head_width) {
  return Buffers::Bytes(tokens, head_width);
}

}  // namespace avx512_bf16
}  // namespace lakehouse::ai
