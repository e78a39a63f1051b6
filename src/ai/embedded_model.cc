#include "ai/embedded_model.h"

#include <utility>

#include "ai/chunker.h"
#include "ai/embedded_encoder.h"
#include "ai/self_check.h"
#include "base/strings.h"

namespace lakehouse::ai {
namespace {

class EmbeddedModel final : public EmbeddingModel {
 public:
  EmbeddedModel(EmbeddedEncoder encoder, EmbeddingSpace space)
      : encoder_(std::move(encoder)), space_(std::move(space)) {}

  const EmbeddingSpace& space() const override { return space_; }

  Result<Embeddings> Embed(std::span<const std::string> texts,
                           const EmbedOptions& options) override {
    const bool is_query = options.role == Role::kQuery;
    const std::string& prefix = is_query ? space_.query_prefix : space_.document_prefix;
    const TokenizeText tokenize = [&](const std::string& text) -> Result<TokenPair> {
      const auto limit = static_cast<size_t>(space_.max_tokens);
      return OneText(prefix.empty() ? encoder_.tokenizer->Encode(text, limit)
                                    : encoder_.tokenizer->Encode(prefix + text, limit));
    };
    using Lane = EncoderPool::Lane;
    return encoder_.pool->Encode(texts, tokenize, is_query ? Lane::kQueries : Lane::kDocuments,
                                 options.cancel);
  }

  size_t CountTokens(std::string_view text) const override {
    if (space_.document_prefix.empty()) return encoder_.tokenizer->Count(text);
    return encoder_.tokenizer->Count(StrCat(space_.document_prefix, text));
  }

  Status CheckIdentity(const CancelToken& /*cancel*/) override { return OkStatus(); }

 private:
  const EmbeddedEncoder encoder_;
  const EmbeddingSpace space_;
};

}  // namespace

Result<std::unique_ptr<EmbeddingModel>> OpenEmbeddedModel(const EmbeddedModelOptions& options) {
  ASSIGN_OR_RETURN(EmbeddedEncoder encoder, OpenEmbeddedEncoder(options, EncoderTask::kEmbed));
  const ModelConfig& config = encoder.config;
  EmbeddingSpace space{.provider = "embedded",
                       .model = options.name,
                       .digest = encoder.digest,
                       .dimensions = config.dimensions(),
                       .pooling = PoolingName(config.pooling),
                       .normalized = config.normalizes(),
                       .document_prefix = config.document_prefix,
                       .query_prefix = config.query_prefix,
                       .precision = PrecisionName(encoder.pool->encoder().precision()),
                       .max_tokens = config.max_tokens,
                       .chunker_version = kChunkerVersion};
  return std::make_unique<EmbeddedModel>(std::move(encoder), std::move(space));
}

}  // namespace lakehouse::ai
