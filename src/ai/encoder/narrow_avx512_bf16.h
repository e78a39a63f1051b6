// The kernels for AVX512-BF16 and AVX512-VNNI, in one file each; see narrow_kernels.h.
#pragma once

#include "ai/encoder/narrow_kernels.h"

namespace lakehouse::ai::avx512_bf16 {

void MultiplyNarrow(const NarrowProduct& product);
void NormalizeLayer(const NarrowLayerNorm& input);
void NarrowF32(const float* from, size_t rows, size_t width, size_t stride, const NarrowRows& to);
void NarrowBf16(const Bf16* from, size_t rows, size_t width, size_t stride, const NarrowRows& to);
void Attend(const NarrowAttention& input);
size_t AttentionScratch(size_t tokens, size_t head_width);
void Rotate(const NarrowRotation& input);

}  // namespace lakehouse::ai::avx512_bf16
