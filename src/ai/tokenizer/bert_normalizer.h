// The text clean-up that BERT tokenizers do before they look for words.
#pragma once

#include <string>
#include <string_view>

namespace lakehouse::ai {

// Behaves as BertNormalizer of huggingface/tokenizers.
struct BertNormalizer {
  bool clean_text = true;            // Drops control characters; makes every white space a space.
  bool handle_chinese_chars = true;  // Puts spaces around ideographs.
  bool strip_accents = true;
  bool lowercase = true;

  // Returns UTF-8. Ill-formed bytes are taken as U+FFFD. Thread-safe.
  std::string Normalize(std::string_view text) const;
};

}  // namespace lakehouse::ai
