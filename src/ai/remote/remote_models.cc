#include "ai/remote/remote_models.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ai/chunker.h"
#include "ai/remote/model_prefixes.h"
#include "ai/remote/text_measure.h"
#include "base/strings.h"

namespace lakehouse::ai {
namespace {

using Vector = std::vector<float>;

// Embedded to find out the width of vectors, and whether a server works at all.
constexpr std::string_view kProbeText = "probe";
// Where neither the server nor the configuration says more: that of BERT.
constexpr int64_t kDefaultMaxTokens = 512;

int64_t MaxTokens(int64_t configured, int64_t told) {
  if (configured > 0 && told > 0) return std::min(configured, told);
  if (configured > 0 || told > 0) return std::max(configured, told);
  return kDefaultMaxTokens;
}

class RemoteEmbeddingModel final : public EmbeddingModel {
 public:
  RemoteEmbeddingModel(RemoteEmbedding model, EmbeddingSpace space, TextMeasure measure,
                       std::string probe_text)
      : model_(std::move(model)),
        space_(std::move(space)),
        measure_(std::move(measure)),
        runner_(model_.limits, {.width = static_cast<size_t>(space_.dimensions), .normalize = true},
                std::move(probe_text)) {}

  const EmbeddingSpace& space() const override { return space_; }

  Result<Embeddings> Embed(std::span<const std::string> texts,
                           const EmbedOptions& options) override {
    TRY(options.cancel.Check());
    const bool is_query = options.role == Role::kQuery;
    const std::string& prefix = is_query ? space_.query_prefix : space_.document_prefix;
    std::vector<std::string> distinct;
    std::vector<size_t> distinct_of_text;
    std::unordered_map<std::string, size_t> known;
    for (const std::string& text : texts) {
      std::string prepared = Prepare(prefix, text);
      const auto [entry, is_new] = known.emplace(prepared, distinct.size());
      distinct_of_text.push_back(entry->second);
      if (is_new) distinct.push_back(std::move(prepared));
    }
    ASSIGN_OR_RETURN(const Embeddings found, EmbedDistinct(distinct, options));
    Embeddings results;
    results.reserve(texts.size());
    for (const size_t i : distinct_of_text) results.push_back(found[i]);
    return results;
  }

  size_t CountTokens(std::string_view text) const override {
    if (space_.document_prefix.empty()) return measure_.Count(text);
    return measure_.Count(StrCat(space_.document_prefix, text));
  }

  Status CheckIdentity(const CancelToken& cancel) override {
    return model_.check_identity(space_, cancel);
  }

 private:
  std::string Prepare(const std::string& prefix, std::string_view text) const {
    const size_t room = std::max(model_.limits.max_bytes, prefix.size()) - prefix.size();
    std::string prepared = StrCat(prefix, CleanText(text, room));
    prepared.resize(measure_.Cut(prepared, static_cast<size_t>(space_.max_tokens)).size());
    return prepared;
  }

  Result<Embeddings> EmbedDistinct(const std::vector<std::string>& texts,
                                   const EmbedOptions& options) {
    const BatchCaller caller{
        .urgency = options.role == Role::kQuery ? Urgency::kInteractive : Urgency::kBackground,
        .cancel = options.cancel};
    const SendBatch send = [&](std::span<const std::string> batch) {
      return model_.send(batch, caller);
    };
    const auto refused = [this](const std::string& text) {
      return !model_.takes_empty_text && TrimWhitespace(text).empty();
    };
    if (std::ranges::none_of(texts, refused)) return runner_.Run(texts, send);
    std::vector<std::string> rest;
    std::ranges::remove_copy_if(texts, std::back_inserter(rest), refused);
    ASSIGN_OR_RETURN(Embeddings found, runner_.Run(rest, send));
    Embeddings results;
    auto next = found.begin();
    for (const std::string& text : texts) {
      if (refused(text)) {
        results.push_back(InvalidArgument(
            "the text is empty, which servers of this kind do not embed; leave it out"));
      } else {
        results.push_back(std::move(*next++));
      }
    }
    return results;
  }

  const RemoteEmbedding model_;
  const EmbeddingSpace space_;
  const TextMeasure measure_;
  BatchRunner runner_;
};

// Scores pairs of one query with its documents.
class RemoteReranker final : public Reranker {
 public:
  RemoteReranker(RemoteRerank model, TextMeasure measure, size_t max_tokens)
      : model_(std::move(model)),
        measure_(std::move(measure)),
        max_tokens_(max_tokens),
        runner_(model_.limits, {.width = 1, .normalize = false}, std::string(kProbeText)) {}

  const std::string& name() const override { return model_.config.name; }

  Result<std::vector<Result<float>>> Score(const std::string& query,
                                           std::span<const std::string> documents,
                                           const CancelToken& cancel) override {
    TRY(cancel.Check());
    std::vector<std::string> prepared;
    size_t longest = 0;
    for (const std::string& document : documents) {
      prepared.push_back(CleanText(document, model_.limits.max_bytes));
      std::string& text = prepared.back();
      text.resize(measure_.Cut(text, max_tokens_).size());
      longest = std::max(longest, measure_.Count(text));
    }
    const std::string clean_query = CleanText(query, model_.limits.max_bytes);
    const size_t query_room =
        std::max(max_tokens_ / 2, max_tokens_ - std::min(max_tokens_, longest));
    const std::string cut_query(measure_.Cut(clean_query, query_room));
    const size_t room = max_tokens_ - std::min(max_tokens_, measure_.Count(cut_query));
    for (std::string& text : prepared) text.resize(measure_.Cut(text, room).size());

    const BatchCaller caller{.urgency = Urgency::kInteractive, .cancel = cancel};
    const SendBatch send = [&](std::span<const std::string> batch) {
      return model_.send(cut_query, batch, caller);
    };
    ASSIGN_OR_RETURN(const auto found, runner_.Run(prepared, send));
    std::vector<Result<float>> scores;
    scores.reserve(found.size());
    for (const Result<Vector>& score : found) {
      scores.push_back(score.ok() ? Result<float>(score->front()) : score.status());
    }
    return scores;
  }

 private:
  const RemoteRerank model_;
  const TextMeasure measure_;
  const size_t max_tokens_;
  BatchRunner runner_;
};

// What a model makes of one short text.
Result<size_t> FindWidth(const RemoteEmbedding& model, const std::string& probe_text,
                         const CancelToken& cancel) {
  const BatchCaller caller{.urgency = Urgency::kInteractive, .cancel = cancel};
  BatchAnswer answer = model.send({&probe_text, 1}, caller);
  TRY(answer.failure.status);
  if (answer.vectors.size() != 1) {
    return Unavailable("the server gave ", answer.vectors.size(), " vectors for one text");
  }
  TRY(answer.vectors.front().status());
  Vector& vector = *answer.vectors.front();
  const size_t width = vector.size();
  TRY(FinishVector({.width = width, .normalize = true}, vector));
  const int64_t wanted = model.config.dimensions;
  if (wanted > 0 && width != static_cast<size_t>(wanted)) {
    return InvalidArgument("the model does not shorten its vectors: it gives ", width,
                           " numbers, the configuration wants dimensions = ", wanted);
  }
  return width;
}

}  // namespace

Result<std::unique_ptr<EmbeddingModel>> OpenRemoteEmbedding(RemoteEmbedding model,
                                                            const CancelToken& cancel) {
  const ModelPrefixes prefixes = PrefixesOf(model.config, model.description.name);
  ASSIGN_OR_RETURN(TextMeasure measure, TextMeasure::Open(model.config.directory));
  std::string probe_text = StrCat(prefixes.document, kProbeText);
  ASSIGN_OR_RETURN(const size_t width, FindWidth(model, probe_text, cancel));
  EmbeddingSpace space{
      .provider = model.provider_kind,
      .model = model.config.name,
      .digest = model.description.digest,
      .dimensions = static_cast<int64_t>(width),
      .pooling = model.description.pooling.empty() ? "server" : model.description.pooling,
      .normalized = true,
      .document_prefix = prefixes.document,
      .query_prefix = prefixes.query,
      .precision = "server",
      .max_tokens = MaxTokens(model.config.max_tokens, model.description.max_tokens),
      .chunker_version = kChunkerVersion};
  return std::unique_ptr<EmbeddingModel>(new RemoteEmbeddingModel(
      std::move(model), std::move(space), std::move(measure), std::move(probe_text)));
}

Result<std::unique_ptr<Reranker>> OpenRemoteReranker(RemoteRerank model) {
  ASSIGN_OR_RETURN(TextMeasure measure, TextMeasure::Open(model.config.directory));
  const auto max_tokens = static_cast<size_t>(MaxTokens(model.config.max_tokens, model.max_tokens));
  return std::unique_ptr<Reranker>(
      new RemoteReranker(std::move(model), std::move(measure), max_tokens));
}

Status CompareDigests(const EmbeddingSpace& space, const std::string& digest,
                      const std::string& provider) {
  if (space.digest.empty() || digest.empty() || space.digest == digest) return OkStatus();
  return Conflict("the model behind the name has changed at its server: ", space.model,
                  " of provider ", provider, " was ", space.digest, " and is ", digest,
                  " now; restore the former there, or build the index anew with this one");
}

}  // namespace lakehouse::ai
