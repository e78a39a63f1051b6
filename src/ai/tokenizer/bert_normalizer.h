// The text clean-up that BERT tokenizers do before they look for words.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace lakehouse::ai {

// Behaves as BertNormalizer of huggingface/tokenizers. Its functions are thread-safe; ill-formed
// bytes are taken as U+FFFD.
struct BertNormalizer {
  bool clean_text = true;            // Drops control characters; makes every white space a space.
  bool handle_chinese_chars = true;  // Puts spaces around ideographs.
  bool strip_accents = true;
  bool lowercase = true;

  // Returns the whole of a normalized text.
  std::string Normalize(std::string_view text) const;

  // Appends to `out` the normalized form of a run of characters that starts at `position`, and
  // moves `position` past it. A run is the characters before the next one that is ASCII and not
  // dropped; a long run is given in parts. REQUIRES: the character at `position` is not ASCII, or
  // is dropped.
  void NormalizeRun(std::string_view text, size_t& position, std::u32string& out) const;
};

}  // namespace lakehouse::ai
