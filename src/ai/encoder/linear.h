// Matrix multiplication in 32-bit floats on oneDNN: y = x W^T + b.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

#include <oneapi/dnnl/dnnl.hpp>

#include "ai/encoder/model_reader.h"

namespace lakehouse::ai {

// Makes oneDNN use the calling thread alone from now on. Call on every thread that makes or runs a
// Matmul: the cores are shared out among rows, not within a multiplication.
void MultiplyOnThisThreadOnly();

// Weights and bias of one layer in the layout of its Matmul.
struct PackedLinear {
  dnnl::memory weights;
  dnnl::memory bias;
};

// Multiplication by matrices of one shape. Immutable and thread-safe.
//
// Rows are computed in blocks of certain sizes, all whole multiples of kRowStep, so a block may
// read and write up to kRowStep - 1 rows beyond those asked for. A row's result does not depend on
// the others, nor on the size of its block.
class Matmul {
 public:
  static constexpr size_t kRowStep = 8;
  static constexpr std::array<size_t, 11> kBlockRows = {8,  16, 24, 32,  40, 48,
                                                        56, 64, 96, 128, 192};

  // What one thread needs to call Run. Not thread-safe.
  class Context {
   public:
    explicit Context(const Matmul& matmul);

   private:
    friend class Matmul;
    struct Block {
      dnnl::memory x;
      dnnl::memory y;
      dnnl::memory scratchpad;
    };
    dnnl::stream stream_;
    std::vector<std::byte> scratch_;
    std::vector<Block> blocks_;  // One for each of kBlockRows.
  };

  // Throws dnnl::error.
  Matmul(const dnnl::engine& engine, size_t inputs, size_t outputs);

  // REQUIRES: the layer has the shape of this. Throws dnnl::error.
  PackedLinear Pack(const PlainLinear& layer) const;

  // Multiplies any number of rows that follow each other. Returns false when oneDNN failed.
  // REQUIRES: x and y have room for rows rounded up to kRowStep.
  [[nodiscard]] bool Run(Context& context, const PackedLinear& layer, const float* x, size_t rows,
                         float* y) const;

  size_t packed_bytes() const;

 private:
  struct Block {
    dnnl::matmul::primitive_desc description;
    dnnl::matmul primitive;
  };

  dnnl::engine engine_;
  size_t inputs_;
  size_t outputs_;
  dnnl::memory::desc packed_;
  std::vector<Block> blocks_;  // One for each of kBlockRows.
};

}  // namespace lakehouse::ai
