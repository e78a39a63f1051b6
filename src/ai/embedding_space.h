// What decides the meaning of a vector.
#pragma once

#include <cstdint>
#include <string>

#include "base/json.h"
#include "base/status.h"

namespace lakehouse::ai {

// Everything that decides what a vector means. Vectors of two spaces are never mixed.
struct EmbeddingSpace {
  std::string provider;  // "embedded", or the kind of server: "ollama", "openai".
  std::string model;     // The name that the configuration gives it: "all-MiniLM-L6-v2".
  std::string
      digest;  // Of every file that decides a vector, or what the server says; "": not known.
  int64_t dimensions = 0;
  std::string pooling;  // "mean", "cls", …; "server" when a server decides.
  bool normalized = true;
  std::string document_prefix;
  std::string query_prefix;
  std::string precision;  // "f32", "bf16" or "int8": resolved, never "auto"; "server".
  int64_t max_tokens = 0;
  int64_t chunker_version = 0;
  bool operator==(const EmbeddingSpace&) const = default;
};

Json EmbeddingSpaceToJson(const EmbeddingSpace& space);
Result<EmbeddingSpace> EmbeddingSpaceFromJson(const Json& json);

// SHA-256 of everything in the space that decides a vector, in 64 hex digits: equal for equal
// spaces, also on another machine. The chunker decides which texts there are, not their vectors,
// and the name of the model does not matter where its digest is known.
std::string SpaceId(const EmbeddingSpace& space);

}  // namespace lakehouse::ai
