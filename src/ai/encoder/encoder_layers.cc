#include "ai/encoder/encoder_layers.h"

#include <algorithm>
#include <cmath>

namespace lakehouse::ai {

EncoderShape::EncoderShape(const ModelConfig& config)
    : layers(static_cast<size_t>(config.layers)),
      width(static_cast<size_t>(config.hidden_size)),
      stride(PadRow(width)),
      qkv_stride(PadRow(3 * width)),
      inner(PadRow(static_cast<size_t>(config.intermediate_size))),
      heads(static_cast<size_t>(config.heads)),
      head_width(width / heads),
      activation(config.activation),
      epsilon(config.layer_norm_epsilon) {}

size_t RaggedBatch::longest() const {
  size_t longest = 0;
  for (size_t i = 0; i < texts(); ++i) longest = std::max(longest, tokens(i));
  return longest;
}

Queries::Queries(const RaggedBatch& batch, size_t text, bool is_last_layer)
    : begin(0), end(batch.tokens(text)) {
  if (!is_last_layer || batch.wanted_rows.empty()) return;
  begin = batch.wanted_rows[text] - batch.begins[text];
  end = begin + 1;
}

RotaryTable::RotaryTable(const ModelConfig& config, const EncoderShape& shape) {
  if (config.rotary_base == 0) return;
  const size_t half = shape.head_width / 2;
  const auto positions = static_cast<size_t>(config.max_positions);
  cosines.reserve(positions * half);
  sines.reserve(positions * half);
  for (size_t position = 0; position < positions; ++position) {
    for (size_t i = 0; i < half; ++i) {
      const double exponent = -static_cast<double>(i) / static_cast<double>(half);
      const double angle = static_cast<double>(position) *
                           std::pow(static_cast<double>(config.rotary_base), exponent);
      cosines.push_back(static_cast<float>(std::cos(angle)));
      sines.push_back(static_cast<float>(std::sin(angle)));
    }
  }
}

void RotaryTable::Turn(const EncoderShape& shape, float* qkv, size_t tokens,
                       const Share& heads) const {
  if (cosines.empty()) return;
  const size_t half = shape.head_width / 2;
  for (size_t position = 0; position < tokens; ++position, qkv += shape.qkv_stride) {
    const float* cosine = cosines.data() + position * half;
    const float* sine = sines.data() + position * half;
    for (size_t part = 0; part < 2; ++part) {
      for (size_t h = heads.begin; h < heads.end; ++h) {
        float* low = qkv + part * shape.width + h * shape.head_width;
        float* high = low + half;
        for (size_t i = 0; i < half; ++i) {
          const float x = low[i];
          const float y = high[i];
          low[i] = x * cosine[i] - y * sine[i];
          high[i] = y * cosine[i] + x * sine[i];
        }
      }
    }
  }
}

PlainLinear PadLinear(const PlainLinear& linear, size_t inputs, size_t outputs) {
  PlainLinear padded{.inputs = inputs,
                     .outputs = outputs,
                     .weights = std::vector<float>(inputs * outputs),
                     .bias = linear.bias};
  padded.bias.resize(outputs);
  for (size_t o = 0; o < linear.outputs; ++o) {
    std::copy_n(linear.weights.data() + o * linear.inputs, linear.inputs,
                padded.weights.data() + o * inputs);
  }
  return padded;
}

void ScaleQueries(PlainLinear& qkv, size_t width, float factor) {
  for (size_t i = 0; i < width * qkv.inputs; ++i) qkv.weights[i] *= factor;
  for (size_t i = 0; i < width; ++i) qkv.bias[i] *= factor;
}

Share::Share(size_t count, size_t member, size_t members, size_t step) {
  const size_t steps = (count + step - 1) / step;
  begin = std::min(count, steps * member / members * step);
  end = std::min(count, steps * (member + 1) / members * step);
}

}  // namespace lakehouse::ai
