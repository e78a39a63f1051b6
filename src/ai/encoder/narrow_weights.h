// Weights in the layout that the narrow kernels read.
#pragma once

#include <cstddef>
#include <vector>

#include "ai/encoder/huge_buffer.h"
#include "ai/encoder/model_reader.h"
#include "ai/encoder/narrow_kernels.h"

namespace lakehouse::ai {

// One layer's; the panels lie in a WeightArena.
struct PackedWeights {
  NarrowWeights view() const {
    return {.panels = panels,
            .inputs = inputs,
            .outputs = outputs,
            .bias = bias.data(),
            .scales = scales.empty() ? nullptr : scales.data(),
            .sums = sums.empty() ? nullptr : sums.data()};
  }

  const std::byte* panels = nullptr;
  size_t inputs = 0;
  size_t outputs = 0;
  std::vector<float> bias;
  std::vector<float> scales;
  std::vector<float> sums;
};

// Memory for the panels of many layers, in the order in which they are packed.
class WeightArena {
 public:
  explicit WeightArena(size_t bytes) : memory_(bytes) {}

  // REQUIRES: inputs and outputs are multiples of kPanelOutputs; the arena has room.
  PackedWeights PackBf16(PlainLinear linear);
  PackedWeights PackInt8(PlainLinear linear);

  size_t size() const { return memory_.size(); }

 private:
  std::byte* Take(size_t bytes);

  HugeBuffer memory_;
  size_t used_ = 0;
};

// Puts the outputs of `up` and `gate` side by side, half a panel of each.
PlainLinear InterleaveGate(const PlainLinear& up, const PlainLinear& gate);

}  // namespace lakehouse::ai
