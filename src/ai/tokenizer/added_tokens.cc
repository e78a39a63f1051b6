#include "ai/tokenizer/added_tokens.h"

#include <algorithm>
#include <utility>

#include "ai/unicode/character_class.h"

namespace lakehouse::ai {
namespace {

size_t SkipWhitespace(std::string_view text, size_t position) {
  while (position < text.size()) {
    size_t next = position;
    if (!IsWhitespace(DecodeUtf8(text, next))) break;
    position = next;
  }
  return position;
}

size_t SkipWhitespaceBackwards(std::string_view text, size_t position, size_t limit) {
  while (position > limit) {
    const size_t previous = PreviousCodePoint(text, position);
    size_t next = previous;
    if (!IsWhitespace(DecodeUtf8(text, next))) break;
    position = previous;
  }
  return std::max(position, limit);
}

bool TouchesWord(std::string_view text, size_t begin, size_t end) {
  if (begin > 0) {
    size_t previous = PreviousCodePoint(text, begin);
    if (IsWordCharacter(DecodeUtf8(text, previous))) return true;
  }
  return end < text.size() && IsWordCharacter(DecodeUtf8(text, end));
}

}  // namespace

AddedTokenMatcher::AddedTokenMatcher(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  std::erase_if(tokens_, [](const AddedToken& token) { return token.content.empty(); });
  std::ranges::stable_sort(tokens_, std::ranges::greater{},
                           [](const AddedToken& token) { return token.content.size(); });
  for (const AddedToken& token : tokens_) {
    bool& is_first_byte = is_first_byte_[static_cast<unsigned char>(token.content.front())];
    if (!is_first_byte) first_bytes_.push_back(token.content.front());
    is_first_byte = true;
  }
}

const AddedToken* AddedTokenMatcher::LongestAt(std::string_view rest) const {
  for (const AddedToken& token : tokens_) {
    if (rest.starts_with(token.content)) return &token;
  }
  return nullptr;
}

size_t AddedTokenMatcher::FindFirstByte(std::string_view text, size_t from) const {
  if (first_bytes_.empty()) return text.size();
  // The special tokens of BERT all begin with a bracket, and the library finds one byte fast.
  if (first_bytes_.size() == 1) return std::min(text.find(first_bytes_[0], from), text.size());
  while (from < text.size() && !is_first_byte_[static_cast<unsigned char>(text[from])]) ++from;
  return from;
}

std::optional<AddedTokenMatcher::Segment> AddedTokenMatcher::Segments::Next() {
  if (token_.has_value()) return std::exchange(token_, std::nullopt);
  const size_t first = done_;
  for (size_t i = done_; (i = matcher_.FindFirstByte(text_, i)) < text_.size();) {
    const AddedToken* token = matcher_.LongestAt(text_.substr(i));
    if (token == nullptr) {
      ++i;
      continue;
    }
    size_t begin = i;
    size_t end = i + token->content.size();
    i = end;
    if (token->single_word && TouchesWord(text_, begin, end)) continue;
    if (token->lstrip) begin = SkipWhitespaceBackwards(text_, begin, std::min(begin, first));
    if (token->rstrip) end = SkipWhitespace(text_, end);
    done_ = end;
    const Segment found{token->id, text_.substr(begin, end - begin)};
    if (first >= begin) return found;
    token_ = found;
    return Segment{std::nullopt, text_.substr(first, begin - first)};
  }
  done_ = text_.size();
  if (first >= text_.size()) return std::nullopt;
  return Segment{std::nullopt, text_.substr(first)};
}

}  // namespace lakehouse::ai
