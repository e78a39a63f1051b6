#include "ai/encoder/narrow_avx512_bf16.h"
#include "ai/encoder/narrow_vectors.h"

namespace lakehouse::ai {
namespace {

// A tile of results is held in 6 x 4 registers: 24 of them hide the latency of a multiplication,
// and four columns of vectors need little of the load ports.
constexpr size_t kTileRows = 6;
constexpr size_t kVectors = kPanelOutputs / 16;
constexpr size_t kLine = 64;
constexpr size_t kStepBytes = kVectors * kLine;  // Of a panel, for 4 bytes of each row.

template <bool kInt8>
__m512i MultiplyAdd(__m512i sum, __m512i x, __m512i weights) {
  if constexpr (kInt8) return _mm512_dpbusd_epi32(sum, x, weights);
  return _mm512_castps_si512(
      _mm512_dpbf16_ps(_mm512_castsi512_ps(sum), (__m512bh)x, (__m512bh)weights));
}

struct TileInput {
  const char* x;
  size_t x_stride;  // In bytes.
  const char* panel;
  size_t steps;
  const char* ahead;  // What to fetch, kAhead lines a step.
  void* tile;         // kTileRows rows of kPanelOutputs sums.
};

// Sums over all inputs, in their order: the result of a row is the same in a tile of any height.
template <bool kInt8, size_t kRows, size_t kAhead>
void MultiplyTile(const TileInput& input) {
  __m512i sums[kRows][kVectors];
#pragma GCC unroll 6
  for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (size_t v = 0; v < kVectors; ++v) sums[r][v] = _mm512_setzero_si512();
  }
  const char* x = input.x;
  const char* panel = input.panel;
  const char* ahead = input.ahead;
  for (size_t step = 0; step < input.steps; ++step, x += 4, panel += kStepBytes) {
    __m512i weights[kVectors];
#pragma GCC unroll 4
    for (size_t v = 0; v < kVectors; ++v) weights[v] = _mm512_loadu_si512(panel + v * kLine);
#pragma GCC unroll 4
    for (size_t i = 0; i < kAhead; ++i) _mm_prefetch(ahead + i * kLine, _MM_HINT_T1);
    ahead += kAhead * kLine;
#pragma GCC unroll 6
    for (size_t r = 0; r < kRows; ++r) {
      const __m512i value = BroadcastWord(x + r * input.x_stride);
#pragma GCC unroll 4
      for (size_t v = 0; v < kVectors; ++v) {
        sums[r][v] = MultiplyAdd<kInt8>(sums[r][v], value, weights[v]);
      }
    }
  }
  char* tile = static_cast<char*>(input.tile);
#pragma GCC unroll 6
  for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (size_t v = 0; v < kVectors; ++v) {
      _mm512_store_si512(tile + (r * kVectors + v) * kLine, sums[r][v]);
    }
  }
}

using TileFunction = void (*)(const TileInput&);

template <bool kInt8, size_t kAhead>
constexpr TileFunction kTilesByRows[kTileRows] = {
    MultiplyTile<kInt8, 1, kAhead>, MultiplyTile<kInt8, 2, kAhead>, MultiplyTile<kInt8, 3, kAhead>,
    MultiplyTile<kInt8, 4, kAhead>, MultiplyTile<kInt8, 5, kAhead>, MultiplyTile<kInt8, 6, kAhead>};

// By the lines to fetch ahead in each step: all four of the next panel, half of them, a quarter.
template <bool kInt8>
TileFunction FindTile(size_t rows, size_t ahead) {
  switch (ahead) {
    case 0:
      return kTilesByRows<kInt8, 0>[rows - 1];
    case 1:
      return kTilesByRows<kInt8, 1>[rows - 1];
    case 2:
      return kTilesByRows<kInt8, 2>[rows - 1];
    default:
      return kTilesByRows<kInt8, 4>[rows - 1];
  }
}

// The rows of a product in tiles of nearly equal height.
struct Blocks {
  explicit Blocks(size_t rows) : count((rows + kTileRows - 1) / kTileRows), rows(rows) {}
  size_t begin(size_t block) const { return rows * block / count; }

  size_t count;
  size_t rows;
};

// Sums of a tile to W x + b.
class Sums {
 public:
  Sums(const NarrowProduct& product, size_t panel, size_t row, const void* tile)
      : weights_(*product.weights),
        column_(panel * kPanelOutputs),
        row_scales_(product.x.scales == nullptr ? nullptr : product.x.scales + row),
        row_zeros_(product.x.zeros == nullptr ? nullptr : product.x.zeros + row),
        tile_(static_cast<const char*>(tile)) {}

  template <bool kInt8>
  __m512 Get(size_t row, size_t vector) const {
    const size_t column = column_ + vector * 16;
    const __m512 bias = _mm512_loadu_ps(weights_.bias + column);
    const void* sums = tile_ + (row * kVectors + vector) * kLine;
    if constexpr (kInt8) {
      const __m512 sum = _mm512_cvtepi32_ps(_mm512_load_si512(sums));
      const __m512 zeros =
          _mm512_mul_ps(_mm512_set1_ps(row_zeros_[row]), _mm512_loadu_ps(weights_.sums + column));
      const __m512 y = _mm512_fmsub_ps(sum, _mm512_loadu_ps(weights_.scales + column), zeros);
      return _mm512_fmadd_ps(y, _mm512_set1_ps(row_scales_[row]), bias);
    }
    return _mm512_add_ps(_mm512_load_ps(sums), bias);
  }

 private:
  const NarrowWeights& weights_;
  const size_t column_;
  const float* row_scales_;
  const float* row_zeros_;
  const char* tile_;
};

// See ActivationTable.
class Gelu {
 public:
  explicit Gelu(const ActivationTable& table)
      : c0_(_mm512_loadu_ps(table.c0)),
        c1_(_mm512_loadu_ps(table.c1)),
        c2_(_mm512_loadu_ps(table.c2)) {}

  __m512 operator()(__m512 x) const {
    // Beyond the last interval r keeps the value that it has at its end.
    const __m512 a =
        _mm512_min_ps(_mm512_abs_ps(x), _mm512_set1_ps(15.49F * ActivationTable::kStep));
    // Adding 1.5 * 2^23 rounds to a whole number and leaves it in the lowest bits.
    const __m512i interval = _mm512_castps_si512(_mm512_fmadd_ps(
        a, _mm512_set1_ps(1 / ActivationTable::kStep), _mm512_set1_ps(12582912.0F)));
    const __m512 c0 = _mm512_permutexvar_ps(interval, c0_);
    const __m512 c1 = _mm512_permutexvar_ps(interval, c1_);
    const __m512 c2 = _mm512_permutexvar_ps(interval, c2_);
    const __m512 r = _mm512_fmadd_ps(_mm512_fmadd_ps(c2, a, c1), a, c0);
    return _mm512_sub_ps(_mm512_max_ps(x, _mm512_setzero_ps()), r);
  }

 private:
  __m512 c0_;
  __m512 c1_;
  __m512 c2_;
};

__m512 Silu(__m512 x) {
  const __m512 power = Exp2(_mm512_mul_ps(x, _mm512_set1_ps(-1.44269504F)));
  return _mm512_div_ps(x, _mm512_add_ps(_mm512_set1_ps(1), power));
}

// Where a tile's results go, as floats or as bf16.
struct Target {
  Target(const NarrowProduct& product, size_t panel, size_t row, size_t columns)
      : y(product.y), stride(product.y_stride), begin(row * stride + panel * columns) {}
  float* f32(size_t row) const { return static_cast<float*>(y) + begin + row * stride; }
  Bf16* bf16(size_t row) const { return static_cast<Bf16*>(y) + begin + row * stride; }

  void* y;
  size_t stride;
  size_t begin;
};

template <bool kInt8>
void FinishTile(const NarrowProduct& product, size_t panel, size_t row, size_t rows,
                const void* tile) {
  const Sums sums(product, panel, row, tile);
  const Target to(product, panel, row, kPanelOutputs);
  switch (product.result) {
    case NarrowResult::kBf16:
      for (size_t r = 0; r < rows; ++r) {
        StoreBf16(to.bf16(r), sums.Get<kInt8>(r, 0), sums.Get<kInt8>(r, 1));
        StoreBf16(to.bf16(r) + 32, sums.Get<kInt8>(r, 2), sums.Get<kInt8>(r, 3));
      }
      return;
    case NarrowResult::kF32:
      for (size_t r = 0; r < rows; ++r) {
        for (size_t v = 0; v < kVectors; ++v) {
          _mm512_storeu_ps(to.f32(r) + v * 16, sums.Get<kInt8>(r, v));
        }
      }
      return;
    case NarrowResult::kAddF32:
      for (size_t r = 0; r < rows; ++r) {
        for (size_t v = 0; v < kVectors; ++v) {
          float* y = to.f32(r) + v * 16;
          _mm512_storeu_ps(y, _mm512_add_ps(_mm512_loadu_ps(y), sums.Get<kInt8>(r, v)));
        }
      }
      return;
    case NarrowResult::kGelu: {
      const Gelu gelu(*product.table);
      for (size_t r = 0; r < rows; ++r) {
        StoreBf16(to.bf16(r), gelu(sums.Get<kInt8>(r, 0)), gelu(sums.Get<kInt8>(r, 1)));
        StoreBf16(to.bf16(r) + 32, gelu(sums.Get<kInt8>(r, 2)), gelu(sums.Get<kInt8>(r, 3)));
      }
      return;
    }
    case NarrowResult::kSwiGlu: {
      const Target half(product, panel, row, kPanelOutputs / 2);
      for (size_t r = 0; r < rows; ++r) {
        const __m512 low = _mm512_mul_ps(sums.Get<kInt8>(r, 0), Silu(sums.Get<kInt8>(r, 2)));
        const __m512 high = _mm512_mul_ps(sums.Get<kInt8>(r, 1), Silu(sums.Get<kInt8>(r, 3)));
        StoreBf16(half.bf16(r), low, high);
      }
      return;
    }
  }
}

template <bool kInt8>
void Multiply(const NarrowProduct& product) {
  alignas(kLine) char tile[kTileRows * kPanelOutputs * sizeof(float)];
  constexpr size_t kValueBytes = kInt8 ? 1 : 2;
  const NarrowWeights& weights = *product.weights;
  const Blocks blocks(product.rows);
  // Lines of the next panel per step, so that the blocks of this one fetch all of it.
  const size_t ahead = blocks.count >= 4 ? 1 : blocks.count >= 2 ? 2 : 4;
  const char* const x = static_cast<const char*>(product.x.values);
  TileInput input{.x = x,
                  .x_stride = product.x.stride * kValueBytes,
                  .panel = nullptr,
                  .steps = weights.inputs * kValueBytes / 4,
                  .ahead = nullptr,
                  .tile = tile};
  for (size_t panel = product.panel_begin; panel < product.panel_end; ++panel) {
    input.panel = reinterpret_cast<const char*>(weights.panels) + panel * weights.panel_bytes();
    const char* next = panel + 1 < product.panel_end
                           ? input.panel + weights.panel_bytes()
                           : reinterpret_cast<const char*>(product.next_panel);
    for (size_t block = 0; block < blocks.count; ++block) {
      const size_t row = blocks.begin(block);
      const size_t rows = blocks.begin(block + 1) - row;
      const bool fetches = next != nullptr && block * ahead < 4;
      input.x = x + row * input.x_stride;
      input.ahead = next + block * ahead * input.steps * kLine;
      FindTile<kInt8>(rows, fetches ? ahead : 0)(input);
      FinishTile<kInt8>(product, panel, row, rows, tile);
    }
  }
}

}  // namespace

namespace avx512_bf16 {

void MultiplyNarrow(const NarrowProduct& product) {
  if (product.x.is_int8()) {
    Multiply<true>(product);
  } else {
    Multiply<false>(product);
  }
}

}  // namespace avx512_bf16
}  // namespace lakehouse::ai
