// What makes one vector out of the rows of a text.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "ai/encoder/kernels.h"
#include "ai/encoder/model_config.h"
#include "ai/encoder/model_reader.h"
#include "base/status.h"

namespace lakehouse::ai {

// Pooling and what follows it, or the classifier of a cross-encoder, in 32-bit floats. Immutable
// and thread-safe.
class EncoderHead {
 public:
  static Result<EncoderHead> Load(const ModelConfig& config, ModelReader& reader,
                                  const EncoderKernels& kernels);

  // Whether only one row of each text decides, and which.
  bool wants_one_row() const;
  size_t WantedRow(size_t tokens) const;

  // Writes dimensions() floats from the `tokens` rows of a text, or from its wanted row when there
  // is one. `scratch` has scratch_floats() floats.
  void Apply(const float* rows, size_t tokens, size_t stride, float* scratch,
             std::span<float> out) const;

  size_t dimensions() const { return dimensions_; }
  size_t scratch_floats() const { return 2 * widest_; }
  size_t weight_bytes() const;

 private:
  // Weights with a row for each input.
  struct Dense {
    std::vector<float> weights;
    std::vector<float> bias;
    size_t inputs = 0;
    size_t outputs = 0;
    bool tanh = false;
  };
  struct Step {
    HeadStep::Kind kind;
    size_t width;  // After it.
    Dense dense;
  };

  EncoderHead(const ModelConfig& config, const EncoderKernels& kernels);
  void AddDense(const PlainLinear& linear, bool tanh);
  void Pool(const float* rows, size_t tokens, size_t stride, float* out) const;

  const EncoderKernels* kernels_;
  Pooling pooling_;
  bool sigmoid_ = false;
  bool one_row_;
  size_t width_;
  size_t widest_;
  size_t dimensions_;
  std::vector<Step> steps_;
};

}  // namespace lakehouse::ai
