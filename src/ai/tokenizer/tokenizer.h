// Turns text into the token ids of a BERT model, exactly as huggingface/tokenizers does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ai/tokenizer/added_tokens.h"
#include "ai/tokenizer/bert_normalizer.h"
#include "ai/tokenizer/wordpiece.h"
#include "base/status.h"

namespace lakehouse::ai {

// Added tokens, BertNormalizer, BertPreTokenizer, WordPiece and the special tokens around one
// text. Text may be any bytes: what is not UTF-8 is taken as U+FFFD. Immutable and thread-safe.
class Tokenizer {
 public:
  struct Parts {
    BertNormalizer normalizer;
    WordPiece word_piece;
    std::vector<AddedToken> added_tokens = {};
    std::vector<int32_t> prefix_ids = {};  // Before the text, [CLS] for example.
    std::vector<int32_t> suffix_ids = {};  // After it, [SEP] for example.
  };

  explicit Tokenizer(Parts parts);

  // Reads `tokenizer.json` of a Hugging Face directory or, where there is none, `vocab.txt` and
  // `tokenizer_config.json`. Settings for truncation and padding are not obeyed: callers pass their
  // own limit and nothing pads. kInvalidArgument names the file, and for a part that this tokenizer
  // does not have, its type.
  static Result<Tokenizer> Load(const std::string& model_dir);
  // `origin` names the text in errors.
  static Result<Tokenizer> FromTokenizerJson(std::string_view json, const std::string& origin);

  // Returns the ids of a text with the special tokens, at most `max_tokens`: further tokens of the
  // text are cut off. REQUIRES: max_tokens >= special_token_count().
  std::vector<int32_t> Encode(std::string_view text, size_t max_tokens) const;
  // Returns how many ids Encode gives without a limit.
  size_t Count(std::string_view text) const;

  size_t special_token_count() const { return prefix_ids_.size() + suffix_ids_.size(); }
  // One more than the largest id that Encode gives.
  size_t id_bound() const { return id_bound_; }

 private:
  class Sink;

  void Tokenize(std::string_view text, Sink& sink) const;
  void TokenizeSegment(std::string_view text, Sink& sink) const;
  void SplitWords(std::string_view normalized, Sink& sink) const;

  AddedTokenMatcher raw_tokens_;
  AddedTokenMatcher normalized_tokens_;
  BertNormalizer normalizer_;
  WordPiece word_piece_;
  std::vector<int32_t> prefix_ids_;
  std::vector<int32_t> suffix_ids_;
  size_t id_bound_ = 0;
};

}  // namespace lakehouse::ai
