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
  packed_ =
      describe(kBlockRows.back(), Matrix(inputs, outputs, memory::format_tag::any)).weights_desc();
  for (const size_t rows : kBlockRows) {
    const auto description = describe(rows, packed_);
    blocks_.push_back({description, dnnl::matmul(description)});
  }
}

Matmul::Context::Context(const Matmul& matmul) : stream_(matmul.engine_) {
  size_t scratch = 0;
  for (const Matmul::Block& block : matmul.blocks_) {
    scratch = std::max(scratch, block.description.scratchpad_desc().get_size());
  }
  scratch_.resize(scratch);
  for (const Matmul::Block& block : matmul.blocks_) {
    blocks_.push_back(
        {memory(block.description.src_desc(), matmul.engine_, nullptr),
         memory(block.description.dst_desc(), matmul.engine_, nullptr),
         memory(block.description.scratchpad_desc(), matmul.engine_, scratch_.data())});
  }
}

PackedLinear Matmul::Pack(const PlainLinear& layer) const {
  CHECK(layer.inputs == inputs_ && layer.outputs == outputs_);
  memory plain(Matrix(inputs_, outputs_, memory::format_tag::ba), engine_,
               const_cast<float*>(layer.weights.data()));
  PackedLinear packed{memory(packed_, engine_),
                      memory(Matrix(1, outputs_, memory::format_tag::ab), engine_)};
  dnnl::stream stream(engine_);
  dnnl::reorder(plain, packed.weights).execute(stream, plain, packed.weights);
  stream.wait();
  std::ranges::copy(layer.bias, static_cast<float*>(packed.bias.get_data_handle()));
  return packed;
}

bool Matmul::Run(Context& context, const PackedLinear& layer, const float* x, size_t rows,
                 float* y) const {
  while (rows > 0) {
    size_t i = kBlockRows.size() - 1;
    // The smallest block that holds the rows, or the largest one.
    while (i > 0 && kBlockRows[i - 1] >= rows) --i;
    // Padding costs as much as work: a block half empty is left to smaller ones.
    if (i > 0 && kBlockRows[i] >= rows + kRowStep) --i;
    const Context::Block& block = context.blocks_[i];
    // The C interface takes its arguments without allocating.
    dnnl_memory_set_data_handle(block.x.get(), const_cast<float*>(x));
    dnnl_memory_set_data_handle(block.y.get(), y);
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, block.x.get()},
                                         {DNNL_ARG_WEIGHTS, layer.weights.get()},
                                         {DNNL_ARG_BIAS, layer.bias.get()},
                                         {DNNL_ARG_DST, block.y.get()},
                                         {DNNL_ARG_SCRATCHPAD, block.scratchpad.get()}};
    if (dnnl_primitive_execute(blocks_[i].primitive.get(), context.stream_.get(),
                               static_cast<int>(std::size(arguments)), arguments) != dnnl_success) {
      return false;
    }
    const size_t done = std::min(rows, kBlockRows[i]);
    rows -= done;
    x += done * inputs_;
    y += done * outputs_;
  }
  return true;
}

size_t Matmul::packed_bytes() const { return packed_.get_size() + outputs_ * sizeof(float); }

}  // namespace lakehouse::ai
