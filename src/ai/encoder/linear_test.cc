#include "ai/encoder/linear.h"

#include <cstring>

#include <gtest/gtest.h>

#include "base/rng.h"

namespace lakehouse::ai {
namespace {

constexpr size_t kInputs = 96;
constexpr size_t kOutputs = 80;

class MatmulTest : public ::testing::Test {
 protected:
  MatmulTest() {
    for (float& value : weights_) value = Random();
    for (float& value : bias_) value = Random();
    for (float& value : x_) value = Random();
  }
  std::vector<float> Multiply(const float* x, size_t rows) {
    std::vector<float> y(Matmul::kMaxRows * kOutputs, -1);
    matmul_.Run(context_, layer_, x, rows, y.data());
    y.resize(rows * kOutputs);
    return y;
  }
  float Random() { return static_cast<float>(rng_.NextDouble()) - 0.5F; }

  static dnnl::engine MakeEngine() {
    MultiplyOnThisThreadOnly();
    return {dnnl::engine::kind::cpu, 0};
  }

  Rng rng_{42};
  std::vector<float> weights_ = std::vector<float>(kOutputs * kInputs);
  std::vector<float> bias_ = std::vector<float>(kOutputs);
  std::vector<float> x_ = std::vector<float>(2 * Matmul::kMaxRows * kInputs);
  dnnl::engine engine_ = MakeEngine();
  Matmul matmul_{engine_, kInputs, kOutputs};
  MatmulContext context_{engine_};
  PackedLinear layer_;

  void SetUp() override { layer_ = matmul_.Pack(weights_, bias_); }
};

TEST_F(MatmulTest, MultipliesEveryNumberOfRows) {
  for (size_t rows = 1; rows <= Matmul::kMaxRows; ++rows) {
    const std::vector<float> y = Multiply(x_.data(), rows);
    for (size_t r = 0; r < rows; ++r) {
      for (size_t o = 0; o < kOutputs; ++o) {
        double expected = bias_[o];
        for (size_t i = 0; i < kInputs; ++i) {
          expected += static_cast<double>(x_[r * kInputs + i]) * weights_[o * kInputs + i];
        }
        ASSERT_NEAR(y[r * kOutputs + o], expected, 1e-5);
      }
    }
  }
}

TEST_F(MatmulTest, RowIsTheSameBitForBitInAnyBlock) {
  const std::vector<float> alone = Multiply(x_.data() + 5 * kInputs, 1);
  for (size_t rows = 6; rows <= Matmul::kMaxRows; ++rows) {
    const std::vector<float> y = Multiply(x_.data(), rows);
    ASSERT_EQ(std::memcmp(alone.data(), y.data() + 5 * kOutputs, kOutputs * sizeof(float)), 0)
        << rows << " rows";
  }
}

}  // namespace
}  // namespace lakehouse::ai
