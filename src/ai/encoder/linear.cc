#include "ai/encoder/linear.h"

#include <algorithm>

#include "base/check.h"

// From the OpenMP runtime that oneDNN brings along.
extern "C" void omp_set_num_threads(int threads);

namespace lakehouse::ai {
namespace {

using dnnl::memory;

memory::desc Matrix(size_t rows, size_t columns, memory::format_tag layout) {
  return {{static_cast<memory::dim>(rows), static_cast<memory::dim>(columns)},
          memory::data_type::f32,
          layout};
}

}  // namespace

void MultiplyOnThisThreadOnly() { omp_set_num_threads(1); }

Matmul::Matmul(const dnnl::engine& engine, size_t inputs, size_t outputs)
    : engine_(engine), inputs_(inputs), outputs_(outputs) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const auto describe = [&](size_t rows, const memory::desc& weights) {
    return dnnl::matmul::primitive_desc(
        dnnl::matmul::desc(Matrix(rows, inputs, memory::format_tag::ab), weights,
                           Matrix(1, outputs, memory::format_tag::ab),
                           Matrix(rows, outputs, memory::format_tag::ab)),
        attributes, engine);
  };
  // The library chooses the layout once; every block size then takes the same weights.
  packed_ = describe(kMaxRows, Matrix(inputs, outputs, memory::format_tag::any)).weights_desc();
  for (size_t rows = kRowStep; rows <= kMaxRows; rows += kRowStep) {
    const auto description = describe(rows, packed_);
    blocks_.push_back({description, dnnl::matmul(description)});
  }
}

PackedLinear Matmul::Pack(std::span<const float> weights, std::span<const float> bias) const {
  CHECK(weights.size() == inputs_ * outputs_ && bias.size() == outputs_);
  memory plain(Matrix(inputs_, outputs_, memory::format_tag::ba), engine_,
               const_cast<float*>(weights.data()));
  PackedLinear packed{memory(packed_, engine_),
                      memory(Matrix(1, outputs_, memory::format_tag::ab), engine_)};
  dnnl::stream stream(engine_);
  dnnl::reorder(plain, packed.weights).execute(stream, plain, packed.weights);
  stream.wait();
  std::ranges::copy(bias, static_cast<float*>(packed.bias.get_data_handle()));
  return packed;
}

void Matmul::Run(MatmulContext& context, const PackedLinear& layer, const float* x, size_t rows,
                 float* y) const {
  CHECK(rows > 0 && rows <= kMaxRows);
  const Block& block = blocks_[(rows - 1) / kRowStep];
  const memory::desc scratch = block.description.scratchpad_desc();
  if (context.scratch_.size() < scratch.get_size()) context.scratch_.resize(scratch.get_size());
  block.primitive.execute(
      context.stream_,
      {{DNNL_ARG_SRC, memory(block.description.src_desc(), engine_, const_cast<float*>(x))},
       {DNNL_ARG_WEIGHTS, layer.weights},
       {DNNL_ARG_BIAS, layer.bias},
       {DNNL_ARG_DST, memory(block.description.dst_desc(), engine_, y)},
       {DNNL_ARG_SCRATCHPAD, memory(scratch, engine_, context.scratch_.data())}});
  context.stream_.wait();
}

}  // namespace lakehouse::ai
