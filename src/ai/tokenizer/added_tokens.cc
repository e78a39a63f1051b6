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
    is_first_byte_[static_cast<unsigned char>(token.content.front())] = true;
  }
}

const AddedToken* AddedTokenMatcher::LongestAt(std::string_view rest) const {
  if (!is_first_byte_[static_cast<unsigned char>(rest.front())]) return nullptr;
  for (const AddedToken& token : tokens_) {
    if (rest.starts_with(token.content)) return &token;
  }
  return nullptr;
}

std::vector<AddedTokenMatcher::Segment> AddedTokenMatcher::Split(std::string_view text) const {
  std::vector<Segment> segments;
  size_t done = 0;  // Everything before is in a segment.
  for (size_t i = 0; i < text.size();) {
    const AddedToken* token = LongestAt(text.substr(i));
    if (token == nullptr) {
      ++i;
      continue;
    }
    size_t begin = i;
    size_t end = i + token->content.size();
    i = end;
    if (token->single_word && TouchesWord(text, begin, end)) continue;
    if (token->lstrip) begin = SkipWhitespaceBackwards(text, begin, std::min(begin, done));
    if (token->rstrip) end = SkipWhitespace(text, end);
    if (done < begin) segments.push_back({std::nullopt, text.substr(done, begin - done)});
    segments.push_back({token->id, text.substr(begin, end - begin)});
    done = end;
  }
  if (done < text.size()) segments.push_back({std::nullopt, text.substr(done)});
  return segments;
}

}  // namespace lakehouse::ai
