#include "ai/remote/text_measure.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"

namespace lakehouse::ai {
namespace {

// Costs are in thirds of a token.
constexpr size_t kToken = 3;
constexpr size_t kSpecialTokens = 2;
constexpr std::string_view kReplacement = "\uFFFD";
// Texts have about so many bytes a token: where a cut begins to look for its place.
constexpr size_t kBytesPerToken = 4;

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsBlank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

size_t RunLength(std::string_view text, bool (*is_part)(char)) {
  return static_cast<size_t>(std::find_if_not(text.begin(), text.end(), is_part) - text.begin());
}

// A byte less than three of them is a syllable: U+AC00 to U+D7A3.
bool IsHangul(std::string_view character) { return character >= "\uAC00" && character <= "\uD7A3"; }

struct Piece {
  size_t bytes = 0;
  size_t thirds = 0;
};

// Takes what stands at the front of a text that is not empty.
Piece FirstPiece(std::string_view text) {
  if (IsLetter(text.front())) {
    const size_t letters = RunLength(text, IsLetter);
    return {letters, std::max(letters, kToken)};
  }
  if (IsBlank(text.front())) {
    const size_t blanks = RunLength(text, IsBlank);
    return {blanks, blanks > 1 ? kToken : 0};
  }
  const size_t length = Utf8SequenceLength(text);
  switch (length) {
    case 3:
      return {length, IsHangul(text.substr(0, 3)) ? 3 * kToken : 2 * kToken};
    case 4:
      return {length, 4 * kToken};
    default:
      return {std::max<size_t>(length, 1), kToken};
  }
}

// The front of `text` whose estimate is at most `max_tokens`.
size_t EstimatedCut(std::string_view text, size_t max_tokens) {
  const size_t budget = max_tokens > kSpecialTokens ? (max_tokens - kSpecialTokens) * kToken : 0;
  size_t used = 0;
  size_t position = 0;
  while (position < text.size()) {
    const Piece piece = FirstPiece(text.substr(position));
    if (used + piece.thirds > budget) {
      // Runs may be cut inside: the first blank costs nothing, and letters count one by one.
      if (IsBlank(text[position])) return position + 1;
      const bool divisible = IsLetter(text[position]) && budget - used >= kToken;
      return divisible ? position + budget - used : position;
    }
    used += piece.thirds;
    position += piece.bytes;
  }
  return text.size();
}

}  // namespace

size_t EstimateTokens(std::string_view text) {
  size_t thirds = 0;
  while (!text.empty()) {
    const Piece piece = FirstPiece(text);
    thirds += piece.thirds;
    text.remove_prefix(piece.bytes);
  }
  return (thirds + kToken - 1) / kToken + kSpecialTokens;
}

Result<TextMeasure> TextMeasure::Open(const std::string& directory) {
  if (directory.empty()) return TextMeasure(std::nullopt);
  Result<Tokenizer> tokenizer = Tokenizer::Load(directory);
  if (!tokenizer.ok()) return tokenizer.status();
  return TextMeasure(*std::move(tokenizer));
}

size_t TextMeasure::Count(std::string_view text) const {
  return tokenizer_ ? tokenizer_->Count(text) : EstimateTokens(text);
}

std::string_view TextMeasure::Cut(std::string_view text, size_t max_tokens) const {
  if (!tokenizer_) return text.substr(0, EstimatedCut(text, max_tokens));
  const auto fits = [&](size_t bytes) {
    return tokenizer_->Count(text.substr(0, bytes)) <= max_tokens;
  };
  size_t low = 0;  // Fits, as far as is possible; `high` does not.
  size_t high = CodePointBoundary(text, (max_tokens + 1) * kBytesPerToken);
  while (fits(high)) {
    if (high == text.size()) return text;
    low = high;
    high = CodePointBoundary(text, high * 2);
  }
  while (true) {
    size_t middle = CodePointBoundary(text, (low + high) / 2);
    if (middle <= low) middle = low + Utf8SequenceLength(text.substr(low));
    if (middle >= high) return text.substr(0, low);
    (fits(middle) ? low : high) = middle;
  }
}

std::string CleanText(std::string_view text, size_t max_bytes) {
  std::string clean;
  clean.reserve(std::min(text.size(), max_bytes));
  while (!text.empty()) {
    const size_t length = Utf8SequenceLength(text);
    const bool kept = length > 0 && text.front() != '\0';
    const std::string_view piece = kept ? text.substr(0, length) : kReplacement;
    if (clean.size() + piece.size() > max_bytes) break;
    clean.append(piece);
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return clean;
}

size_t CodePointBoundary(std::string_view text, size_t bytes) {
  if (bytes >= text.size()) return text.size();
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) --bytes;
  return bytes;
}

}  // namespace lakehouse::ai
