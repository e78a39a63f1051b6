// Turns texts into vectors: the encoder inside the binary, or a model on a server.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ai/embedding_space.h"
#include "base/cancel.h"
#include "base/status.h"

namespace lakehouse::ai {

enum class Role { kDocument, kQuery };

struct EmbedOptions {
  Role role = Role::kDocument;
  // Asks the model itself and no cache: to find out whether it still is what it was.
  bool fresh = false;
  CancelToken cancel = {};
};

// One result per text, in order.
using Embeddings = std::vector<Result<std::vector<float>>>;

// One model. Thread-safe.
class EmbeddingModel {
 public:
  virtual ~EmbeddingModel() = default;

  // Constant for the life of the object.
  virtual const EmbeddingSpace& space() const = 0;

  // Embeds texts; a bad text fails alone. Vectors have space().dimensions finite floats, of length
  // 1 where the space is normalized. A text beyond max_tokens is cut there (chunk first). Queries
  // are served before documents of other callers. Any bytes are a text: what is not UTF-8 is taken
  // as U+FFFD. An error as a whole: cancelled; or every text would meet it: kUnavailable (the
  // server), kNotFound (the model is gone), kUnauthenticated, kConflict (the width changed).
  virtual Result<Embeddings> Embed(std::span<const std::string> texts,
                                   const EmbedOptions& options) = 0;

  // Tokens of `text` with the prefix and special tokens of a document, never truncated. An estimate
  // on the safe side where the model's tokenizer is not known.
  virtual size_t CountTokens(std::string_view text) const = 0;

  // Ok while the model behind the name is the one that space() describes; kConflict names both.
  // Cheap; asks the server.
  virtual Status CheckIdentity(const CancelToken& cancel) = 0;
};

// Finds embedding models by the names of the configuration. Thread-safe.
class EmbeddingModels {
 public:
  virtual ~EmbeddingModels() = default;

  virtual const std::string& default_name() const = 0;
  // Opens a model when it is first asked for; later calls give the same object as long as it is the
  // model behind the name. kNotFound names the nearest name; else why it cannot be opened. The
  // object is shared with running searches and jobs.
  virtual Result<std::shared_ptr<EmbeddingModel>> Get(const std::string& name,
                                                      const CancelToken& cancel) = 0;
};

}  // namespace lakehouse::ai
