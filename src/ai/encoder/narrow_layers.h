// The layers of an encoder that multiplies in bf16 or int8, on kernels of our own.
#pragma once

#include <memory>

#include "ai/encoder/encoder_layers.h"
#include "ai/encoder/precision.h"

namespace lakehouse::ai {

// Reads and packs every layer. Errors of `reader`. REQUIRES: `precision` is not kF32, and
// `kernels` has narrow ones that this machine supports.
Result<std::unique_ptr<EncoderLayers>> LoadNarrowLayers(const ModelConfig& config,
                                                        ModelReader& reader, Precision precision,
                                                        const EncoderKernels& kernels);

}  // namespace lakehouse::ai
