// An encoder with its threads: many callers, documents and queries.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ai/encoder/encode_call.h"
#include "ai/encoder/text_encoder.h"
#include "ai/encoder/worker_lane.h"
#include "base/cancel.h"
#include "base/metrics.h"
#include "base/status.h"

namespace lakehouse::ai {

struct EncoderPoolOptions {
  size_t threads = 1;                 // Of each lane.
  size_t batch_tokens = 1024;         // About what a thread encodes at once.
  std::vector<int> processors;        // Where threads of documents stay, as in WorkerLaneOptions.
  Counter* encoded_tokens = nullptr;  // Outlives the pool; may be null.
};

// Documents are encoded on one thread per core at a lower priority; queries, which somebody waits
// for, on threads of their own that the kernel lets go first at any moment, or on that of whoever
// waits. Thread-safe.
class EncoderPool {
 public:
  enum class Lane { kDocuments, kQueries };

  static Result<std::unique_ptr<EncoderPool>> Start(std::unique_ptr<TextEncoder> encoder,
                                                    const EncoderPoolOptions& options);

  // One vector per text, in order; a bad text fails alone. Texts with equal tokens are encoded
  // once. An error as a whole: `cancel` stopped the call between batches, or memory ran out.
  Result<Embeddings> Encode(std::span<const std::string> texts, const TokenizeText& tokenize,
                            Lane lane, const CancelToken& cancel);

  const TextEncoder& encoder() const { return *encoder_; }

 private:
  // Threads with the buffers of each.
  struct Crew {
    std::unique_ptr<WorkerLane> lane;
    std::vector<TextEncoder::WorkspacePointer> workspaces;
  };
  EncoderPool() = default;
  static Status Man(const TextEncoder& encoder, const WorkerLaneOptions& options, Crew& crew);
  Status RunCall(Crew& crew, EncodeCall& call, const CancelToken& cancel);

  std::unique_ptr<const TextEncoder> encoder_;
  Counter* encoded_tokens_ = nullptr;
  // Destroyed, and with them their threads, before the encoder.
  Crew documents_;
  Crew queries_;
};

}  // namespace lakehouse::ai
