// Exact nearest neighbours by scanning every vector.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"

namespace lakehouse::vector {

enum class Metric {
  kCosine,        // Higher is nearer: cosine of the angle.
  kInnerProduct,  // Higher is nearer: dot product.
  kL2,            // Higher is nearer: minus the squared Euclidean distance.
};

struct Hit {
  uint32_t row = 0;    // Number of the vector in order of insertion.
  float score = 0;     // Higher is nearer, whatever the metric.
  bool operator==(const Hit&) const = default;
};

// Bit `row & 63` of word `row >> 6` is 1 when the row may be returned.
using RowFilter = std::span<const uint64_t>;

// Float vectors of one width in insertion order. Results do not depend on the instruction set or
// on the number of threads: every kernel sums in the same order. Concurrent searches are safe;
// Add excludes everything else.
class FlatIndex {
 public:
  // kInvalidArgument unless 1 <= dimensions <= 4,096.
  static Result<FlatIndex> Create(Metric metric, size_t dimensions);

  // Appends rows.size() / dimensions vectors, or none on error: kInvalidArgument for a ragged size,
  // NaN or infinity (names row and component), or, under cosine, a zero vector.
  Status Add(std::span<const float> rows);

  // The min(k, rows that pass) nearest, best first, ties by row. kInvalidArgument for a wrong
  // width, k = 0, non-finite components or a filter that is too short. An empty filter passes all.
  Result<std::vector<Hit>> Search(std::span<const float> query, size_t k, RowFilter filter = {}) const;

  size_t size() const { return size_; }
  size_t dimensions() const { return dimensions_; }
  Metric metric() const { return metric_; }
  size_t resident_bytes() const;

 private:
  FlatIndex(Metric metric, size_t dimensions) : metric_(metric), dimensions_(dimensions) {}

  Metric metric_;
  size_t dimensions_;
  size_t size_ = 0;
  std::vector<float> rows_;  // Unit length under cosine.
};

}  // namespace lakehouse::vector
