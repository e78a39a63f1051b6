#include "ai/encoder/encoder_pool.h"

#include <utility>

namespace lakehouse::ai {
namespace {

// Documents give way to everything else that the process does.
constexpr int kDocumentNiceness = 10;
// Tokens that a thread encodes at once, in about 50 ms where rows are narrow: enough to hide what a
// batch costs by itself (2,048 are no faster), few enough to stop soon.
constexpr size_t kBatchTokens = 512;

}  // namespace

Status EncoderPool::Man(const TextEncoder& encoder, const WorkerLaneOptions& options, Crew& crew) {
  for (size_t i = 0; i < options.threads; ++i) {
    ASSIGN_OR_RETURN(TextEncoder::WorkspacePointer workspace, encoder.MakeWorkspace({}));
    crew.workspaces.push_back(std::move(workspace));
  }
  ASSIGN_OR_RETURN(crew.lane, WorkerLane::Start(options));
  return OkStatus();
}

Result<std::unique_ptr<EncoderPool>> EncoderPool::Start(std::unique_ptr<TextEncoder> encoder,
                                                        const EncoderPoolOptions& options) {
  std::unique_ptr<EncoderPool> pool(new EncoderPool);
  pool->encoder_ = std::move(encoder);
  TRY(Man(
      *pool->encoder_,
      {.threads = options.threads, .niceness = kDocumentNiceness, .processors = options.processors},
      pool->documents_));
  TRY(Man(*pool->encoder_, {.threads = options.threads, .callers_run = true}, pool->queries_));
  pool->encoded_tokens_ = options.encoded_tokens;
  return pool;
}

Status EncoderPool::RunCall(Crew& crew, EncodeCall& call, const CancelToken& cancel) {
  const EncodeCall::BatchLimits limits = {.batch_tokens = kBatchTokens,
                                          .workers = crew.lane->threads()};
  bool is_done = false;
  // A single slice goes on to the encoder where it is: a query is handed over once.
  const bool is_small = call.slice_costs().size() == 1;
  TRY(crew.lane->Run(call.slice_costs(), cancel, [&](size_t slice, size_t place) {
    call.TokenizeSlice(slice);
    if (!is_small) return OkStatus();
    call.CutBatches(limits);
    is_done = call.batch_costs().size() == 1;
    if (is_done) call.EncodeBatch(0, *crew.workspaces[place]);
    return OkStatus();
  }));
  if (is_done) return OkStatus();
  if (!is_small) call.CutBatches(limits);
  return crew.lane->Run(call.batch_costs(), cancel, [&](size_t batch, size_t place) {
    call.EncodeBatch(batch, *crew.workspaces[place]);
    return OkStatus();
  });
}

Result<Embeddings> EncoderPool::Encode(std::span<const std::string> texts,
                                       const TokenizeText& tokenize, Lane lane,
                                       const CancelToken& cancel) {
  EncodeCall call(texts, tokenize, *encoder_);
  TRY(RunCall(lane == Lane::kQueries ? queries_ : documents_, call, cancel));
  if (encoded_tokens_ != nullptr) encoded_tokens_->Add(call.encoded_tokens());
  return call.TakeResults();
}

}  // namespace lakehouse::ai
