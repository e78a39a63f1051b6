#include "ai/encoder/kernels.h"

#include <cmath>
#include <iostream>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"

namespace lakehouse::ai {
namespace {

// Every implementation is held to the same plain formulas in double precision.
class EncoderKernelsTest : public ::testing::TestWithParam<const EncoderKernels*> {
 protected:
  void SetUp() override {
    if (!kernels().supported()) {
      GTEST_SKIP() << "this machine does not have " << kernels().name;
    }
  }
  const EncoderKernels& kernels() const { return *GetParam(); }

  std::vector<float> Random(size_t count, float scale) {
    std::vector<float> values(count);
    for (float& value : values) {
      value = scale * (2 * static_cast<float>(rng_.NextDouble()) - 1);
    }
    return values;
  }

 private:
  Rng rng_{42};
};

TEST_P(EncoderKernelsTest, LayerNormOfASum) {
  for (const size_t width : {16, 48, 384}) {
    std::vector<float> rows = Random(3 * width, 4);
    const std::vector<float> before = rows;
    const std::vector<float> residual = Random(3 * width, 4);
    const std::vector<float> gamma = Random(width, 2);
    const std::vector<float> beta = Random(width, 2);
    kernels().add_layer_norm({.row = rows.data(),
                              .residual = residual.data(),
                              .rows = 3,
                              .width = width,
                              .stride = width,
                              .gamma = gamma.data(),
                              .beta = beta.data(),
                              .epsilon = 1e-5F});
    for (size_t r = 0; r < 3; ++r) {
      double mean = 0;
      double variance = 0;
      const auto x = [&](size_t i) {
        return static_cast<double>(before[r * width + i]) + residual[r * width + i];
      };
      for (size_t i = 0; i < width; ++i) mean += x(i) / static_cast<double>(width);
      for (size_t i = 0; i < width; ++i) {
        variance += (x(i) - mean) * (x(i) - mean) / static_cast<double>(width);
      }
      for (size_t i = 0; i < width; ++i) {
        const double expected = (x(i) - mean) / std::sqrt(variance + 1e-5) * gamma[i] + beta[i];
        ASSERT_NEAR(rows[r * width + i], expected, 1e-5);
      }
    }
  }
}

TEST_P(EncoderKernelsTest, LayerNormLeavesThePaddingOfRows) {
  constexpr size_t kWidth = 16;
  constexpr size_t kStride = 32;
  std::vector<float> rows = Random(2 * kStride, 4);
  const std::vector<float> before = rows;
  const std::vector<float> ones(kWidth, 1);
  kernels().add_layer_norm({.row = rows.data(),
                            .residual = nullptr,
                            .rows = 2,
                            .width = kWidth,
                            .stride = kStride,
                            .gamma = ones.data(),
                            .beta = ones.data(),
                            .epsilon = 1e-5F});
  for (size_t r = 0; r < 2; ++r) {
    double sum = 0;
    for (size_t i = 0; i < kWidth; ++i) sum += rows[r * kStride + i];
    EXPECT_NEAR(sum, kWidth, 1e-4);
    for (size_t i = kWidth; i < kStride; ++i) {
      EXPECT_EQ(rows[r * kStride + i], before[r * kStride + i]);
    }
  }
}

TEST_P(EncoderKernelsTest, SwiGlu) {
  for (const size_t width : {16, 48}) {
    constexpr size_t kRows = 3;
    std::vector<float> values = Random(kRows * 2 * width, 20);
    const std::vector<float> before = values;
    kernels().swiglu(values.data(), kRows, width);
    for (size_t r = 0; r < kRows; ++r) {
      for (size_t i = 0; i < width; ++i) {
        const double x = before[2 * r * width + i];
        const double y = before[(2 * r + 1) * width + i];
        const double expected = x * y / (1 + std::exp(-y));
        ASSERT_NEAR(values[r * width + i], expected, 1e-6 * std::fabs(expected) + 1e-9);
      }
    }
  }
}

TEST_P(EncoderKernelsTest, ProductWithAVector) {
  for (const size_t outputs : {1, 15, 16, 35}) {
    constexpr size_t kInputs = 48;
    const std::vector<float> x = Random(kInputs, 1);
    const std::vector<float> weights = Random(kInputs * outputs, 1);
    const std::vector<float> bias = Random(outputs, 1);
    std::vector<float> y(outputs);
    kernels().multiply_vector({.x = x.data(),
                               .weights = weights.data(),
                               .bias = bias.data(),
                               .y = y.data(),
                               .inputs = kInputs,
                               .outputs = outputs});
    for (size_t o = 0; o < outputs; ++o) {
      double expected = bias[o];
      for (size_t i = 0; i < kInputs; ++i) {
        expected += static_cast<double>(x[i]) * weights[i * outputs + o];
      }
      ASSERT_NEAR(y[o], expected, 1e-5);
    }
  }
}

TEST_P(EncoderKernelsTest, GeluWithErrorFunction) {
  std::vector<float> x(16'000);
  for (size_t i = 0; i < x.size(); ++i) x[i] = (static_cast<float>(i) - 8'000) / 800;
  x[0] = -1e30F;
  x[1] = 1e30F;
  std::vector<float> y = x;
  kernels().gelu_erf(y.data(), y.size());
  EXPECT_LE(std::fabs(y[0]), 1e24F);
  EXPECT_FLOAT_EQ(y[1], 1e30F);
  for (size_t i = 2; i < x.size(); ++i) {
    const double v = x[i];
    ASSERT_NEAR(y[i], v * 0.5 * std::erfc(-v / std::sqrt(2.0)), 1e-6 * std::fabs(v) + 1e-9) << v;
  }
}

TEST_P(EncoderKernelsTest, GeluWithTanh) {
  std::vector<float> x(16'000);
  for (size_t i = 0; i < x.size(); ++i) x[i] = (static_cast<float>(i) - 8'000) / 800;
  std::vector<float> y = x;
  kernels().gelu_tanh(y.data(), y.size());
  for (size_t i = 0; i < x.size(); ++i) {
    const double v = x[i];
    const double inner = std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v);
    ASSERT_NEAR(y[i], v * 0.5 * (1 + std::tanh(inner)), 1e-6 * std::fabs(v) + 1e-9) << v;
  }
}

TEST_P(EncoderKernelsTest, AttentionOfEveryLength) {
  for (const size_t head_width : {16, 32, 48, 64}) {
    for (const size_t tokens : {1, 2, 7, 8, 9, 31, 32, 33, 100}) {
      constexpr size_t kHeads = 2;
      const size_t width = kHeads * head_width;
      const std::vector<float> qkv = Random(tokens * 3 * width, 2);
      std::vector<float> out(tokens * width);
      std::vector<float> scratch(AttentionScratchFloats(tokens, head_width));
      kernels().attention({.qkv = qkv.data(),
                           .out = out.data(),
                           .scratch = scratch.data(),
                           .tokens = tokens,
                           .width = width,
                           .heads = kHeads,
                           .qkv_stride = 3 * width,
                           .out_stride = width,
                           .head_begin = 0,
                           .head_end = kHeads,
                           .query_begin = 0,
                           .query_end = tokens});
      const auto at = [&](size_t part, size_t token, size_t i) {
        return static_cast<double>(qkv[token * 3 * width + part * width + i]);
      };
      for (size_t h = 0; h < kHeads; ++h) {
        for (size_t query = 0; query < tokens; ++query) {
          std::vector<double> weights(tokens);
          double sum = 0;
          for (size_t key = 0; key < tokens; ++key) {
            double score = 0;
            for (size_t i = h * head_width; i < (h + 1) * head_width; ++i) {
              score += at(0, query, i) * at(1, key, i);
            }
            sum += weights[key] = std::exp(score);
          }
          for (size_t i = h * head_width; i < (h + 1) * head_width; ++i) {
            double expected = 0;
            for (size_t key = 0; key < tokens; ++key)
              expected += weights[key] / sum * at(2, key, i);
            ASSERT_NEAR(out[query * width + i], expected, 3e-5) << tokens << " tokens";
          }
        }
      }
    }
  }
}

TEST_P(EncoderKernelsTest, AttentionWithHugeScoresIsFinite) {
  constexpr size_t kTokens = 20;
  std::vector<float> qkv(kTokens * 48);
  for (size_t i = 0; i < qkv.size(); ++i) qkv[i] = i % 2 == 0 ? 300.0F : -250.0F;
  std::vector<float> out(kTokens * 16);
  std::vector<float> scratch(AttentionScratchFloats(kTokens, 16));
  kernels().attention({.qkv = qkv.data(),
                       .out = out.data(),
                       .scratch = scratch.data(),
                       .tokens = kTokens,
                       .width = 16,
                       .heads = 1,
                       .qkv_stride = 48,
                       .out_stride = 16,
                       .head_begin = 0,
                       .head_end = 1,
                       .query_begin = 0,
                       .query_end = kTokens});
  for (size_t i = 0; i < out.size(); ++i) EXPECT_NEAR(out[i], qkv[i], 1e-3);
}

INSTANTIATE_TEST_SUITE_P(All, EncoderKernelsTest,
                         ::testing::ValuesIn(AllEncoderKernels().begin(),
                                             AllEncoderKernels().end()),
                         [](const auto& tested) { return tested.param->name; });

}  // namespace
}  // namespace lakehouse::ai
