#include "ai/encoder/narrow_weights.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "base/check.h"

namespace lakehouse::ai {
namespace {

constexpr float kMaxInt8 = 127;

// Rounds to the nearest, ties to even. REQUIRES: finite.
Bf16 ToBf16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return static_cast<Bf16>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

// Writes narrow weights into panels; kGroup of them are 4 bytes.
template <typename Value, size_t kGroup, typename Narrow>
void FillPanels(const PlainLinear& linear, Value* to, Narrow narrow) {
  const size_t groups = linear.inputs / kGroup;
  for (size_t o = 0; o < linear.outputs; ++o) {
    const float* from = linear.weights.data() + o * linear.inputs;
    Value* panel = to + o / kPanelOutputs * kPanelOutputs * linear.inputs;
    Value* column = panel + o % kPanelOutputs * kGroup;
    for (size_t g = 0; g < groups; ++g, from += kGroup, column += kPanelOutputs * kGroup) {
      for (size_t i = 0; i < kGroup; ++i) column[i] = narrow(o, from[i]);
    }
  }
}

}  // namespace

std::byte* WeightArena::Take(size_t bytes) {
  std::byte* taken = memory_.data() + used_;
  used_ += bytes;
  CHECK(used_ <= memory_.size());
  return taken;
}

PackedWeights WeightArena::PackBf16(PlainLinear linear) {
  CHECK(linear.inputs % kPanelOutputs == 0 && linear.outputs % kPanelOutputs == 0);
  std::byte* to = Take(linear.inputs * linear.outputs * sizeof(Bf16));
  FillPanels<Bf16, 2>(linear, reinterpret_cast<Bf16*>(to),
                      [](size_t, float weight) { return ToBf16(weight); });
  return {.panels = to,
          .inputs = linear.inputs,
          .outputs = linear.outputs,
          .bias = std::move(linear.bias),
          .scales = {},
          .sums = {}};
}

PackedWeights WeightArena::PackInt8(PlainLinear linear) {
  CHECK(linear.inputs % kPanelOutputs == 0 && linear.outputs % kPanelOutputs == 0);
  std::byte* to = Take(linear.inputs * linear.outputs);
  PackedWeights packed{.panels = to,
                       .inputs = linear.inputs,
                       .outputs = linear.outputs,
                       .bias = std::move(linear.bias),
                       .scales = std::vector<float>(linear.outputs),
                       .sums = std::vector<float>(linear.outputs)};
  for (size_t o = 0; o < linear.outputs; ++o) {
    float largest = 0;
    for (size_t i = 0; i < linear.inputs; ++i) {
      largest = std::max(largest, std::fabs(linear.weights[o * linear.inputs + i]));
    }
    packed.scales[o] = largest > 0 ? largest / kMaxInt8 : 1;
  }
  FillPanels<int8_t, 4>(linear, reinterpret_cast<int8_t*>(to), [&](size_t o, float weight) {
    const float steps = std::rint(weight / packed.scales[o]);
    packed.sums[o] += steps * packed.scales[o];
    return static_cast<int8_t>(steps);
  });
  return packed;
}

PlainLinear InterleaveGate(const PlainLinear& up, const PlainLinear& gate) {
  constexpr size_t kHalf = kPanelOutputs / 2;
  CHECK(up.outputs == gate.outputs && up.outputs % kHalf == 0);
  PlainLinear both{.inputs = up.inputs, .outputs = 2 * up.outputs, .weights = {}, .bias = {}};
  for (size_t begin = 0; begin < up.outputs; begin += kHalf) {
    for (const PlainLinear* part : {&up, &gate}) {
      const float* weights = part->weights.data() + begin * up.inputs;
      const float* bias = part->bias.data() + begin;
      both.weights.insert(both.weights.end(), weights, weights + kHalf * up.inputs);
      both.bias.insert(both.bias.end(), bias, bias + kHalf);
    }
  }
  return both;
}

}  // namespace lakehouse::ai
