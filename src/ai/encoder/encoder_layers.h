// The transformer layers of an encoder, behind one interface for every arithmetic.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "ai/encoder/kernels.h"
#include "ai/encoder/model_config.h"
#include "ai/encoder/model_reader.h"
#include "ai/encoder/thread_team.h"
#include "base/status.h"

namespace lakehouse::ai {

// Rows in memory are padded to this many values, with zeros that contribute nothing.
inline constexpr size_t kRowPadding = 64;
constexpr size_t PadRow(size_t values) {
  return (values + kRowPadding - 1) / kRowPadding * kRowPadding;
}

// Sizes of one model. Strides are padded widths.
struct EncoderShape {
  explicit EncoderShape(const ModelConfig& config);

  size_t layers;
  size_t width;
  size_t stride;      // Of rows of `width` values.
  size_t qkv_stride;  // Of rows of queries, keys and values.
  size_t inner;       // Padded width between the two linear layers of the feed-forward part.
  size_t heads;
  size_t head_width;
  Activation activation;
  float epsilon;
};

// Texts laid end to end, a row per token.
struct RaggedBatch {
  std::span<const size_t> begins;  // Of each text; then the number of rows.
  // The one row of each text that is asked for; empty: every row is.
  std::span<const size_t> wanted_rows;

  size_t texts() const { return begins.size() - 1; }
  size_t rows() const { return begins.back(); }
  size_t tokens(size_t text) const { return begins[text + 1] - begins[text]; }
  size_t longest() const;
};

// The layers with their weights. Immutable and thread-safe.
class EncoderLayers {
 public:
  // What one team of threads needs. Grows with the largest batch.
  class Buffers {
   public:
    virtual ~Buffers() = default;
  };

  virtual ~EncoderLayers() = default;

  virtual Result<std::unique_ptr<Buffers>> MakeBuffers(size_t members) const = 0;
  // Makes room for a batch. May throw std::bad_alloc.
  virtual void Prepare(const RaggedBatch& batch, Buffers& buffers) const = 0;
  // Rows of the embedding to rows of the last layer, in place: every member of the team calls it
  // with the same arguments. With wanted rows, row i of the result is that of text i. `hidden` has
  // rows of the shape's stride, and room for 7 more than the batch has.
  virtual void Run(const RaggedBatch& batch, Buffers& buffers, ThreadTeam& team, size_t member,
                   float* hidden) const = 0;
  // Internal when a Run since Prepare went wrong.
  virtual Status status(const Buffers& buffers) const = 0;
  virtual size_t weight_bytes() const = 0;
};

// Returns the same function with more inputs and outputs, all zero.
PlainLinear PadLinear(const PlainLinear& linear, size_t inputs, size_t outputs);
// Multiplies what makes the queries, the first `width` outputs, by `factor`.
void ScaleQueries(PlainLinear& qkv, size_t width, float factor);

// The tokens of a text that ask in a layer: all of them, or in the last one that which is wanted.
struct Queries {
  Queries(const RaggedBatch& batch, size_t text, bool is_last_layer);
  size_t begin;
  size_t end;
};

// [begin, end) of `count` things that are handed out in whole multiples of `step`.
struct Share {
  Share(size_t count, size_t member, size_t members, size_t step);
  size_t begin;
  size_t end;
};

// The cosines and sines by which heads turn, as rows of head_width / 2 for each position.
struct RotaryTable {
  RotaryTable() = default;
  RotaryTable(const ModelConfig& config, const EncoderShape& shape);

  // Turns the queries and keys of some heads of a text (Su et al., 2021).
  void Turn(const EncoderShape& shape, float* qkv, size_t tokens, const Share& heads) const;

  std::vector<float> cosines;  // Empty: nothing turns.
  std::vector<float> sines;
};

}  // namespace lakehouse::ai
