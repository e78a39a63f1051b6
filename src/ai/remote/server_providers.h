// The providers behind OpenModelServer, and what they have in common.
#pragma once

#include <cstdint>
#include <memory>

#include "ai/model_provider.h"
#include "ai/remote/batch_runner.h"
#include "ai/remote/server_client.h"
#include "base/status.h"

namespace lakehouse::ai {

// How patient a provider is, beside what its configuration says.
struct ServerTuning {
  RetryPolicy retry;  // max_retries is that of the configuration.
  BreakerPolicy breaker;
  int64_t health_timeout_ms = 3'000;
  int64_t control_timeout_ms = 10'000;  // Requests that no model takes part in.
  int64_t unload_timeout_ms = 30'000;
  int64_t poll_ms = 100;  // How often a server is asked whether it has got so far.
};

// OpenModelServer with a patience of its own.
Result<std::unique_ptr<ModelProvider>> OpenModelServerWith(const ProviderOptions& options,
                                                           const ServerTuning& tuning);

// `client` talks to the server that `options` names.
std::unique_ptr<ModelProvider> MakeOllamaProvider(const ProviderOptions& options,
                                                  ServerClientOptions client,
                                                  const ServerTuning& tuning);
std::unique_ptr<ModelProvider> MakeOpenAiProvider(const ProviderOptions& options,
                                                  ServerClientOptions client,
                                                  const ServerTuning& tuning);

// The bounds of the configuration.
BatchLimits LimitsOf(const AiProviderConfig& config, const ServerClientOptions& client);

}  // namespace lakehouse::ai
