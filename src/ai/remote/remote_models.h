// Models on servers, whatever the protocol.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "ai/embedding_model.h"
#include "ai/model_provider.h"
#include "ai/remote/batch_runner.h"
#include "ai/remote/request_gate.h"
#include "ai/reranker.h"
#include "base/cancel.h"
#include "base/config.h"
#include "base/status.h"

namespace lakehouse::ai {

// For whom a request is sent.
struct BatchCaller {
  Urgency urgency = Urgency::kInteractive;
  CancelToken cancel;
};

// A model that embeds, as its protocol sees it. The functions are thread-safe and outlive no
// provider.
struct RemoteEmbedding {
  std::string provider_kind;
  AiModelConfig config;
  ProviderModel description;  // What the server says of it.
  BatchLimits limits;
  bool takes_empty_text = true;
  std::function<BatchAnswer(std::span<const std::string> texts, const BatchCaller& caller)> send;
  // Ok, kConflict or kNotFound; see EmbeddingModel::CheckIdentity.
  std::function<Status(const EmbeddingSpace& space, const CancelToken& cancel)> check_identity;
};

// Embeds a short text to find out the width. kInvalidArgument for a width other than that of the
// configuration.
Result<std::unique_ptr<EmbeddingModel>> OpenRemoteEmbedding(RemoteEmbedding model,
                                                            const CancelToken& cancel);

struct RemoteRerank {
  AiModelConfig config;
  int64_t max_tokens = 0;  // The server's; 0: not told.
  BatchLimits limits;
  // The scores are vectors of one number.
  std::function<BatchAnswer(const std::string& query, std::span<const std::string> documents,
                            const BatchCaller& caller)>
      send;
};

Result<std::unique_ptr<Reranker>> OpenRemoteReranker(RemoteRerank model);

// kConflict that names both models; ok where one of them is not known.
Status CompareDigests(const EmbeddingSpace& space, const std::string& digest,
                      const std::string& provider);

}  // namespace lakehouse::ai
