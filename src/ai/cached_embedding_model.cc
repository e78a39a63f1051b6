#include "ai/cached_embedding_model.h"

#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/check.h"
#include "base/hash.h"

namespace lakehouse::ai {
namespace {

using Vector = VectorCache::Vector;

// The distinct texts of one call, and which of them each text is.
struct DistinctTexts {
  explicit DistinctTexts(std::span<const std::string> texts) {
    std::unordered_map<std::string_view, size_t> known;
    known.reserve(texts.size());
    for (const std::string& text : texts) {
      const auto [entry, is_new] = known.emplace(text, distinct.size());
      if (is_new) distinct.push_back(&text);
      place.push_back(entry->second);
    }
  }
  std::vector<const std::string*> distinct;
  std::vector<size_t> place;
};

class CachedEmbeddingModel final : public EmbeddingModel {
 public:
  CachedEmbeddingModel(std::unique_ptr<EmbeddingModel> model, VectorCache& cache,
                       MetricsRegistry& metrics)
      : model_(std::move(model)),
        cache_(cache),
        space_id_(SpaceId(model_->space())),
        embedded_(metrics.GetCounter("lakehouse_embedded_texts_total",
                                     "Texts that a model has embedded because no cache had them.",
                                     {{"model", model_->space().model}})) {}

  const EmbeddingSpace& space() const override { return model_->space(); }

  Result<Embeddings> Embed(std::span<const std::string> texts,
                           const EmbedOptions& options) override {
    if (options.fresh || texts.empty()) return model_->Embed(texts, options);
    TRY(options.cancel.Check());
    if (texts.size() == 1) return EmbedDistinct({&texts[0]}, options);
    const DistinctTexts merged(texts);
    ASSIGN_OR_RETURN(Embeddings results, EmbedDistinct(merged.distinct, options));
    if (merged.distinct.size() == texts.size()) return results;
    Embeddings all;
    all.reserve(texts.size());
    for (const size_t place : merged.place) all.push_back(results[place]);
    return all;
  }

  size_t CountTokens(std::string_view text) const override { return model_->CountTokens(text); }

  Status CheckIdentity(const CancelToken& cancel) override { return model_->CheckIdentity(cancel); }

 private:
  // Asks the cache, then the model for what is missing. One result per text, in order.
  Result<Embeddings> EmbedDistinct(const std::vector<const std::string*>& texts,
                                   const EmbedOptions& options) {
    const std::vector<std::string> keys = Keys(texts, options.role);
    std::vector<std::optional<Vector>> found =
        cache_.Find(space_id_, static_cast<size_t>(space().dimensions), keys);
    CHECK(found.size() == texts.size());
    Embeddings results;
    results.reserve(texts.size());
    std::vector<size_t> missing;
    for (size_t i = 0; i < texts.size(); ++i) {
      if (!found[i]) missing.push_back(i);
      results.push_back(found[i] ? *std::move(found[i]) : Vector());
    }
    if (!missing.empty()) TRY(EmbedMissing(texts, keys, missing, options, results));
    return results;
  }

  Status EmbedMissing(const std::vector<const std::string*>& texts,
                      const std::vector<std::string>& keys, const std::vector<size_t>& missing,
                      const EmbedOptions& options, Embeddings& results) {
    std::vector<std::string> asked;
    asked.reserve(missing.size());
    for (const size_t i : missing) asked.push_back(*texts[i]);
    ASSIGN_OR_RETURN(Embeddings embedded, model_->Embed(asked, options));
    CHECK(embedded.size() == missing.size());
    std::vector<std::string> new_keys;
    std::vector<Vector> new_vectors;
    for (size_t k = 0; k < missing.size(); ++k) {
      if (embedded[k].ok()) {
        new_keys.push_back(keys[missing[k]]);
        new_vectors.push_back(*embedded[k]);
      }
      results[missing[k]] = std::move(embedded[k]);
    }
    embedded_.Add(new_keys.size());
    if (!new_keys.empty()) cache_.Put(space_id_, new_keys, new_vectors);
    return OkStatus();
  }

  std::vector<std::string> Keys(const std::vector<const std::string*>& texts, Role role) const {
    const std::string& prefix =
        role == Role::kQuery ? space().query_prefix : space().document_prefix;
    std::vector<std::string> keys;
    keys.reserve(texts.size());
    for (const std::string* text : texts) {
      Sha256 hash;
      hash.Update(prefix);
      hash.Update(std::string_view("\0", 1));
      hash.Update(*text);
      keys.push_back(hash.FinishHex());
    }
    return keys;
  }

  const std::unique_ptr<EmbeddingModel> model_;
  VectorCache& cache_;
  const std::string space_id_;
  Counter& embedded_;
};

}  // namespace

std::unique_ptr<EmbeddingModel> CacheEmbeddings(std::unique_ptr<EmbeddingModel> model,
                                                VectorCache& cache, MetricsRegistry& metrics) {
  return std::make_unique<CachedEmbeddingModel>(std::move(model), cache, metrics);
}

}  // namespace lakehouse::ai
