// Remembers vectors of texts that were embedded before.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"

namespace lakehouse::ai {

// Keeps vectors by the SpaceId of their embedding space and a hash of what was embedded. A cache
// may forget anything at any time and never answers with another text's vector. Thread-safe.
class VectorCache {
 public:
  using Vector = std::vector<float>;

  virtual ~VectorCache() = default;

  // One entry per key, in order; nullopt: not there. `keys` are SHA-256 sums in 64 hex digits of
  // the role's prefix and the text. An entry of another width than `dimensions` counts as absent.
  virtual std::vector<std::optional<Vector>> Find(const std::string& space_id, size_t dimensions,
                                                  std::span<const std::string> keys) = 0;
  // Keeps vectors[i] under keys[i]. Never fails: what cannot be kept is forgotten.
  virtual void Put(const std::string& space_id, std::span<const std::string> keys,
                   std::span<const Vector> vectors) = 0;
};

}  // namespace lakehouse::ai
