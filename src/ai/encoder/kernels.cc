#include "ai/encoder/kernels.h"

#include "ai/encoder/kernels_attention.h"

namespace lakehouse::ai {

size_t AttentionScratchFloats(size_t tokens, size_t head_width) {
  return kernels_body::ScratchFloats(tokens, head_width);
}

std::span<const EncoderKernels* const> AllEncoderKernels() {
  static constexpr const EncoderKernels* kAll[] = {&kAvx512EncoderKernels, &kAvx2EncoderKernels,
                                                   &kScalarEncoderKernels};
  return kAll;
}

const EncoderKernels& BestEncoderKernels() {
  for (const EncoderKernels* kernels : AllEncoderKernels()) {
    if (kernels->supported()) return *kernels;
  }
  return kScalarEncoderKernels;
}

}  // namespace lakehouse::ai
