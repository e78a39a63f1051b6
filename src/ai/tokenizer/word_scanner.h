// Cuts a text into the words that a BERT vocabulary is asked for.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "ai/tokenizer/bert_normalizer.h"

namespace lakehouse::ai {

// Normalizes a text and cuts it as BertPreTokenizer of huggingface/tokenizers does, at white space
// and around punctuation, no further than it is asked to. Words of lower-case ASCII are not copied.
// Borrows its arguments.
class WordScanner {
 public:
  struct Word {
    std::string_view text;  // Normalized UTF-8; valid until the next call.
    size_t characters = 0;  // Of the whole word, in code points.
  };

  // Of a word with more than `max_characters`, `Word::text` may lack what comes after them.
  WordScanner(const BertNormalizer& normalizer, size_t max_characters, std::string_view text);

  // Finds the next word, which is never empty. Returns false at the end of the text.
  bool Next(Word& word);

 private:
  enum class RunEnd { kWordGoesOn, kWordEnds };

  RunEnd TakeFromRun(Word& word);
  // Returns whether the word is whole, and then without a copy.
  bool TakeAscii(Word& word);

  const BertNormalizer& normalizer_;
  const size_t max_characters_;
  const std::string_view text_;
  size_t position_ = 0;  // What comes before is in words, or in `run_`.
  std::u32string run_;   // Normalized characters beyond ASCII.
  size_t run_position_ = 0;
  std::string buffer_;  // The word so far.
};

}  // namespace lakehouse::ai
