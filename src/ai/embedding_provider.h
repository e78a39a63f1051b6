// Turns texts into vectors. Implementations: the embedded encoder (this module); Ollama and
// OpenAI-compatible servers follow behind the same interface.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/config.h"
#include "base/json.h"
#include "base/status.h"

namespace lakehouse::ai {

// Everything that decides what a vector means. Vectors of two spaces are never mixed.
struct EmbeddingSpace {
  std::string provider;  // "embedded"
  std::string model;     // "all-MiniLM-L6-v2"
  std::string digest;    // SHA-256 of the weights.
  int64_t dimensions = 0;
  std::string pooling;  // "mean", "cls", …
  bool normalized = true;
  std::string document_prefix;
  std::string query_prefix;
  std::string precision;  // "f32" or "bf16": resolved, never "auto".
  int64_t max_tokens = 0;
  int64_t chunker_version = 0;
  bool operator==(const EmbeddingSpace&) const = default;
};

Json EmbeddingSpaceToJson(const EmbeddingSpace& space);
Result<EmbeddingSpace> EmbeddingSpaceFromJson(const Json& json);

enum class Role { kDocument, kQuery };

// Thread-safe.
class EmbeddingProvider {
 public:
  virtual ~EmbeddingProvider() = default;

  virtual const EmbeddingSpace& space() const = 0;

  // One result per text, in order; a bad text fails alone. Vectors have space().dimensions finite
  // floats. A text beyond max_tokens is cut there (chunk first). Queries (Role::kQuery) are served
  // before documents of other callers. Returns an error as a whole only when cancelled.
  virtual Result<std::vector<Result<std::vector<float>>>> Embed(std::span<const std::string> texts,
                                                                Role role,
                                                                const CancelToken& cancel) = 0;

  // Tokens of `text` with the prefix and special tokens of a document, never truncated.
  virtual size_t CountTokens(std::string_view text) const = 0;
};

// Loads the encoder from a Hugging Face directory. kNotFound when the directory is missing (names
// the command that installs it), kInvalidArgument when a file is missing, damaged or of a model
// that the encoder does not know; the error names the file and what was expected.
Result<std::unique_ptr<EmbeddingProvider>> OpenEmbeddedProvider(const AiConfig& config);

}  // namespace lakehouse::ai
