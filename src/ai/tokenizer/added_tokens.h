// Tokens that are found in the text as they stand, before any other splitting.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lakehouse::ai {

struct AddedToken {
  std::string content;
  int32_t id = 0;
  bool single_word = false;  // Only where no word character touches it.
  bool lstrip = false;       // Takes the white space before it.
  bool rstrip = false;       // Takes the white space after it.
  bool normalized = false;   // Looked for in the normalized text.
};

// Finds added tokens as huggingface/tokenizers does: leftmost, then longest. Immutable and
// thread-safe.
class AddedTokenMatcher {
 public:
  // A token, or the text between tokens. Borrows the text.
  struct Segment {
    std::optional<int32_t> id;
    std::string_view text;
  };

  AddedTokenMatcher() = default;
  // Tokens without content are left out.
  explicit AddedTokenMatcher(std::vector<AddedToken> tokens);

  bool empty() const { return tokens_.empty(); }
  // Cuts `text` into tokens and the non-empty text between them.
  std::vector<Segment> Split(std::string_view text) const;

 private:
  const AddedToken* LongestAt(std::string_view rest) const;

  std::vector<AddedToken> tokens_;  // Longest first.
  std::array<bool, 256> is_first_byte_{};
};

}  // namespace lakehouse::ai
