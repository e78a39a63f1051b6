// What a piece of text takes of a chunk's room.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "ai/chunker.h"

namespace lakehouse::ai {

// Counts tokens without the prefix and special tokens, which every chunk has once.
class PieceCost {
 public:
  // Borrows `count`.
  explicit PieceCost(const TokenCounter& count) : count_(count), overhead_(count("")) {}

  size_t overhead() const { return overhead_; }

  size_t Tokens(std::string_view piece) const {
    const size_t tokens = count_(piece);
    return tokens > overhead_ ? tokens - overhead_ : 0;
  }

  // Returns the tokens, or more where the piece has too many bytes for them; at least 1 for a piece
  // that is not empty.
  size_t operator()(std::string_view piece) const {
    return std::max(Tokens(piece), (piece.size() + kMaxBytesPerToken - 1) / kMaxBytesPerToken);
  }

 private:
  const TokenCounter& count_;
  const size_t overhead_;
};

}  // namespace lakehouse::ai
