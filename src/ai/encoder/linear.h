// Matrix multiplication on oneDNN: y = x * transpose(W) + b in 32-bit floats.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include <oneapi/dnnl/dnnl.hpp>

namespace lakehouse::ai {

// Makes oneDNN use the calling thread alone from now on. Call before making a Matmul and on every
// thread that runs one: the cores are shared out among texts, not within a multiplication.
void MultiplyOnThisThreadOnly();

// What one thread needs to multiply. Not thread-safe.
class MatmulContext {
 public:
  explicit MatmulContext(const dnnl::engine& engine) : stream_(engine) {}

 private:
  friend class Matmul;
  dnnl::stream stream_;
  std::vector<std::byte> scratch_;
};

// Weights and bias of one layer in the layout of its Matmul.
struct PackedLinear {
  dnnl::memory weights;
  dnnl::memory bias;
};

// Multiplication by matrices of one shape. Immutable and thread-safe; throws dnnl::error.
//
// Rows are computed in blocks of whole multiples of kRowStep, so a block may read and write up to
// kRowStep - 1 rows beyond those asked for. A row's result does not depend on the others.
class Matmul {
 public:
  static constexpr size_t kRowStep = 8;
  static constexpr size_t kMaxRows = 64;  // Of one call.

  Matmul(const dnnl::engine& engine, size_t inputs, size_t outputs);

  // `weights` has a row of `inputs` floats for each output.
  PackedLinear Pack(std::span<const float> weights, std::span<const float> bias) const;

  // Multiplies `rows` rows that follow each other. REQUIRES: 0 < rows <= kMaxRows; x and y have
  // room for rows rounded up to kRowStep.
  void Run(MatmulContext& context, const PackedLinear& layer, const float* x, size_t rows,
           float* y) const;

 private:
  struct Block {
    dnnl::matmul::primitive_desc description;
    dnnl::matmul primitive;
  };

  dnnl::engine engine_;
  size_t inputs_;
  size_t outputs_;
  dnnl::memory::desc packed_;
  std::vector<Block> blocks_;  // blocks_[i] has (i + 1) * kRowStep rows.
};

}  // namespace lakehouse::ai
