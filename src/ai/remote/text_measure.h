// How long a text is for a model on a server, and where it must be cut.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "ai/tokenizer/tokenizer.h"
#include "base/status.h"

namespace lakehouse::ai {

// An estimate on the safe side of what tokenizers in use make of a text, two special tokens
// included. In tokens: a run of ASCII letters a third of its length, but at least 1; every other
// visible ASCII character 1; white space 1 where there is more than one blank; a character of two
// bytes in UTF-8 1, of three 2 (Hangul 3), of four 4; a byte that is not UTF-8 1. English prose
// comes to about 2 a word.
size_t EstimateTokens(std::string_view text);

// Counts exactly with a tokenizer, else by that estimate. Immutable and thread-safe.
class TextMeasure {
 public:
  // `directory` holds a tokenizer like that of the model; "": tokens are estimated.
  static Result<TextMeasure> Open(const std::string& directory);

  bool is_exact() const { return tokenizer_.has_value(); }
  size_t Count(std::string_view text) const;
  // Returns the longest front of `text`, up to a code point's end, of at most `max_tokens`.
  std::string_view Cut(std::string_view text, size_t max_tokens) const;

 private:
  explicit TextMeasure(std::optional<Tokenizer> tokenizer) : tokenizer_(std::move(tokenizer)) {}

  std::optional<Tokenizer> tokenizer_;
};

// A text as JSON can carry it and servers in C can take it: what is not UTF-8, and NUL, becomes
// U+FFFD. At most `max_bytes` of it, up to a code point's end.
std::string CleanText(std::string_view text, size_t max_bytes);

// The length of the longest front of `text` of at most `bytes` that ends with a code point.
// REQUIRES: `text` is UTF-8.
size_t CodePointBoundary(std::string_view text, size_t bytes);

}  // namespace lakehouse::ai
