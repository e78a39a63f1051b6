#include <algorithm>
#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "ai/remote/chat_stream.h"
#include "ai/remote/model_use.h"
#include "ai/remote/openai_format.h"
#include "ai/remote/remote_models.h"
#include "ai/remote/server_client.h"
#include "ai/remote/server_providers.h"
#include "base/strings.h"

namespace lakehouse::ai {
namespace {

constexpr size_t kMaxBytesPerVector = 512 << 10;
constexpr size_t kMaxBytesBeside = 1 << 20;

// What a server tells of one model.
struct ModelFacts {
  ProviderModel model;
  bool is_listed = false;
  Status list_status;  // Why there was no list of models to look into.
  bool is_tei = false;
  int64_t max_batch_texts = 0;  // 0: not told.
};

class OpenAiProvider final : public ModelProvider {
 public:
  OpenAiProvider(const ProviderOptions& options, ServerClientOptions client,
                 const ServerTuning& tuning)
      : config_(options.config),
        tuning_(tuning),
        use_(client.request_timeout_ms, client.load_timeout_ms, *options.clock),
        client_(std::move(client)) {}

  const std::string& name() const override { return config_.name; }
  const std::string& kind() const override { return config_.kind; }
  ProviderCapabilities capabilities() const override {
    return {.embeds = true,
            .reranks = true,
            .generates = true,
            .loads_on_demand = is_router_,
            .reports_vram = false,
            .is_local = client_.options().address.is_local};
  }

  Status Health(const CancelToken& cancel) override {
    ServerRequest request = Get("/v1/models", cancel);
    request.timeout_ms = tuning_.health_timeout_ms;
    const Status status = client_.Ping(request);
    // TEI had no list of models before it served more than one.
    if (status.code() != StatusCode::kUnavailable && status.code() != StatusCode::kNotFound) {
      return status;
    }
    request.path = "/health";
    return client_.Ping(request).ok() ? OkStatus() : status;
  }

  Result<std::vector<ProviderModel>> ListModels(const CancelToken& cancel) override {
    ASSIGN_OR_RETURN(const std::vector<ListedModel> listed, List(cancel));
    std::vector<ProviderModel> models;
    models.reserve(listed.size());
    for (const ListedModel& entry : listed) models.push_back(entry.model);
    return models;
  }

  Result<std::vector<LoadedModel>> LoadedModels(const CancelToken& cancel) override {
    ASSIGN_OR_RETURN(const std::vector<ListedModel> listed, List(cancel));
    if (!is_router_) return NoRouter("tells which models are loaded");
    std::vector<LoadedModel> loaded;
    for (const ListedModel& entry : listed) {
      if (entry.load_state != "loaded") continue;
      loaded.push_back({.name = entry.model.name,
                        .digest = "",
                        .size_bytes = entry.model.size_bytes,
                        .vram_bytes = 0,
                        .expires_at = std::nullopt});
    }
    return loaded;
  }

  Result<ProviderModel> Describe(const std::string& model, const CancelToken& cancel) override {
    ASSIGN_OR_RETURN(const ModelFacts facts, FindFacts(model, cancel));
    if (facts.is_listed) return facts.model;
    TRY(facts.list_status);
    return NotFound("the server of provider ", config_.name,
                    " does not list this model; correct `model`: ", model);
  }

  Status Preload(const std::string& model, const CancelToken& cancel) override {
    return Bring(model, "/models/load", "loaded", client_.options().load_timeout_ms, cancel);
  }

  Status Unload(const std::string& model, const CancelToken& cancel) override {
    use_.NoteUnload(model);
    return Bring(model, "/models/unload", "unloaded", tuning_.unload_timeout_ms, cancel);
  }

  Result<std::unique_ptr<EmbeddingModel>> OpenEmbedding(const AiModelConfig& model,
                                                        const CancelToken& cancel) override {
    const std::string served = model.model.empty() ? model.name : model.model;
    ASSIGN_OR_RETURN(const ModelFacts facts, FindFacts(served, cancel));
    RemoteEmbedding remote;
    remote.provider_kind = config_.kind;
    remote.config = model;
    remote.description = facts.model;
    remote.limits = Limits(facts);
    remote.takes_empty_text = false;
    const bool was_listed = facts.is_listed;
    remote.check_identity = [this, served, was_listed](const EmbeddingSpace& space,
                                                       const CancelToken& check_cancel) {
      return CheckIdentity(served, was_listed, space, check_cancel);
    };
    OpenAiEmbedOptions options{.dimensions = model.dimensions, .base64 = true};
    remote.send = SenderOf(served, options);
    Result<std::unique_ptr<EmbeddingModel>> opened = OpenRemoteEmbedding(remote, cancel);
    if (opened.ok() || opened.status().code() != StatusCode::kInvalidArgument) return opened;
    // Perhaps the server refuses only the encoding.
    options.base64 = false;
    remote.send = SenderOf(served, options);
    Result<std::unique_ptr<EmbeddingModel>> plain = OpenRemoteEmbedding(std::move(remote), cancel);
    return plain.ok() ? std::move(plain) : std::move(opened);
  }

  Result<std::unique_ptr<Reranker>> OpenReranker(const AiModelConfig& model,
                                                 const CancelToken& cancel) override {
    const std::string served = model.model.empty() ? model.name : model.model;
    ASSIGN_OR_RETURN(const ModelFacts facts, FindFacts(served, cancel));
    ASSIGN_OR_RETURN(const RerankDialect dialect, FindDialect(served, facts.is_tei, cancel));
    RemoteRerank remote;
    remote.config = model;
    remote.max_tokens = facts.model.max_tokens;
    remote.limits = Limits(facts);
    remote.send = [this, served, dialect](const std::string& query,
                                          std::span<const std::string> documents,
                                          const BatchCaller& caller) {
      return SendRerank(dialect, served, query, documents, caller);
    };
    return OpenRemoteReranker(std::move(remote));
  }

  Result<GenerateAnswer> Generate(const std::string& model, const GenerateRequest& generate,
                                  const GenerateSink& sink) override {
    ServerRequest request =
        Post("/v1/chat/completions", OpenAiChatBody(model, generate), generate.cancel);
    request.kind = RequestKind::kGenerate;
    request.repeatable = false;
    const std::string url = client_.UrlOf(request);
    const auto stream = MakeOpenAiChatStream(sink, [&](std::string_view message) {
      return FailureInStream(message, {"POST", url}, client_.options().key).status;
    });
    const auto feed = [&](std::string_view bytes) { return stream->Feed(bytes); };
    TRY(client_.Stream(request, feed).status);
    use_.NoteAnswer(model);
    return stream->Finish();
  }

 private:
  ServerRequest Get(const std::string& path, const CancelToken& cancel) const {
    ServerRequest request;
    request.method = net::Method::kGet;
    request.path = path;
    request.timeout_ms = tuning_.control_timeout_ms;
    request.cancel = cancel;
    return request;
  }

  ServerRequest Post(const std::string& path, std::string body, const CancelToken& cancel) const {
    ServerRequest request = Get(path, cancel);
    request.method = net::Method::kPost;
    request.body = std::move(body);
    return request;
  }

  BatchLimits Limits(const ModelFacts& facts) const {
    BatchLimits limits = LimitsOf(config_, client_.options());
    if (facts.max_batch_texts > 0) {
      limits.max_texts = std::min(limits.max_texts, static_cast<size_t>(facts.max_batch_texts));
    }
    return limits;
  }

  Result<std::vector<ListedModel>> List(const CancelToken& cancel) {
    ASSIGN_OR_RETURN(const Json json, client_.SendForJson(Get("/v1/models", cancel)));
    std::vector<ListedModel> models = ReadOpenAiModels(json);
    is_router_ = std::ranges::any_of(
        models, [](const ListedModel& entry) { return !entry.load_state.empty(); });
    return models;
  }

  // Asks TEI's route first: servers that do not have it say so in any way they like.
  Result<ModelFacts> FindFacts(const std::string& model, const CancelToken& cancel) {
    ModelFacts facts;
    facts.model.name = model;
    const ServerAnswer info = client_.Send(Get("/info", cancel));
    if (info.ok()) {
      const Result<Json> json = ParseJson(info.body);
      const auto tei = json.ok() ? ReadTeiInfo(*json) : std::nullopt;
      if (tei) {
        return ModelFacts{.model = tei->model,
                          .is_listed = true,
                          .list_status = {},
                          .is_tei = true,
                          .max_batch_texts = tei->max_batch_texts};
      }
    } else if (info.failure.unreachable ||
               info.failure.status.code() == StatusCode::kUnauthenticated || !cancel.Check().ok()) {
      return info.failure.status;
    }
    Result<std::vector<ListedModel>> listed = List(cancel);
    if (!listed.ok()) {
      // A server without a list may have the model all the same.
      TRY(cancel.Check());
      facts.list_status = listed.status();
      return facts;
    }
    for (ListedModel& entry : *listed) {
      if (entry.model.name != model) continue;
      facts.model = std::move(entry.model);
      facts.is_listed = true;
      break;
    }
    return facts;
  }

  Status CheckIdentity(const std::string& model, bool was_listed, const EmbeddingSpace& space,
                       const CancelToken& cancel) {
    ASSIGN_OR_RETURN(const ModelFacts facts, FindFacts(model, cancel));
    if (was_listed && !facts.is_listed) {
      TRY(facts.list_status);
      return NotFound("the server of provider ", config_.name,
                      " does not list this model any more: ", model);
    }
    return CompareDigests(space, facts.model.digest, config_.name);
  }

  std::function<BatchAnswer(std::span<const std::string>, const BatchCaller&)> SenderOf(
      const std::string& model, const OpenAiEmbedOptions& options) {
    return [this, model, options](std::span<const std::string> texts, const BatchCaller& caller) {
      ServerRequest request = WorkRequest("/v1/embeddings", OpenAiEmbedBody(model, texts, options),
                                          model, texts.size(), caller);
      return SendWork(request, model,
                      [&](const Json& json) { return ReadOpenAiVectors(json, texts.size()); });
    };
  }

  BatchAnswer SendRerank(RerankDialect dialect, const std::string& model, const std::string& query,
                         std::span<const std::string> documents, const BatchCaller& caller) {
    const ServerRequest request =
        WorkRequest(std::string(RerankPath(dialect)), RerankBody(dialect, model, query, documents),
                    model, documents.size(), caller);
    return SendWork(request, model,
                    [&](const Json& json) { return ReadScores(json, documents.size()); });
  }

  ServerRequest WorkRequest(const std::string& path, std::string body, const std::string& model,
                            size_t texts, const BatchCaller& caller) {
    ServerRequest request = Post(path, std::move(body), caller.cancel);
    request.kind = RequestKind::kWork;
    request.urgency = caller.urgency;
    request.timeout_ms = use_.TimeoutMs(model);
    request.max_answer_bytes = kMaxBytesBeside + texts * kMaxBytesPerVector;
    return request;
  }

  template <typename Read>
  BatchAnswer SendWork(const ServerRequest& request, const std::string& model, const Read& read) {
    ServerAnswer answer = client_.Send(request);
    if (!answer.ok()) return {.failure = std::move(answer.failure), .vectors = {}};
    use_.NoteAnswer(model);
    const Result<Json> json = ParseJson(answer.body);
    auto vectors = json.ok() ? read(*json) : std::nullopt;
    if (vectors) return {.failure = {}, .vectors = *std::move(vectors)};
    const std::string url = client_.UrlOf(request);
    return {.failure = FailureOfContent(answer.body, {"POST", url}), .vectors = {}};
  }

  // Tries the dialects until the server knows the path.
  Result<RerankDialect> FindDialect(const std::string& model, bool is_tei,
                                    const CancelToken& cancel) {
    if (is_tei) return RerankDialect::kTei;
    const BatchCaller caller{.urgency = Urgency::kInteractive, .cancel = cancel};
    const std::string probe = "probe";
    Status first_error;
    for (const RerankDialect dialect :
         {RerankDialect::kJinaV1, RerankDialect::kJina, RerankDialect::kTei}) {
      const BatchAnswer answer = SendRerank(dialect, model, probe, {&probe, 1}, caller);
      if (answer.failure.ok()) return dialect;
      if (first_error.ok()) first_error = answer.failure.status;
      const bool other_may_work =
          answer.failure.no_such_call || answer.failure.blame == Blame::kTexts;
      if (!other_may_work) return answer.failure.status;
    }
    return first_error;
  }

  Status NoRouter(std::string_view what) const {
    return InvalidArgument("of servers with OpenAI's protocol only llama.cpp as a router ", what,
                           "; the server of this provider is none: ", config_.name);
  }

  // Asks a router to load or unload a model, and waits until it has.
  Status Bring(const std::string& model, const std::string& path, std::string_view state,
               int64_t timeout_ms, const CancelToken& cancel) {
    const Clock& clock = *client_.options().clock;
    const int64_t start = clock.MonotonicMicros();
    for (bool is_asked = false;; is_asked = true) {
      ASSIGN_OR_RETURN(const std::vector<ListedModel> listed, List(cancel));
      if (!is_router_) return NoRouter("loads and unloads models");
      const auto entry = std::ranges::find_if(
          listed, [&](const ListedModel& candidate) { return candidate.model.name == model; });
      if (entry == listed.end()) {
        return NotFound("the server of provider ", config_.name,
                        " does not list this model; correct `model`: ", model);
      }
      if (entry->load_state == state) return OkStatus();
      if (is_asked && entry->load_state == "failed") {
        return Unavailable("the server could not load the model: ", model);
      }
      if (clock.MonotonicMicros() - start > timeout_ms * 1'000) {
        return DeadlineExceeded("the model is still ", QuoteForMessage(entry->load_state), ", not ",
                                state, ", after ", timeout_ms, " ms: ", model);
      }
      if (!is_asked) {
        ServerRequest request = Post(path, DumpJson({{"model", model}}), cancel);
        request.timeout_ms = timeout_ms;
        TRY(client_.Send(request).failure.status);
      } else {
        TRY(Pause(tuning_.poll_ms, clock, cancel));
      }
    }
  }

  const AiProviderConfig config_;
  const ServerTuning tuning_;
  ModelUse use_;
  ServerClient client_;
  std::atomic<bool> is_router_{false};
};

}  // namespace

std::unique_ptr<ModelProvider> MakeOpenAiProvider(const ProviderOptions& options,
                                                  ServerClientOptions client,
                                                  const ServerTuning& tuning) {
  return std::make_unique<OpenAiProvider>(options, std::move(client), tuning);
}

}  // namespace lakehouse::ai
