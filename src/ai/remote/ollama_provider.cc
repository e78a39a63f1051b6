#include <string>
#include <utility>
#include <vector>

#include "ai/remote/chat_stream.h"
#include "ai/remote/model_use.h"
#include "ai/remote/ollama_format.h"
#include "ai/remote/remote_models.h"
#include "ai/remote/server_client.h"
#include "ai/remote/server_providers.h"
#include "base/strings.h"

namespace lakehouse::ai {
namespace {

constexpr size_t kMaxBytesPerVector = 512 << 10;
constexpr size_t kMaxBytesBeside = 1 << 20;

class OllamaProvider final : public ModelProvider {
 public:
  OllamaProvider(const ProviderOptions& options, ServerClientOptions client,
                 const ServerTuning& tuning)
      : config_(options.config),
        tuning_(tuning),
        use_(client.request_timeout_ms, client.load_timeout_ms, *options.clock),
        client_(std::move(client)) {}

  const std::string& name() const override { return config_.name; }
  const std::string& kind() const override { return config_.kind; }
  ProviderCapabilities capabilities() const override {
    return {.embeds = true,
            .reranks = false,
            .generates = true,
            .loads_on_demand = true,
            .reports_vram = true,
            .is_local = client_.options().address.is_local && !config_.allow_cloud};
  }

  Status Health(const CancelToken& cancel) override {
    ServerRequest request = Get("/api/version", cancel);
    request.timeout_ms = tuning_.health_timeout_ms;
    return client_.Ping(request);
  }

  Result<std::vector<ProviderModel>> ListModels(const CancelToken& cancel) override {
    const ServerRequest request = Get("/api/tags", cancel);
    ASSIGN_OR_RETURN(const Json json, client_.SendForJson(request));
    return ReadOllamaTags(json);
  }

  Result<std::vector<LoadedModel>> LoadedModels(const CancelToken& cancel) override {
    ASSIGN_OR_RETURN(const Json json, client_.SendForJson(Get("/api/ps", cancel)));
    return ReadOllamaProcesses(json);
  }

  Result<ProviderModel> Describe(const std::string& model, const CancelToken& cancel) override {
    ASSIGN_OR_RETURN(OllamaDescription description, Show(model, cancel));
    ASSIGN_OR_RETURN(const ProviderModel listed, FindListed(model, cancel));
    description.model.digest = listed.digest;
    description.model.size_bytes = listed.size_bytes;
    description.model.is_cloud |= listed.is_cloud;
    return description.model;
  }

  Status Preload(const std::string& model, const CancelToken& cancel) override {
    ASSIGN_OR_RETURN(const OllamaDescription description, Show(model, cancel));
    TRY(RefuseCloud(description.model));
    const OllamaModelOptions options = {.threads = config_.threads, .pinned = true};
    // An embedding model refuses the empty prompt that loads others, and these the empty list.
    ServerRequest request = Post(description.embeds ? "/api/embed" : "/api/generate",
                                 description.embeds ? OllamaEmbedBody(model, {}, 0, options)
                                                    : OllamaLoadBody(model, options),
                                 cancel);
    request.timeout_ms = client_.options().load_timeout_ms;
    TRY(client_.SendForJson(request).status());
    use_.Pin(model);
    use_.NoteAnswer(model);
    return OkStatus();
  }

  Status Unload(const std::string& model, const CancelToken& cancel) override {
    use_.NoteUnload(model);
    TRY(client_.SendForJson(Post("/api/generate", OllamaUnloadBody(model), cancel)).status());
    const Clock& clock = *client_.options().clock;
    const int64_t start = clock.MonotonicMicros();
    while (true) {
      ASSIGN_OR_RETURN(const std::vector<LoadedModel> loaded, LoadedModels(cancel));
      bool is_there = false;
      for (const LoadedModel& entry : loaded) is_there |= IsSameOllamaModel(entry.name, model);
      if (!is_there) return OkStatus();
      if (clock.MonotonicMicros() - start > tuning_.unload_timeout_ms * 1'000) {
        return DeadlineExceeded(
            "the server was told to unload the model but keeps it, perhaps "
            "for other requests (waited ms): ",
            model, " ", tuning_.unload_timeout_ms);
      }
      TRY(Pause(tuning_.poll_ms, clock, cancel));
    }
  }

  Result<std::unique_ptr<EmbeddingModel>> OpenEmbedding(const AiModelConfig& model,
                                                        const CancelToken& cancel) override {
    const std::string served = model.model.empty() ? model.name : model.model;
    RemoteEmbedding remote;
    remote.provider_kind = config_.kind;
    remote.config = model;
    ASSIGN_OR_RETURN(remote.description, Describe(served, cancel));
    TRY(RefuseCloud(remote.description));
    remote.limits = LimitsOf(config_, client_.options());
    const int64_t dimensions = model.dimensions;
    remote.send = [this, served, dimensions](std::span<const std::string> texts,
                                             const BatchCaller& caller) {
      return SendBatch(served, dimensions, texts, caller);
    };
    remote.check_identity = [this, served](const EmbeddingSpace& space,
                                           const CancelToken& check_cancel) -> Status {
      ASSIGN_OR_RETURN(const ProviderModel listed, FindListed(served, check_cancel));
      TRY(RefuseCloud(listed));
      return CompareDigests(space, listed.digest, config_.name);
    };
    return OpenRemoteEmbedding(std::move(remote), cancel);
  }

  Result<std::unique_ptr<Reranker>> OpenReranker(const AiModelConfig& model,
                                                 const CancelToken&) override {
    return InvalidArgument(
        "Ollama has no call that reranks; serve the model with text-embeddings-inference, vLLM or "
        "llama.cpp and a provider of kind openai: ",
        model.name);
  }

  Result<GenerateAnswer> Generate(const std::string& model, const GenerateRequest& generate,
                                  const GenerateSink& sink) override {
    // A name may be given to another model at any time, so this is asked each time.
    if (!config_.allow_cloud) {
      ASSIGN_OR_RETURN(const OllamaDescription description, Show(model, generate.cancel));
      TRY(RefuseCloud(description.model));
    }
    ServerRequest request =
        Post("/api/chat", OllamaChatBody(model, generate, OptionsFor(model)), generate.cancel);
    request.kind = RequestKind::kGenerate;
    request.repeatable = false;
    const std::string url = client_.UrlOf(request);
    const auto stream = MakeOllamaChatStream(sink, [&](std::string_view message) {
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

  OllamaModelOptions OptionsFor(const std::string& model) {
    return {.threads = config_.threads, .pinned = use_.IsPinned(model)};
  }

  Result<OllamaDescription> Show(const std::string& model, const CancelToken& cancel) {
    const ServerRequest request = Post("/api/show", DumpJson({{"model", model}}), cancel);
    ASSIGN_OR_RETURN(const Json json, client_.SendForJson(request));
    return ReadOllamaShow(model, json);
  }

  Result<ProviderModel> FindListed(const std::string& model, const CancelToken& cancel) {
    ASSIGN_OR_RETURN(const std::vector<ProviderModel> models, ListModels(cancel));
    for (const ProviderModel& listed : models) {
      if (IsSameOllamaModel(listed.name, model)) return listed;
    }
    return NotFound("the server of provider ", config_.name,
                    " does not have this model; pull it there, or correct `model`: ", model);
  }

  Status RefuseCloud(const ProviderModel& model) const {
    if (!model.is_cloud || config_.allow_cloud) return OkStatus();
    return PermissionDenied(
        "the model runs on somebody else's machine, where texts may not go; name a local one, or "
        "set allow_cloud = true for provider ",
        config_.name, ": ", model.name);
  }

  BatchAnswer SendBatch(const std::string& model, int64_t dimensions,
                        std::span<const std::string> texts, const BatchCaller& caller) {
    ServerRequest request = Post(
        "/api/embed", OllamaEmbedBody(model, texts, dimensions, OptionsFor(model)), caller.cancel);
    request.kind = RequestKind::kWork;
    request.urgency = caller.urgency;
    request.timeout_ms = use_.TimeoutMs(model);
    request.max_answer_bytes = kMaxBytesBeside + texts.size() * kMaxBytesPerVector;
    ServerAnswer answer = client_.Send(request);
    if (!answer.ok()) return {.failure = std::move(answer.failure), .vectors = {}};
    use_.NoteAnswer(model);
    const Result<Json> json = ParseJson(answer.body);
    auto vectors = json.ok() ? ReadOllamaVectors(*json) : std::nullopt;
    if (vectors) return {.failure = {}, .vectors = *std::move(vectors)};
    const std::string url = client_.UrlOf(request);
    return {.failure = FailureOfContent(answer.body, {"POST", url}), .vectors = {}};
  }

  const AiProviderConfig config_;
  const ServerTuning tuning_;
  ModelUse use_;
  ServerClient client_;
};

}  // namespace

std::unique_ptr<ModelProvider> MakeOllamaProvider(const ProviderOptions& options,
                                                  ServerClientOptions client,
                                                  const ServerTuning& tuning) {
  return std::make_unique<OllamaProvider>(options, std::move(client), tuning);
}

}  // namespace lakehouse::ai
