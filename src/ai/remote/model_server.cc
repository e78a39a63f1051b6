#include <algorithm>
#include <string>
#include <utility>

#include "ai/model_provider.h"
#include "ai/remote/server_address.h"
#include "ai/remote/server_providers.h"
#include "base/check.h"
#include "base/strings.h"

namespace lakehouse::ai {
namespace {

constexpr std::string_view kOllama = "ollama";
constexpr std::string_view kOpenAi = "openai";
// Ollama runs the texts of one model one after the other, whatever it is sent.
constexpr int64_t kOllamaRequests = 1;
constexpr int64_t kOtherRequests = 4;

}  // namespace

BatchLimits LimitsOf(const AiProviderConfig& config, const ServerClientOptions& client) {
  return {.max_texts = static_cast<size_t>(config.max_batch_texts),
          .max_bytes = static_cast<size_t>(config.max_batch_bytes),
          .max_parallel = client.max_concurrent_requests};
}

Result<std::unique_ptr<ModelProvider>> OpenModelServerWith(const ProviderOptions& options,
                                                           const ServerTuning& tuning) {
  CHECK(options.secrets != nullptr && options.metrics != nullptr && options.clock != nullptr);
  const AiProviderConfig& config = options.config;
  const bool is_ollama = config.kind == kOllama;
  if (!is_ollama && config.kind != kOpenAi) {
    return InvalidArgument("the kind of provider ", config.name, " must be ollama or openai, not ",
                           QuoteForMessage(config.kind));
  }
  ServerClientOptions client;
  client.provider = config.name;
  ASSIGN_OR_RETURN(client.address, CheckServerAddress(config));
  if (!config.credentials.empty()) {
    ASSIGN_OR_RETURN(client.key, options.secrets->Get(config.credentials, "api_key"));
  }
  client.ca_file = config.ca_file;
  const int64_t requests = config.max_concurrent_requests;
  const int64_t standard = is_ollama ? kOllamaRequests : kOtherRequests;
  client.max_concurrent_requests = static_cast<size_t>(requests > 0 ? requests : standard);
  client.request_timeout_ms = config.request_timeout_ms;
  client.load_timeout_ms = std::max(config.load_timeout_ms, config.request_timeout_ms);
  client.retry = tuning.retry;
  client.retry.max_retries = config.max_retries;
  client.breaker = tuning.breaker;
  client.metrics = options.metrics;
  client.clock = options.clock;
  if (is_ollama) return MakeOllamaProvider(options, std::move(client), tuning);
  return MakeOpenAiProvider(options, std::move(client), tuning);
}

Result<std::unique_ptr<ModelProvider>> OpenModelServer(const ProviderOptions& options) {
  return OpenModelServerWith(options, ServerTuning());
}

}  // namespace lakehouse::ai
