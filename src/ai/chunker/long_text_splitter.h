// Cuts text that has no better place to cut.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "ai/chunker/boundaries.h"
#include "ai/chunker/piece_cost.h"

namespace lakehouse::ai {

// Cuts a sentence that is too long between words, a word that is too long between grapheme
// clusters, and a cluster that is too long between code points. To keep the number of pieces small,
// they are put together to an eighth of the budget. Takes O(length) time, and memory only for a
// window of the text and the result. Not thread-safe.
class LongTextSplitter {
 public:
  struct Piece {
    TextRange range;
    size_t cost = 0;
  };

  // Borrows the arguments.
  LongTextSplitter(std::string_view text, size_t budget, const PieceCost& cost);

  // Returns the pieces of a range, none of them blank, each of cost `budget` at most unless it is
  // one code point. Valid until the next call.
  const std::vector<Piece>& Split(TextRange range);

 private:
  void AddWord(TextRange word);
  void AddClusters(TextRange range);
  void AddCluster(TextRange cluster);
  void AddPart(TextRange range, size_t cost);
  void JoinParts();
  size_t FindWindowEnd(TextRange range) const;
  size_t AddClustersOfWindow(TextRange window, bool is_last);
  std::string_view TextOf(TextRange range) const {
    return text_.substr(range.begin, range.end - range.begin);
  }

  const std::string_view text_;
  const size_t budget_;
  const size_t joined_cost_;  // Parts are joined up to this.
  const size_t window_bytes_;
  const PieceCost& cost_;
  std::vector<Piece> pieces_;
  std::vector<Piece> parts_;  // To be joined to one piece.
  size_t parts_cost_ = 0;
  std::optional<Boundaries> words_;
  std::optional<Boundaries> clusters_;
};

}  // namespace lakehouse::ai
