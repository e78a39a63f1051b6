#include "ai/encoder/linear.h"

#include <cstring>

#include <gtest/gtest.h>

#include "base/rng.h"

namespace lakehouse::ai {
namespace {

constexpr size_t kInputs = 96;
constexpr size_t kOutputs = 80;

constexpr size_t kMostRows = 2 * Matmul::kBlockRows.back();

class MatmulTest : public ::testing::Test {
 protected:
  MatmulTest() {
    for (float& value : plain_.weights) value = Random();
    for (float& value : plain_.bias) value = Random();
    for (float& value : x_) value = Random();
  }
  std::vector<float> Multiply(const float* x, size_t rows) {
    std::vector<float> y((rows + Matmul::kRowStep) * kOutputs, -1);
    EXPECT_TRUE(matmul_.Run(context_, layer_, x, rows, y.data()));
    y.resize(rows * kOutputs);
    return y;
  }
  float Random() { return static_cast<float>(rng_.NextDouble()) - 0.5F; }

  static dnnl::engine MakeEngine() {
    MultiplyOnThisThreadOnly();
    return {dnnl::engine::kind::cpu, 0};
  }

  Rng rng_{42};
  PlainLinear plain_{.inputs = kInputs,
                     .outputs = kOutputs,
                     .weights = std::vector<float>(kOutputs * kInputs),
                     .bias = std::vector<float>(kOutputs)};
  std::vector<float> x_ = std::vector<float>((kMostRows + Matmul::kRowStep) * kInputs);
  dnnl::engine engine_ = MakeEngine();
  Matmul matmul_{engine_, kInputs, kOutputs};
  Matmul::Context context_{matmul_};
  PackedLinear layer_;

  void SetUp() override { layer_ = matmul_.Pack(plain_); }
};

TEST_F(MatmulTest, MultipliesEveryNumberOfRows) {
  for (size_t rows = 1; rows <= kMostRows; ++rows) {
    const std::vector<float> y = Multiply(x_.data(), rows);
    for (size_t r = 0; r < rows; ++r) {
      for (size_t o = 0; o < kOutputs; ++o) {
        double expected = plain_.bias[o];
        for (size_t i = 0; i < kInputs; ++i) {
          expected += static_cast<double>(x_[r * kInputs + i]) * plain_.weights[o * kInputs + i];
        }
        ASSERT_NEAR(y[r * kOutputs + o], expected, 1e-5);
      }
    }
  }
}

TEST_F(MatmulTest, RowIsTheSameBitForBitInAnyBlock) {
  const std::vector<float> alone = Multiply(x_.data() + 5 * kInputs, 1);
  for (size_t rows = 6; rows <= kMostRows; ++rows) {
    const std::vector<float> y = Multiply(x_.data(), rows);
    ASSERT_EQ(std::memcmp(alone.data(), y.data() + 5 * kOutputs, kOutputs * sizeof(float)), 0)
        << rows << " rows";
  }
}

}  // namespace
}  // namespace lakehouse::ai
