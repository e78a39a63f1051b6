#include "ai/tokenizer/tokenizer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "ai/unicode/character_class.h"
#include "base/check.h"

namespace lakehouse::ai {

// Takes ids until it is full.
class Tokenizer::Sink {
 public:
  // A null `ids` only counts.
  Sink(const WordPiece& word_piece, std::vector<int32_t>* ids, size_t limit)
      : word_piece_(word_piece), ids_(ids), limit_(limit) {}

  bool full() const { return count_ >= limit_; }
  size_t count() const { return count_; }

  void AddId(int32_t id) {
    if (ids_ != nullptr) ids_->push_back(id);
    ++count_;
  }
  void AddWord(std::string_view word, size_t characters) {
    if (!word.empty()) count_ += word_piece_.Split(word, characters, ids_);
  }

 private:
  const WordPiece& word_piece_;
  std::vector<int32_t>* ids_;
  size_t limit_;
  size_t count_ = 0;
};

Tokenizer::Tokenizer(Parts parts)
    : normalizer_(parts.normalizer),
      word_piece_(std::move(parts.word_piece)),
      prefix_ids_(std::move(parts.prefix_ids)),
      suffix_ids_(std::move(parts.suffix_ids)),
      id_bound_(word_piece_.id_bound()) {
  const auto raise_bound = [this](int32_t id) {
    id_bound_ = std::max(id_bound_, static_cast<size_t>(id) + 1);
  };
  std::vector<AddedToken> raw;
  std::vector<AddedToken> normalized;
  for (AddedToken& token : parts.added_tokens) {
    raise_bound(token.id);
    if (token.normalized) {
      token.content = normalizer_.Normalize(token.content);
      normalized.push_back(std::move(token));
    } else {
      raw.push_back(std::move(token));
    }
  }
  std::ranges::for_each(prefix_ids_, raise_bound);
  std::ranges::for_each(suffix_ids_, raise_bound);
  raw_tokens_ = AddedTokenMatcher(std::move(raw));
  normalized_tokens_ = AddedTokenMatcher(std::move(normalized));
}

std::vector<int32_t> Tokenizer::Encode(std::string_view text, size_t max_tokens) const {
  CHECK(max_tokens >= special_token_count());
  const size_t limit = max_tokens - special_token_count();
  std::vector<int32_t> ids = prefix_ids_;
  Sink sink(word_piece_, &ids, limit);
  Tokenize(text, sink);
  ids.resize(std::min(ids.size(), prefix_ids_.size() + limit));
  ids.insert(ids.end(), suffix_ids_.begin(), suffix_ids_.end());
  return ids;
}

size_t Tokenizer::Count(std::string_view text) const {
  Sink sink(word_piece_, nullptr, std::numeric_limits<size_t>::max());
  Tokenize(text, sink);
  return sink.count() + special_token_count();
}

void Tokenizer::Tokenize(std::string_view text, Sink& sink) const {
  for (const AddedTokenMatcher::Segment& segment : raw_tokens_.Split(text)) {
    if (sink.full()) return;
    if (segment.id.has_value()) {
      sink.AddId(*segment.id);
    } else {
      TokenizeSegment(segment.text, sink);
    }
  }
}

void Tokenizer::TokenizeSegment(std::string_view text, Sink& sink) const {
  const std::string normalized = normalizer_.Normalize(text);
  if (normalized_tokens_.empty()) return SplitWords(normalized, sink);
  for (const AddedTokenMatcher::Segment& segment : normalized_tokens_.Split(normalized)) {
    if (sink.full()) return;
    if (segment.id.has_value()) {
      sink.AddId(*segment.id);
    } else {
      SplitWords(segment.text, sink);
    }
  }
}

void Tokenizer::SplitWords(std::string_view normalized, Sink& sink) const {
  size_t word_begin = 0;
  size_t word_characters = 0;
  for (size_t i = 0; i < normalized.size() && !sink.full();) {
    const size_t begin = i;
    const char32_t c = DecodeUtf8(normalized, i);
    const bool is_punctuation = IsPunctuation(c);
    if (!is_punctuation && !IsWhitespace(c)) {
      ++word_characters;
      continue;
    }
    sink.AddWord(normalized.substr(word_begin, begin - word_begin), word_characters);
    if (is_punctuation) sink.AddWord(normalized.substr(begin, i - begin), 1);
    word_begin = i;
    word_characters = 0;
  }
  if (!sink.full()) sink.AddWord(normalized.substr(word_begin), word_characters);
}

}  // namespace lakehouse::ai
