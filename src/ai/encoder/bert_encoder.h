// A BERT sentence encoder (Devlin et al., 2018; Reimers and Gurevych, 2019) in 32-bit floats.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "ai/encoder/kernels.h"
#include "ai/encoder/model_config.h"
#include "ai/encoder/safetensors.h"
#include "base/status.h"

namespace lakehouse::ai {

// Token ids of texts to one vector each. Texts are laid end to end without padding. Immutable and
// thread-safe.
//
// Invariants:
// 1. The vector of a text is bit for bit the same whichever texts it is encoded with.
// 2. No text can make another one fail.
class BertEncoder {
 public:
  // The buffers of one caller at a time.
  class Workspace;
  struct WorkspaceDeleter {
    void operator()(Workspace* workspace) const;
  };
  using WorkspacePointer = std::unique_ptr<Workspace, WorkspaceDeleter>;

  // Reads and packs the weights; `tensors` may go afterwards. kInvalidArgument when a tensor is
  // missing or misshapen. `kernels` must be supported by this machine.
  static Result<std::unique_ptr<BertEncoder>> Load(const ModelConfig& config,
                                                   const Safetensors& tensors,
                                                   const EncoderKernels& kernels);
  ~BertEncoder();

  Result<WorkspacePointer> MakeWorkspace() const;

  // Writes a vector of dimensions() floats for each text, one after the other. REQUIRES: every id
  // is valid for the vocabulary; each text has 1 to max_positions tokens; vectors.size() is
  // texts.size() * dimensions().
  Status Encode(std::span<const std::span<const int32_t>> texts, Workspace& workspace,
                std::span<float> vectors) const;

  size_t dimensions() const;

 private:
  struct Model;
  explicit BertEncoder(std::unique_ptr<Model> model);

  std::unique_ptr<const Model> model_;
};

}  // namespace lakehouse::ai
