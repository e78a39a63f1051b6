// Distances of one query to a block of rows, written once per instruction set.
//
// Every set computes the same bits. A row is summed in kLanes accumulators, element i in lane
// i % kLanes, each step one fused multiply-add; then the lanes are folded in halves: lane i takes
// lane i + 8, then i + 4, i + 2, i + 1. A row's result does not depend on the rows beside it.
#pragma once

#include <cstddef>

namespace lakehouse::vector::kernels {

// Floats of one step; the width of a row is a multiple of it, padded with zeros.
inline constexpr size_t kLanes = 16;

// `query` has `width` floats; row r begins at rows + r * width; writes out[0 .. count).
// REQUIRES: width % kLanes == 0; finite values small enough for finite sums. No alignment is
// required; 64 bytes are fastest.
using BlockFunction = void (*)(const float* query, const float* rows, size_t count, size_t width,
                               float* out);

struct KernelSet {
  const char* name;          // "scalar", "avx2", "avx512".
  bool (*is_supported)();    // Whether this processor and operating system can run it.
  BlockFunction dot;         // Sum of query[i] * row[i].
  BlockFunction squared_l2;  // Sum of (query[i] - row[i])^2, the difference rounded first.
};

extern const KernelSet kScalarKernels;
extern const KernelSet kAvx2Kernels;
extern const KernelSet kAvx512Kernels;

}  // namespace lakehouse::vector::kernels
