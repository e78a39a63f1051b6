#include "ai/encoder/encoder_head.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"

namespace lakehouse::ai {
namespace {

// Epsilon of torch.nn.functional.layer_norm, which sentence-transformers calls.
constexpr double kLayerNormEpsilon = 1e-5;
constexpr double kSmallestLength = 1e-12;

void NormalizeLength(std::span<float> vector) {
  double squares = 0;
  for (const float value : vector) squares += static_cast<double>(value) * value;
  const double length = std::max(std::sqrt(squares), kSmallestLength);
  for (float& value : vector) value = static_cast<float>(value / length);
}

void NormalizeMoments(std::span<float> vector) {
  const auto width = static_cast<double>(vector.size());
  double sum = 0;
  for (const float value : vector) sum += value;
  const double mean = sum / width;
  double squares = 0;
  for (const float value : vector) squares += (value - mean) * (value - mean);
  const double scale = 1 / std::sqrt(squares / width + kLayerNormEpsilon);
  for (float& value : vector) value = static_cast<float>((value - mean) * scale);
}

}  // namespace

EncoderHead::EncoderHead(const ModelConfig& config, const EncoderKernels& kernels)
    : kernels_(&kernels),
      pooling_(config.labels > 0 ? Pooling::kCls : config.pooling),
      sigmoid_(config.labels > 0 && config.sigmoid),
      one_row_(pooling_ == Pooling::kCls || pooling_ == Pooling::kLastToken),
      width_(static_cast<size_t>(config.hidden_size)),
      widest_(width_),
      dimensions_(width_) {}

Result<EncoderHead> EncoderHead::Load(const ModelConfig& config, ModelReader& reader,
                                      const EncoderKernels& kernels) {
  EncoderHead head(config, kernels);
  if (config.labels > 0) {
    ASSIGN_OR_RETURN(const ClassifierWeights weights, reader.ReadClassifier());
    head.AddDense(weights.pooler, /*tanh=*/true);
    head.AddDense(weights.classifier, /*tanh=*/false);
    return head;
  }
  ASSIGN_OR_RETURN(const std::vector<PlainLinear> dense, reader.ReadDense());
  auto next = dense.begin();
  for (const HeadStep& step : config.head) {
    if (step.kind == HeadStep::Kind::kDense) {
      CHECK(next != dense.end());
      head.AddDense(*next++, step.tanh);
    } else {
      if (step.kind == HeadStep::Kind::kCut) {
        head.dimensions_ = static_cast<size_t>(step.outputs);
      }
      head.steps_.push_back({.kind = step.kind, .width = head.dimensions_, .dense = {}});
    }
  }
  return head;
}

void EncoderHead::AddDense(const PlainLinear& linear, bool tanh) {
  CHECK(linear.inputs == dimensions_);
  Dense dense{.weights = std::vector<float>(linear.weights.size()),
              .bias = linear.bias,
              .inputs = linear.inputs,
              .outputs = linear.outputs,
              .tanh = tanh};
  for (size_t o = 0; o < linear.outputs; ++o) {
    for (size_t i = 0; i < linear.inputs; ++i) {
      dense.weights[i * linear.outputs + o] = linear.weights[o * linear.inputs + i];
    }
  }
  dimensions_ = linear.outputs;
  steps_.push_back(
      {.kind = HeadStep::Kind::kDense, .width = dimensions_, .dense = std::move(dense)});
  widest_ = std::max(widest_, dimensions_);
}

bool EncoderHead::wants_one_row() const { return one_row_; }

size_t EncoderHead::WantedRow(size_t tokens) const {
  return pooling_ == Pooling::kLastToken ? tokens - 1 : 0;
}

void EncoderHead::Pool(const float* rows, size_t tokens, size_t stride, float* out) const {
  std::copy_n(rows, width_, out);
  if (one_row_) return;
  for (size_t r = 1; r < tokens; ++r) {
    const float* row = rows + r * stride;
    if (pooling_ == Pooling::kMax) {
      for (size_t i = 0; i < width_; ++i) out[i] = std::max(out[i], row[i]);
    } else {
      for (size_t i = 0; i < width_; ++i) out[i] += row[i];
    }
  }
  if (pooling_ == Pooling::kMean) {
    for (size_t i = 0; i < width_; ++i) out[i] /= static_cast<float>(tokens);
  }
}

void EncoderHead::Apply(const float* rows, size_t tokens, size_t stride, float* scratch,
                        std::span<float> out) const {
  float* values = scratch;
  float* next = scratch + widest_;
  size_t width = width_;
  Pool(rows, tokens, stride, values);
  for (const Step& step : steps_) {
    switch (step.kind) {
      case HeadStep::Kind::kDense:
        kernels_->multiply_vector({.x = values,
                                   .weights = step.dense.weights.data(),
                                   .bias = step.dense.bias.data(),
                                   .y = next,
                                   .inputs = step.dense.inputs,
                                   .outputs = step.dense.outputs});
        std::swap(values, next);
        width = step.width;
        if (step.dense.tanh) {
          for (size_t i = 0; i < width; ++i) values[i] = std::tanh(values[i]);
        }
        break;
      case HeadStep::Kind::kLayerNorm:
        NormalizeMoments({values, width});
        break;
      case HeadStep::Kind::kCut:
        width = step.width;
        break;
      case HeadStep::Kind::kNormalize:
        NormalizeLength({values, width});
        break;
    }
  }
  if (sigmoid_) {
    for (size_t i = 0; i < width; ++i) values[i] = 1.0F / (1.0F + std::exp(-values[i]));
  }
  std::copy_n(values, width, out.begin());
}

size_t EncoderHead::weight_bytes() const {
  size_t floats = 0;
  for (const Step& step : steps_) floats += step.dense.weights.size() + step.dense.bias.size();
  return floats * sizeof(float);
}

}  // namespace lakehouse::ai
