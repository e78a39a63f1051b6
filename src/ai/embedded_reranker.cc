#include <cmath>
#include <utility>

#include "ai/embedded_encoder.h"
#include "ai/embedded_model.h"

namespace lakehouse::ai {
namespace {

class EmbeddedReranker final : public Reranker {
 public:
  EmbeddedReranker(EmbeddedEncoder encoder, std::string name)
      : encoder_(std::move(encoder)), name_(std::move(name)) {}

  const std::string& name() const override { return name_; }

  Result<std::vector<Result<float>>> Score(const std::string& query,
                                           std::span<const std::string> documents,
                                           const CancelToken& cancel) override {
    const TokenizeText tokenize = [&](const std::string& document) {
      const auto limit = static_cast<size_t>(encoder_.config.max_tokens);
      return encoder_.tokenizer->EncodePair(query, document, limit);
    };
    // Somebody waits for the answer, as for that of a query.
    ASSIGN_OR_RETURN(
        const Embeddings outputs,
        encoder_.pool->Encode(documents, tokenize, EncoderPool::Lane::kQueries, cancel));
    std::vector<Result<float>> scores;
    scores.reserve(outputs.size());
    for (const Result<std::vector<float>>& output : outputs) {
      scores.push_back(output.ok() ? Result<float>((*output)[0]) : output.status());
    }
    return scores;
  }

 private:
  const EmbeddedEncoder encoder_;
  const std::string name_;
};

}  // namespace

Result<std::unique_ptr<Reranker>> OpenEmbeddedReranker(const EmbeddedModelOptions& options) {
  ASSIGN_OR_RETURN(EmbeddedEncoder encoder, OpenEmbeddedEncoder(options, EncoderTask::kRerank));
  return std::make_unique<EmbeddedReranker>(std::move(encoder), options.name);
}

}  // namespace lakehouse::ai
