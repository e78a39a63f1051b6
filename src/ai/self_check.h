// Holds fast arithmetic to what an encoder computes in 32-bit floats.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ai/encoder/encoder_pool.h"
#include "ai/encoder/kernels.h"
#include "ai/encoder/model_config.h"
#include "ai/encoder/model_reader.h"
#include "ai/encoder/precision.h"
#include "base/status.h"

namespace lakehouse::ai {

// Below it vectors in bf16 do not count as those of the model.
inline constexpr double kFaithfulCosine = 0.9999;

// What the check embeds: texts of mixed length in many writing systems, code and numbers among
// them. The last is the longest: about `longest_words` words.
std::vector<std::string> SelfCheckTexts(size_t longest_words);

// How like two runs over the same texts are, at worst: for vectors the least cosine of a pair; for
// vectors of one value, as the scores of a cross-encoder are, the correlation of all of them. -1
// where a text has an error or a value that is not finite. REQUIRES: of equal size, not empty.
double Likeness(const Embeddings& a, const Embeddings& b);

struct FaithfulEncoderOptions {
  std::string model_name;          // For the log.
  std::string precision = "auto";  // auto, f32, bf16 or int8.
  const EncoderKernels* kernels = &BestEncoderKernels();
  EncoderPoolOptions pool;
};

// A pool in the fastest arithmetic that is asked for and faithful. With auto and bf16: bf16, else
// bf16 with attention in f32, else f32, whichever is the first with a likeness of at least
// kFaithfulCosine to f32 over SelfCheckTexts; auto takes f32 at once on a machine without AVX-512
// BF16. int8 is taken as asked. The log says what was found.
//
// Errors of TextEncoder::Load; kInvalidArgument for bf16 or int8 on a machine that has not got it.
Result<std::unique_ptr<EncoderPool>> OpenFaithfulEncoder(const ModelConfig& config,
                                                         ModelReader& reader,
                                                         const TokenizeText& tokenize,
                                                         const FaithfulEncoderOptions& options);

// The name of the class of arithmetic that an embedding space records: "f32", "bf16" or "int8".
const char* PrecisionName(Precision precision);

}  // namespace lakehouse::ai
