#include "vector/flat_index.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "vector/kernels/dispatch.h"

namespace lakehouse::vector {

namespace {

constexpr size_t kMaxDimensions = 4096;
constexpr size_t kBlockRows = 64;  // One word of a filter.

// A word of the filter with this many rows or fewer is scored row by row.
constexpr int kSparseRows = 16;

// The best k hits seen, as a heap whose front is the worst of them.
class TopHits {
 public:
  explicit TopHits(size_t k) : k_(k) { heap_.reserve(k); }

  void Offer(const Hit& hit) {
    if (heap_.size() < k_) {
      heap_.push_back(hit);
      std::push_heap(heap_.begin(), heap_.end(), Precedes);
    } else if (Precedes(hit, heap_.front())) {
      std::pop_heap(heap_.begin(), heap_.end(), Precedes);
      heap_.back() = hit;
      std::push_heap(heap_.begin(), heap_.end(), Precedes);
    }
  }

  std::vector<Hit> TakeSorted() && {
    std::sort_heap(heap_.begin(), heap_.end(), Precedes);
    return std::move(heap_);
  }

 private:
  size_t k_;
  std::vector<Hit> heap_;
};

// The bits of rows [first, first + count) that pass.
uint64_t PassingBits(RowFilter filter, size_t first, size_t count) {
  const uint64_t present = count == kBlockRows ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
  return filter.empty() ? present : filter[first / kBlockRows] & present;
}

}  // namespace

Status CheckVector(Metric metric, std::span<const float> vector) {
  const float limit = metric == Metric::kCosine ? std::numeric_limits<float>::max() : kMaxComponent;
  bool is_zero = true;
  for (size_t i = 0; i < vector.size(); ++i) {
    if (!std::isfinite(vector[i])) {
      return InvalidArgument("component ", i, " is ", std::isnan(vector[i]) ? "NaN" : "infinite");
    }
    if (std::abs(vector[i]) > limit) {
      return InvalidArgument("component ", i, " is ", vector[i], ", beyond the largest magnitude ",
                             limit);
    }
    is_zero = is_zero && vector[i] == 0;
  }
  if (metric == Metric::kCosine && is_zero) {
    return InvalidArgument("every component is zero, and cosine needs a direction");
  }
  return OkStatus();
}

FlatIndex::FlatIndex(Metric metric, size_t dimensions)
    : metric_(metric),
      dimensions_(dimensions),
      width_((dimensions + kernels::kLanes - 1) / kernels::kLanes * kernels::kLanes) {}

Result<FlatIndex> FlatIndex::Create(Metric metric, size_t dimensions) {
  if (dimensions < 1 || dimensions > kMaxDimensions) {
    return InvalidArgument("an index has 1 to ", kMaxDimensions, " dimensions, not ", dimensions);
  }
  return FlatIndex(metric, dimensions);
}

void FlatIndex::Prepare(std::span<const float> vector, float* out) const {
  double scale = 1;
  if (metric_ == Metric::kCosine) {
    // Squares of floats neither overflow nor vanish in a double.
    double sum = 0;
    for (const float component : vector) sum += static_cast<double>(component) * component;
    scale = 1 / std::sqrt(sum);
  }
  for (size_t i = 0; i < vector.size(); ++i) {
    out[i] = static_cast<float>(vector[i] * scale) + 0.0f;
  }
  std::fill(out + vector.size(), out + width_, 0.0f);
}

Status FlatIndex::Add(std::span<const float> rows) {
  if (rows.size() % dimensions_ != 0) {
    return InvalidArgument("rows of ", dimensions_, " floats were expected, but ", rows.size(),
                           " floats are not a multiple of that");
  }
  const size_t count = rows.size() / dimensions_;
  if (count > std::numeric_limits<uint32_t>::max() - size_) {
    return InvalidArgument("an index holds at most 2^32 - 1 rows; it has ", size_, " and ", count,
                           " were to be added");
  }
  for (size_t r = 0; r < count; ++r) {
    if (const Status status = CheckVector(metric_, rows.subspan(r * dimensions_, dimensions_));
        !status.ok()) {
      return status.Annotate(StrCat("row ", r));
    }
  }
  rows_.resize((size_ + count) * width_);
  for (size_t r = 0; r < count; ++r) {
    Prepare(rows.subspan(r * dimensions_, dimensions_), rows_.data() + (size_ + r) * width_);
  }
  size_ += count;
  return OkStatus();
}

void FlatIndex::ScoreRows(const float* query, size_t first, size_t count, float* scores) const {
  const kernels::KernelSet& set = kernels::ActiveKernels();
  const float* rows = rows_.data() + first * width_;
  if (metric_ != Metric::kL2) {
    set.dot(query, rows, count, width_, scores);
    return;
  }
  set.squared_l2(query, rows, count, width_, scores);
  for (size_t i = 0; i < count; ++i) scores[i] = 0.0f - scores[i];
}

Result<std::vector<Hit>> FlatIndex::Search(std::span<const float> query, size_t k,
                                           RowFilter filter) const {
  if (k == 0) return InvalidArgument("k is 0; ask for at least 1 row");
  if (query.size() != dimensions_) {
    return InvalidArgument("the query has ", query.size(), " components, the index ", dimensions_);
  }
  TRY(CheckVector(metric_, query).Annotate("query"));
  if (!filter.empty() && filter.size() * 64 < size_) {
    return InvalidArgument("the filter covers ", filter.size() * 64, " rows, the index has ",
                           size_);
  }

  AlignedFloats prepared(width_);
  Prepare(query, prepared.data());
  TopHits top(std::min(k, size_));
  float scores[kBlockRows];
  for (size_t first = 0; first < size_; first += kBlockRows) {
    const size_t count = std::min(kBlockRows, size_ - first);
    uint64_t passing = PassingBits(filter, first, count);
    const bool sparse = std::popcount(passing) <= kSparseRows;
    if (!sparse) ScoreRows(prepared.data(), first, count, scores);
    for (; passing != 0; passing &= passing - 1) {
      const size_t i = std::countr_zero(passing);
      if (sparse) ScoreRows(prepared.data(), first + i, 1, scores + i);
      top.Offer({static_cast<uint32_t>(first + i), scores[i]});
    }
  }
  return std::move(top).TakeSorted();
}

}  // namespace lakehouse::vector
