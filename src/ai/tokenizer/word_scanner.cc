#include "ai/tokenizer/word_scanner.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "ai/unicode/character_class.h"
#include "ai/unicode/character_traits.h"

namespace lakehouse::ai {
namespace {

// What a byte of the text means to words. Letters are all that neither ends a word nor is one.
enum ByteClass : uint8_t { kLetter = 1, kCapital = 2, kSpace = 4, kPunctuation = 8, kRun = 16 };

constexpr uint8_t ClassOf(unsigned byte, bool clean_text) {
  if (byte >= 0x80) return kRun;
  const bool is_kept_space = byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
  if (clean_text && !is_kept_space && (byte < 0x20 || byte == 0x7F)) return kRun;
  if (is_kept_space || byte == '\v' || byte == '\f') return kSpace;
  if (byte >= 'A' && byte <= 'Z') return kCapital;
  const bool is_letter =
      (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte < 0x20 || byte == 0x7F;
  return is_letter ? kLetter : kPunctuation;
}

constexpr std::array<uint8_t, 256> MakeClasses(bool clean_text) {
  std::array<uint8_t, 256> classes{};
  for (unsigned byte = 0; byte < 256; ++byte) classes[byte] = ClassOf(byte, clean_text);
  return classes;
}

constexpr std::array<uint8_t, 256> kClasses[2] = {MakeClasses(false), MakeClasses(true)};

}  // namespace

WordScanner::WordScanner(const BertNormalizer& normalizer, size_t max_characters,
                         std::string_view text)
    : normalizer_(normalizer), max_characters_(max_characters), text_(text) {}

bool WordScanner::Next(Word& word) {
  const std::array<uint8_t, 256>& classes = kClasses[normalizer_.clean_text ? 1 : 0];
  buffer_.clear();
  word.characters = 0;
  while (true) {
    if (run_position_ < run_.size() && TakeFromRun(word) == RunEnd::kWordEnds) break;
    if (position_ >= text_.size()) break;
    const uint8_t byte_class = classes[static_cast<unsigned char>(text_[position_])];
    if (byte_class == kSpace) {
      ++position_;
      if (word.characters > 0) break;
    } else if (byte_class == kPunctuation) {
      if (word.characters > 0) break;
      word = {text_.substr(position_++, 1), 1};
      return true;
    } else if (byte_class == kRun) {
      run_.clear();
      run_position_ = 0;
      normalizer_.NormalizeRun(text_, position_, run_);
    } else if (TakeAscii(word)) {
      return true;
    }
  }
  word.text = buffer_;
  return word.characters > 0;
}

WordScanner::RunEnd WordScanner::TakeFromRun(Word& word) {
  while (run_position_ < run_.size()) {
    const char32_t c = run_[run_position_];
    const uint8_t traits = CharacterTraits(c);
    const bool is_punctuation = (traits & kPunctuationTrait) != 0;
    if (is_punctuation && word.characters > 0) return RunEnd::kWordEnds;
    ++run_position_;
    if ((traits & kWhitespaceTrait) != 0) {
      if (word.characters > 0) return RunEnd::kWordEnds;
      continue;
    }
    if (word.characters++ < max_characters_) AppendUtf8(buffer_, c);
    if (is_punctuation) return RunEnd::kWordEnds;
  }
  return RunEnd::kWordGoesOn;
}

bool WordScanner::TakeAscii(Word& word) {
  const std::array<uint8_t, 256>& classes = kClasses[normalizer_.clean_text ? 1 : 0];
  const size_t begin = position_;
  uint8_t seen = 0;
  uint8_t next = 0;
  while (position_ < text_.size()) {
    next = classes[static_cast<unsigned char>(text_[position_])];
    if ((next & (kLetter | kCapital)) == 0) break;
    seen |= next;
    ++position_;
  }
  const std::string_view letters = text_.substr(begin, position_ - begin);
  const bool is_changed = normalizer_.lowercase && (seen & kCapital) != 0;
  const bool goes_on = position_ < text_.size() && next == kRun;
  if (word.characters == 0 && !is_changed && !goes_on) {
    word = {letters, letters.size()};
    return true;
  }
  if (word.characters < max_characters_) {
    const size_t kept = std::min(letters.size(), max_characters_ - word.characters);
    const size_t old_size = buffer_.size();
    buffer_ += letters.substr(0, kept);
    if (is_changed) {
      for (size_t i = old_size; i < buffer_.size(); ++i) {
        if (buffer_[i] >= 'A' && buffer_[i] <= 'Z') buffer_[i] = static_cast<char>(buffer_[i] + 32);
      }
    }
  }
  word.characters += letters.size();
  return false;
}

}  // namespace lakehouse::ai
