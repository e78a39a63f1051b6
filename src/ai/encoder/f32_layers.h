// The layers of an encoder in 32-bit floats: oneDNN multiplies, EncoderKernels do the rest.
#pragma once

#include <memory>

#include "ai/encoder/encoder_layers.h"

namespace lakehouse::ai {

// Reads and packs every layer. Errors of `reader`; kInternal when oneDNN cannot pack.
Result<std::unique_ptr<EncoderLayers>> LoadF32Layers(const ModelConfig& config, ModelReader& reader,
                                                     const EncoderKernels& kernels);

}  // namespace lakehouse::ai
