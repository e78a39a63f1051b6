// Exact nearest neighbours by scanning every vector.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "vector/aligned_vector.h"

namespace lakehouse::vector {

enum class Metric {
  kCosine,        // Higher is nearer: cosine of the angle.
  kInnerProduct,  // Higher is nearer: dot product.
  kL2,            // Higher is nearer: minus the squared Euclidean distance.
};

struct Hit {
  uint32_t row = 0;  // Number of the vector in order of insertion.
  float score = 0;   // Higher is nearer, whatever the metric.
  bool operator==(const Hit&) const = default;
};

// True when `a` stands before `b` in an answer: nearer, or equally near and inserted earlier.
inline bool Precedes(const Hit& a, const Hit& b) {
  return a.score > b.score || (a.score == b.score && a.row < b.row);
}

// Bit `row & 63` of word `row >> 6` is 1 when the row may be returned.
using RowFilter = std::span<const uint64_t>;

// Beyond this magnitude a sum could overflow; inner product and L2 refuse it.
inline constexpr float kMaxComponent = 1e17f;

// kInvalidArgument for a component that is NaN, infinite or (but under cosine) beyond
// kMaxComponent, which it names, and for a zero vector under cosine.
Status CheckVector(Metric metric, std::span<const float> vector);

// Float vectors of one width in insertion order. Results do not depend on the instruction set or
// on the number of threads: every kernel sums in the same order. Concurrent searches are safe;
// Add excludes everything else. Invariants:
// 1. Every stored component is finite, and every score is.
// 2. Under cosine every stored row has unit length, up to rounding.
// 3. rows_ holds size_ rows of width_ floats; those from dimensions_ on are zero.
class FlatIndex {
 public:
  // kInvalidArgument unless 1 <= dimensions <= 4,096.
  static Result<FlatIndex> Create(Metric metric, size_t dimensions);

  // Appends rows.size() / dimensions vectors, or none on error: kInvalidArgument for a ragged size,
  // a row that CheckVector refuses (named by number) and more than 2^32 - 1 rows in all.
  Status Add(std::span<const float> rows);

  // The min(k, rows that pass) nearest, best first, ties by row. kInvalidArgument for k = 0, a
  // query of the wrong width or that CheckVector refuses, and a filter that is too short. An empty
  // filter passes all.
  Result<std::vector<Hit>> Search(std::span<const float> query, size_t k,
                                  RowFilter filter = {}) const;

  size_t size() const { return size_; }
  size_t dimensions() const { return dimensions_; }
  Metric metric() const { return metric_; }
  size_t resident_bytes() const { return rows_.capacity() * sizeof(float); }

 private:
  FlatIndex(Metric metric, size_t dimensions);

  // Writes what is stored for a vector: unit length under cosine, no negative zero, padded.
  void Prepare(std::span<const float> vector, float* out) const;
  void ScoreRows(const float* query, size_t first, size_t count, float* scores) const;

  Metric metric_;
  size_t dimensions_;
  size_t width_;  // Dimensions rounded up to a multiple of kernels::kLanes.
  size_t size_ = 0;
  AlignedFloats rows_;
};

}  // namespace lakehouse::vector
