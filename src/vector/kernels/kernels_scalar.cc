#include <cmath>

#include "vector/kernels/kernels.h"

namespace lakehouse::vector::kernels {

namespace {

float FoldLanes(float* lanes) {
  for (size_t half = kLanes / 2; half > 0; half /= 2) {
    for (size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

void Dot(const float* query, const float* rows, size_t count, size_t width, float* out) {
  for (size_t r = 0; r < count; ++r) {
    const float* row = rows + r * width;
    float lanes[kLanes] = {};
    for (size_t i = 0; i < width; i += kLanes) {
      for (size_t lane = 0; lane < kLanes; ++lane) {
        lanes[lane] = std::fma(query[i + lane], row[i + lane], lanes[lane]);
      }
    }
    out[r] = FoldLanes(lanes);
  }
}

void SquaredL2(const float* query, const float* rows, size_t count, size_t width, float* out) {
  for (size_t r = 0; r < count; ++r) {
    const float* row = rows + r * width;
    float lanes[kLanes] = {};
    for (size_t i = 0; i < width; i += kLanes) {
      for (size_t lane = 0; lane < kLanes; ++lane) {
        const float difference = query[i + lane] - row[i + lane];
        lanes[lane] = std::fma(difference, difference, lanes[lane]);
      }
    }
    out[r] = FoldLanes(lanes);
  }
}

bool IsSupported() { return true; }

}  // namespace

const KernelSet kScalarKernels = {"scalar", IsSupported, Dot, SquaredL2};

}  // namespace lakehouse::vector::kernels
