// Splits one word into the pieces of a vocabulary.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace lakehouse::ai {

struct WordPieceOptions {
  std::string unknown_token = "[UNK]";
  std::string continuing_prefix = "##";  // Marks the pieces that continue a word.
  size_t max_word_characters = 100;      // A longer word is unknown as a whole.
};

// A vocabulary with greedy longest-match-first splitting (Schuster and Nakajima, 2012; as in BERT).
// Immutable and thread-safe.
class WordPiece {
 public:
  using Entry = std::pair<std::string, int32_t>;

  // kInvalidArgument when the vocabulary is empty, lacks the unknown token, or has a token twice or
  // with a negative id.
  static Result<WordPiece> Build(const std::vector<Entry>& vocabulary,
                                 const WordPieceOptions& options);

  // Appends the ids of a word's pieces, or the one id of the unknown token when some part of the
  // word is in no piece or the word is too long. Returns how many; a null `ids` only counts.
  // `characters` is the number of code points of `word`. REQUIRES: `word` is UTF-8, not empty, and
  // whole unless it has more than max_word_characters().
  size_t Split(std::string_view word, size_t characters, std::vector<int32_t>* ids) const;

  // Returns the id of a whole token, -1 when it is not in the vocabulary.
  int32_t Find(std::string_view token) const { return Lookup(token, Hash(token), false); }
  size_t max_word_characters() const { return max_word_characters_; }
  // One more than the largest id.
  size_t id_bound() const { return id_bound_; }

 private:
  // Open addressing; id -1 marks a free slot. A token that starts with the continuing prefix stands
  // twice: whole, and without the prefix as a continuing piece.
  struct Slot {
    uint32_t hash = 0;
    uint32_t offset = 0;
    uint32_t length : 31 = 0;
    uint32_t continuing : 1 = 0;
    int32_t id = -1;
  };
  struct Match {
    size_t length = 0;  // 0: none.
    int32_t id = -1;
  };

  WordPiece() = default;
  static uint64_t Hash(std::string_view text);
  Status Insert(std::string_view piece, bool continuing, int32_t id);
  int32_t Lookup(std::string_view piece, uint64_t hash, bool continuing) const;
  Match LongestMatch(std::string_view rest, bool continuing) const;

  std::vector<Slot> slots_;  // A power of two, at most three quarters full.
  std::string text_;         // The bytes that slots refer to.
  size_t longest_piece_ = 0;
  size_t max_word_characters_ = 0;
  size_t id_bound_ = 0;
  int32_t unknown_id_ = -1;
};

}  // namespace lakehouse::ai
