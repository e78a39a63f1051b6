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
  class Segments;

  AddedTokenMatcher() = default;
  // Tokens without content are left out.
  explicit AddedTokenMatcher(std::vector<AddedToken> tokens);

  bool empty() const { return tokens_.empty(); }

 private:
  const AddedToken* LongestAt(std::string_view rest) const;
  // Returns where a token may begin, at `from` or later; the size of the text when nowhere.
  size_t FindFirstByte(std::string_view text, size_t from) const;

  std::vector<AddedToken> tokens_;  // Longest first.
  std::string first_bytes_;         // Distinct.
  std::array<bool, 256> is_first_byte_{};
};

// Cuts one text into tokens and the non-empty text between them, no further than it is asked to.
// Borrows both arguments.
class AddedTokenMatcher::Segments {
 public:
  Segments(const AddedTokenMatcher& matcher, std::string_view text)
      : matcher_(matcher), text_(text) {}

  // Returns nothing at the end of the text.
  std::optional<Segment> Next();

 private:
  const AddedTokenMatcher& matcher_;
  const std::string_view text_;
  size_t done_ = 0;               // Everything before was returned, or is `token_`.
  std::optional<Segment> token_;  // The token after the text that was returned last.
};

}  // namespace lakehouse::ai
