// A transformer sentence encoder (Devlin et al., 2018; Reimers and Gurevych, 2019; Nussbaum et al.,
// 2024) on a CPU.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "ai/encoder/kernels.h"
#include "ai/encoder/model_config.h"
#include "ai/encoder/model_reader.h"
#include "ai/encoder/precision.h"
#include "base/status.h"

namespace lakehouse::ai {

// The token ids of one text, or of a pair.
struct TokenSequence {
  std::span<const int32_t> ids;
  // Tokens from here on are of type 1; ids.size() when there is one text.
  size_t second_begin = 0;
};

// Token ids to one vector each: an embedding, or the scores of a cross-encoder. Texts are laid end
// to end without padding. Immutable and thread-safe.
//
// Invariants:
// 1. The vector of a text is bit for bit the same whichever texts it is encoded with, and on
//    however many threads.
// 2. No text can make another one fail.
class TextEncoder {
 public:
  // The buffers of one caller at a time.
  class Workspace;
  struct WorkspaceDeleter {
    void operator()(Workspace* workspace) const;
  };
  using WorkspacePointer = std::unique_ptr<Workspace, WorkspaceDeleter>;

  struct WorkspaceOptions {
    // Threads that share each multiplication: 1 for many texts, more for the latency of one.
    size_t threads = 1;
  };

  // Packs the weights. Errors of `reader`; kInvalidArgument when this machine or these kernels
  // cannot compute in `precision` (CanCompute). `kernels` must be supported by this machine.
  static Result<std::unique_ptr<TextEncoder>> Load(const ModelConfig& config, ModelReader& reader,
                                                   Precision precision,
                                                   const EncoderKernels& kernels);
  static bool CanCompute(Precision precision, const EncoderKernels& kernels);
  ~TextEncoder();

  Result<WorkspacePointer> MakeWorkspace(const WorkspaceOptions& options) const;

  // Writes a vector of dimensions() floats for each text, one after the other. REQUIRES: every id
  // is valid for the vocabulary; each text has 1 to max_positions tokens; vectors.size() is
  // texts.size() * dimensions().
  Status Encode(std::span<const TokenSequence> texts, Workspace& workspace,
                std::span<float> vectors) const;

  size_t dimensions() const;
  Precision precision() const;
  size_t weight_bytes() const;

 private:
  struct Model;
  explicit TextEncoder(std::unique_ptr<Model> model);

  std::unique_ptr<const Model> model_;
};

}  // namespace lakehouse::ai
