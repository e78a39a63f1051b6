#include "ai/tokenizer/tokenizer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "ai/tokenizer/word_scanner.h"
#include "base/check.h"

namespace lakehouse::ai {
namespace {

// How many tokens of each of two texts stay.
struct PairLengths {
  size_t first = 0;
  size_t second = 0;
};

// The longer text gives up what is too much; below the shorter one, both give up half.
PairLengths TruncateLongestFirst(size_t first, size_t second, size_t limit) {
  if (first + second <= limit) return {first, second};
  const size_t shorter = std::min(first, second);
  const size_t half = limit / 2;
  PairLengths kept =
      shorter <= half ? PairLengths{shorter, limit - shorter} : PairLengths{half, limit - half};
  if (first > second) std::swap(kept.first, kept.second);
  return kept;
}

}  // namespace

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
  // Adds the words of a text until it is full.
  void AddWords(const BertNormalizer& normalizer, std::string_view text) {
    WordScanner words(normalizer, word_piece_.max_word_characters(), text);
    WordScanner::Word word;
    while (!full() && words.Next(word)) {
      count_ += word_piece_.Split(word.text, word.characters, ids_);
    }
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
      pair_(std::move(parts.pair)),
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
  if (pair_.ok()) {
    for (const auto* ids : {&pair_->prefix_ids, &pair_->middle_ids, &pair_->suffix_ids}) {
      std::ranges::for_each(*ids, raise_bound);
    }
  }
  raw_tokens_ = AddedTokenMatcher(std::move(raw));
  normalized_tokens_ = AddedTokenMatcher(std::move(normalized));
}

std::vector<int32_t> Tokenizer::Encode(std::string_view text, size_t max_tokens) const {
  CHECK(max_tokens >= special_token_count());
  const size_t limit = max_tokens - special_token_count();
  std::vector<int32_t> ids = prefix_ids_;
  AppendIds(text, limit, ids);
  ids.resize(std::min(ids.size(), prefix_ids_.size() + limit));
  ids.insert(ids.end(), suffix_ids_.begin(), suffix_ids_.end());
  return ids;
}

Result<TokenPair> Tokenizer::EncodePair(std::string_view first, std::string_view second,
                                        size_t max_tokens) const {
  TRY(pair_.status());
  const PairTemplate& pair = *pair_;
  if (max_tokens < pair.special_token_count()) {
    return InvalidArgument("a pair of texts needs room for ", pair.special_token_count(),
                           " special tokens, the limit is ", max_tokens);
  }
  const size_t limit = max_tokens - pair.special_token_count();
  // One token beyond the limit tells which text is longer, unless both go beyond it.
  std::vector<int32_t> second_ids;
  TokenPair result{.ids = pair.prefix_ids};
  AppendIds(first, limit + 1, result.ids);
  AppendIds(second, limit + 1, second_ids);
  size_t first_length = result.ids.size() - pair.prefix_ids.size();
  size_t second_length = second_ids.size();
  if (first_length > limit && second_length > limit) {
    first_length = CountText(first);
    second_length = CountText(second);
  }
  const PairLengths kept = TruncateLongestFirst(first_length, second_length, limit);
  result.ids.resize(pair.prefix_ids.size() + kept.first);
  result.second_begin = result.ids.size() + pair.middle_of_type_0;
  result.ids.insert(result.ids.end(), pair.middle_ids.begin(), pair.middle_ids.end());
  result.ids.insert(result.ids.end(), second_ids.begin(),
                    second_ids.begin() + static_cast<std::ptrdiff_t>(kept.second));
  result.ids.insert(result.ids.end(), pair.suffix_ids.begin(), pair.suffix_ids.end());
  if (!pair.second_is_type_1) result.second_begin = result.ids.size();
  return result;
}

size_t Tokenizer::Count(std::string_view text) const {
  return CountText(text) + special_token_count();
}

void Tokenizer::AppendIds(std::string_view text, size_t limit, std::vector<int32_t>& ids) const {
  Sink sink(word_piece_, &ids, limit);
  Tokenize(text, sink);
}

size_t Tokenizer::CountText(std::string_view text) const {
  Sink sink(word_piece_, nullptr, std::numeric_limits<size_t>::max());
  Tokenize(text, sink);
  return sink.count();
}

void Tokenizer::Tokenize(std::string_view text, Sink& sink) const {
  AddedTokenMatcher::Segments segments(raw_tokens_, text);
  while (!sink.full()) {
    const auto segment = segments.Next();
    if (!segment.has_value()) return;
    if (segment->id.has_value()) {
      sink.AddId(*segment->id);
    } else {
      TokenizeSegment(segment->text, sink);
    }
  }
}

void Tokenizer::TokenizeSegment(std::string_view text, Sink& sink) const {
  if (normalized_tokens_.empty()) return sink.AddWords(normalizer_, text);
  const std::string normalized = normalizer_.Normalize(text);
  AddedTokenMatcher::Segments segments(normalized_tokens_, normalized);
  while (!sink.full()) {
    const auto segment = segments.Next();
    if (!segment.has_value()) return;
    if (segment->id.has_value()) {
      sink.AddId(*segment->id);
    } else {
      sink.AddWords(no_normalizer_, segment->text);
    }
  }
}

}  // namespace lakehouse::ai
