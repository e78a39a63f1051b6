#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <optional>
#include <unordered_map>
#include <utility>

#include <sched.h>

#include "ai/chunker.h"
#include "ai/embedding_model.h"
#include "ai/encoder/encoder_lane.h"
#include "ai/model_file.h"
#include "ai/tokenizer/tokenizer.h"
#include "base/hash.h"
#include "base/mutex.h"

namespace lakehouse::ai {
namespace {

// Documents give way to everything else that the process does.
constexpr int kDocumentNiceness = 10;
constexpr size_t kMaxQueryThreads = 2;
constexpr int64_t kMaxThreads = 1024;
// Tokens after which a batch is full: enough to hide its overhead, few enough to stop soon when
// cancelled.
constexpr size_t kBatchTokens = 512;

using Vector = std::vector<float>;
using TokenIds = std::vector<int32_t>;

size_t CoresOfThisProcess() {
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof(cores), &cores) != 0) return 1;
  return static_cast<size_t>(std::max(1, CPU_COUNT(&cores)));
}

// The distinct texts of one call, and the vectors that workers fill in.
class EmbedCall {
 public:
  // Takes the token ids of every text of the call.
  explicit EmbedCall(std::vector<TokenIds> ids) {
    std::unordered_map<std::string_view, size_t> known;
    for (TokenIds& text : ids) {
      // The buffer, and with it the key, stays where it is when the vector moves.
      const std::string_view key(reinterpret_cast<const char*>(text.data()),
                                 text.size() * sizeof(text[0]));
      const auto [entry, is_new] = known.emplace(key, distinct_.size());
      distinct_of_text_.push_back(entry->second);
      if (is_new) distinct_.push_back(std::move(text));
    }
    vectors_.resize(distinct_.size());
  }

  // Cuts the distinct texts into batches, the longest texts first, and calls `submit` for each.
  template <typename Submit>
  void ForEachBatch(Submit submit) {
    std::vector<size_t> order(distinct_.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::ranges::stable_sort(order, std::ranges::greater{},
                             [this](size_t i) { return distinct_[i].size(); });
    std::vector<std::vector<size_t>> batches;
    size_t tokens = kBatchTokens;
    for (const size_t i : order) {
      if (tokens + distinct_[i].size() > kBatchTokens) {
        batches.emplace_back();
        tokens = 0;
      }
      batches.back().push_back(i);
      tokens += distinct_[i].size();
    }
    {
      const MutexLock lock(mutex_);
      open_batches_ = batches.size();
    }
    for (std::vector<size_t>& batch : batches) submit(std::move(batch));
  }

  // Encodes one batch, unless the call was cancelled. Called by workers.
  void RunBatch(const BertEncoder& encoder, BertEncoder::Workspace& workspace,
                const std::vector<size_t>& batch, const CancelToken& cancel) {
    Status stopped = cancel.Check();
    if (stopped.ok()) EncodeBatch(encoder, workspace, batch);
    const MutexLock lock(mutex_);
    if (!stopped.ok()) stopped_ = std::move(stopped);
    // Notified under the lock: the waiting caller destroys this as soon as it may go on.
    if (--open_batches_ == 0) finished_.NotifyAll();
  }

  // Waits for every batch. Returns one result per text, or why the call was stopped.
  Result<std::vector<Result<Vector>>> Wait() {
    const MutexLock lock(mutex_);
    while (open_batches_ > 0) finished_.Wait(mutex_);
    if (!stopped_.ok()) return stopped_;
    std::vector<Result<Vector>> results;
    results.reserve(distinct_of_text_.size());
    for (const size_t i : distinct_of_text_) results.push_back(*vectors_[i]);
    return results;
  }

 private:
  void EncodeBatch(const BertEncoder& encoder, BertEncoder::Workspace& workspace,
                   const std::vector<size_t>& batch) {
    const size_t dimensions = encoder.dimensions();
    std::vector<std::span<const int32_t>> texts;
    texts.reserve(batch.size());
    for (const size_t i : batch) texts.emplace_back(distinct_[i]);
    Vector flat(batch.size() * dimensions);
    const Status status = encoder.Encode(texts, workspace, flat);
    for (size_t k = 0; k < batch.size(); ++k) {
      const auto begin = flat.begin() + static_cast<std::ptrdiff_t>(k * dimensions);
      const Vector vector(begin, begin + static_cast<std::ptrdiff_t>(dimensions));
      if (!status.ok()) {
        vectors_[batch[k]] = status;
      } else if (std::ranges::all_of(vector, [](float x) { return std::isfinite(x); })) {
        vectors_[batch[k]] = vector;
      } else {
        vectors_[batch[k]] = Internal("the encoder made a vector that is not finite");
      }
    }
  }

  std::vector<TokenIds> distinct_;
  std::vector<size_t> distinct_of_text_;
  // Each is written by the one worker that has its batch, and read after the last batch.
  std::vector<std::optional<Result<Vector>>> vectors_;
  Mutex mutex_;
  CondVar finished_;
  size_t open_batches_ GUARDED_BY(mutex_) = 0;
  Status stopped_ GUARDED_BY(mutex_);
};

class EmbeddedModel final : public EmbeddingModel {
 public:
  EmbeddedModel(EmbeddingSpace space, Tokenizer tokenizer, std::unique_ptr<BertEncoder> encoder,
                   std::unique_ptr<EncoderLane> documents, std::unique_ptr<EncoderLane> queries)
      : space_(std::move(space)),
        tokenizer_(std::move(tokenizer)),
        encoder_(std::move(encoder)),
        documents_(std::move(documents)),
        queries_(std::move(queries)) {}

  const EmbeddingSpace& space() const override { return space_; }

  Result<std::vector<Result<Vector>>> Embed(std::span<const std::string> texts, Role role,
                                            const CancelToken& cancel) override {
    const bool is_query = role == Role::kQuery;
    const std::string& prefix = is_query ? space_.query_prefix : space_.document_prefix;
    std::vector<TokenIds> ids;
    ids.reserve(texts.size());
    for (const std::string& text : texts) {
      TRY(cancel.Check());
      ids.push_back(tokenizer_.Encode(prefix.empty() ? text : prefix + text, MaxTokens()));
    }
    EmbedCall call(std::move(ids));
    EncoderLane& lane = is_query ? *queries_ : *documents_;
    call.ForEachBatch([&](std::vector<size_t> batch) {
      lane.Submit([this, &call, &cancel, batch = std::move(batch)](auto& workspace) {
        call.RunBatch(*encoder_, workspace, batch, cancel);
      });
    });
    return call.Wait();
  }

  size_t CountTokens(std::string_view text) const override {
    if (space_.document_prefix.empty()) return tokenizer_.Count(text);
    return tokenizer_.Count(StrCat(space_.document_prefix, text));
  }

 private:
  size_t MaxTokens() const { return static_cast<size_t>(space_.max_tokens); }

  const EmbeddingSpace space_;
  const Tokenizer tokenizer_;
  const std::unique_ptr<const BertEncoder> encoder_;
  // Destroyed, and with it emptied, before the encoder.
  const std::unique_ptr<EncoderLane> documents_;
  const std::unique_ptr<EncoderLane> queries_;
};

// Weights and the identity of the file they came from.
struct LoadedEncoder {
  std::unique_ptr<BertEncoder> encoder;
  std::string digest;
};

Result<LoadedEncoder> LoadEncoder(const ModelConfig& config, const std::string& path) {
  Result<std::string> file = ReadModelFile(path);
  if (!file.ok()) {
    return InvalidArgument("the weights cannot be read: ", file.status().message());
  }
  LoadedEncoder loaded;
  loaded.digest = Sha256Hex(*file);
  ASSIGN_OR_RETURN(const Safetensors tensors, Safetensors::Parse(*file, path));
  ASSIGN_OR_RETURN(loaded.encoder, BertEncoder::Load(config, tensors, BestEncoderKernels()));
  return loaded;
}

}  // namespace

Result<std::unique_ptr<EmbeddingModel>> OpenEmbeddedModel(const AiConfig& config) {
  if (config.precision != "auto" && config.precision != "f32") {
    return InvalidArgument("ai.precision must be auto or f32, not ", config.precision);
  }
  if (config.threads < 0 || config.threads > kMaxThreads) {
    return InvalidArgument("ai.threads must be from 0 to ", kMaxThreads, ", not ", config.threads);
  }
  const std::string directory = ModelDirectory(config);
  std::error_code ignored;
  if (!std::filesystem::is_directory(directory, ignored)) {
    return NotFound("the embedding model is not installed (tools/bootstrap installs it): ",
                    directory);
  }
  ASSIGN_OR_RETURN(const ModelConfig model, ReadModelConfig(directory, config.model));
  ASSIGN_OR_RETURN(Tokenizer tokenizer, Tokenizer::Load(directory));
  if (tokenizer.id_bound() > static_cast<size_t>(model.vocabulary_size)) {
    return InvalidArgument("the tokenizer has ", tokenizer.id_bound(), " ids, config.json ",
                           model.vocabulary_size, ": ", directory);
  }
  if (static_cast<size_t>(model.max_tokens) <= tokenizer.special_token_count()) {
    return InvalidArgument("the model has no room for text between ",
                           tokenizer.special_token_count(), " special tokens: ", directory);
  }
  ASSIGN_OR_RETURN(LoadedEncoder loaded, LoadEncoder(model, directory + "/model.safetensors"));

  EmbeddingSpace space{.provider = "embedded",
                       .model = config.model,
                       .digest = loaded.digest,
                       .dimensions = model.hidden_size,
                       .pooling = PoolingName(model.pooling),
                       .normalized = model.normalize,
                       .document_prefix = model.document_prefix,
                       .query_prefix = model.query_prefix,
                       .precision = "f32",
                       .max_tokens = model.max_tokens,
                       .chunker_version = kChunkerVersion};
  const size_t threads =
      config.threads > 0 ? static_cast<size_t>(config.threads) : CoresOfThisProcess();
  ASSIGN_OR_RETURN(
      auto documents,
      EncoderLane::Start(*loaded.encoder, {.threads = threads, .niceness = kDocumentNiceness}));
  ASSIGN_OR_RETURN(
      auto queries,
      EncoderLane::Start(*loaded.encoder, {.threads = std::min(threads, kMaxQueryThreads)}));
  return std::unique_ptr<EmbeddingModel>(
      new EmbeddedModel(std::move(space), std::move(tokenizer), std::move(loaded.encoder),
                           std::move(documents), std::move(queries)));
}

}  // namespace lakehouse::ai
