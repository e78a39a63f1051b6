#include "vector/kernels/kernels.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "support/test_seed.h"
#include "vector/aligned_vector.h"
#include "vector/kernels/dispatch.h"

namespace lakehouse::vector::kernels {
namespace {

// Floats of both signs over many magnitudes, zeros and denormals among them.
float WildFloat(Rng& rng) {
  switch (rng.Below(16)) {
    case 0:
      return 0.0f;
    case 1:
      return -0.0f;
    case 2:
      return std::numeric_limits<float>::denorm_min() * static_cast<float>(rng.Below(1000));
    default: {
      const int exponent = static_cast<int>(rng.Below(60)) - 30;
      return std::ldexp(static_cast<float>(rng.NextDouble() * 2 - 1), exponent);
    }
  }
}

struct Block {
  size_t width = 0;
  size_t count = 0;
  AlignedFloats query;
  AlignedFloats rows;
};

// `dimensions` floats a row, padded with zeros; `wild` spreads their magnitudes.
Block RandomBlock(Rng& rng, size_t dimensions, size_t count, bool wild) {
  Block block;
  block.width = (dimensions + kLanes - 1) / kLanes * kLanes;
  block.count = count;
  block.query.assign(block.width, 0.0f);
  block.rows.assign(block.width * count, 0.0f);
  const auto draw = [&] {
    return wild ? WildFloat(rng) : static_cast<float>(rng.NextDouble() * 2 - 1);
  };
  for (size_t i = 0; i < dimensions; ++i) block.query[i] = draw();
  for (size_t r = 0; r < count; ++r) {
    for (size_t i = 0; i < dimensions; ++i) block.rows[r * block.width + i] = draw();
  }
  return block;
}

std::vector<uint32_t> BitsOf(BlockFunction function, const Block& block) {
  std::vector<float> out(block.count);
  function(block.query.data(), block.rows.data(), block.count, block.width, out.data());
  std::vector<uint32_t> bits;
  for (const float value : out) bits.push_back(std::bit_cast<uint32_t>(value));
  return bits;
}

class KernelsTest : public ::testing::TestWithParam<const KernelSet*> {
 protected:
  const uint64_t seed_ = testing::TestSeed();
};

TEST_P(KernelsTest, EqualsScalarToTheBitAtEveryWidth) {
  SCOPED_TRACE(seed_);
  Rng rng(seed_);
  for (size_t dimensions = 1; dimensions <= 130; ++dimensions) {
    for (const bool wild : {false, true}) {
      const Block block = RandomBlock(rng, dimensions, 1 + rng.Below(21), wild);
      ASSERT_EQ(BitsOf(GetParam()->dot, block), BitsOf(kScalarKernels.dot, block)) << dimensions;
      ASSERT_EQ(BitsOf(GetParam()->squared_l2, block), BitsOf(kScalarKernels.squared_l2, block))
          << dimensions;
    }
  }
}

TEST_P(KernelsTest, EqualsScalarToTheBitAtModelWidths) {
  SCOPED_TRACE(seed_);
  Rng rng(seed_);
  for (const size_t dimensions : {384u, 768u, 1024u, 1536u, 4096u}) {
    const Block block = RandomBlock(rng, dimensions, 19, true);
    EXPECT_EQ(BitsOf(GetParam()->dot, block), BitsOf(kScalarKernels.dot, block)) << dimensions;
    EXPECT_EQ(BitsOf(GetParam()->squared_l2, block), BitsOf(kScalarKernels.squared_l2, block))
        << dimensions;
  }
}

TEST_P(KernelsTest, RowsDoNotDependOnTheirNeighbours) {
  SCOPED_TRACE(seed_);
  Rng rng(seed_);
  const Block block = RandomBlock(rng, 100, 23, true);
  const std::vector<uint32_t> together = BitsOf(GetParam()->dot, block);
  for (size_t r = 0; r < block.count; ++r) {
    float alone = 0;
    GetParam()->dot(block.query.data(), block.rows.data() + r * block.width, 1, block.width,
                    &alone);
    EXPECT_EQ(std::bit_cast<uint32_t>(alone), together[r]) << r;
  }
}

TEST_P(KernelsTest, IsNearTheSumInDoublePrecision) {
  SCOPED_TRACE(seed_);
  Rng rng(seed_);
  const Block block = RandomBlock(rng, 384, 40, false);
  std::vector<float> dots(block.count), distances(block.count);
  GetParam()->dot(block.query.data(), block.rows.data(), block.count, block.width, dots.data());
  GetParam()->squared_l2(block.query.data(), block.rows.data(), block.count, block.width,
                         distances.data());
  for (size_t r = 0; r < block.count; ++r) {
    double dot = 0, distance = 0;
    for (size_t i = 0; i < block.width; ++i) {
      const double q = block.query[i], x = block.rows[r * block.width + i];
      dot += q * x;
      distance += (q - x) * (q - x);
    }
    EXPECT_NEAR(dots[r], dot, 1e-4) << r;
    EXPECT_NEAR(distances[r], distance, distance * 1e-6) << r;
  }
}

TEST_P(KernelsTest, AcceptsUnalignedRows) {
  SCOPED_TRACE(seed_);
  Rng rng(seed_);
  const Block block = RandomBlock(rng, 64, 9, false);
  std::vector<float> shifted(block.rows.size() + 1);
  std::copy(block.rows.begin(), block.rows.end(), shifted.begin() + 1);
  std::vector<float> out(block.count);
  GetParam()->dot(block.query.data(), shifted.data() + 1, block.count, block.width, out.data());
  const std::vector<uint32_t> expected = BitsOf(kScalarKernels.dot, block);
  for (size_t r = 0; r < block.count; ++r) {
    EXPECT_EQ(std::bit_cast<uint32_t>(out[r]), expected[r]);
  }
}

INSTANTIATE_TEST_SUITE_P(Supported, KernelsTest, ::testing::ValuesIn(SupportedKernels()),
                         [](const auto& param) { return std::string(param.param->name); });

// The order of summation is a promise (stored scores are compared across machines), so it is
// pinned by a case whose result differs under any other order.
TEST(KernelOrderTest, FoldsLanesInHalves) {
  AlignedFloats query(16, 1.0f), row(16, 0.0f);
  row[0] = 1e8f;
  row[8] = 1.0f;   // Lost: folded into lane 0 first.
  row[4] = -1e8f;  // Cancels lane 0 next.
  row[1] = 3.0f;
  for (const KernelSet* set : SupportedKernels()) {
    float out = 0;
    set->dot(query.data(), row.data(), 1, 16, &out);
    EXPECT_EQ(out, 3.0f) << set->name;
  }
}

TEST(KernelOrderTest, FusesTheMultiplyAdd) {
  const float x = 1.0f + 0x1p-12f;
  AlignedFloats query(32, 0.0f), row(32, 0.0f);
  query[0] = x, row[0] = x;     // x * x is rounded when it enters the empty lane,
  query[16] = -x, row[16] = x;  // and exact when it is taken out again.
  const float expected = std::fma(-x, x, x * x);
  ASSERT_NE(expected, 0.0f);
  for (const KernelSet* set : SupportedKernels()) {
    float out = 0;
    set->dot(query.data(), row.data(), 1, 32, &out);
    EXPECT_EQ(out, expected) << set->name;
  }
}

TEST(DispatchTest, TakesTheNamedSetAndRefusesOthers) {
  const std::string before = ActiveKernels().name;
  for (const KernelSet* set : SupportedKernels()) {
    ASSERT_TRUE(UseKernels(set->name).ok());
    EXPECT_EQ(&ActiveKernels(), set);
  }
  const Status unknown = UseKernels("mmx");
  EXPECT_EQ(unknown.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(unknown.message(), ::testing::HasSubstr("scalar"));
  ASSERT_TRUE(UseKernels(before).ok());
}

}  // namespace
}  // namespace lakehouse::vector::kernels
