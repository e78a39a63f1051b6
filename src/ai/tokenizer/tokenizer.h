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

// The special tokens around a pair of texts. The first text and what stands before it are of type
// 0.
struct PairTemplate {
  std::vector<int32_t> prefix_ids;  // Before the first text.
  std::vector<int32_t> middle_ids;  // Between the two.
  std::vector<int32_t> suffix_ids;  // After the second.
  size_t middle_of_type_0 = 0;      // So many of the middle ids; the others are of type 1.
  bool second_is_type_1 = true;     // Else everything is of type 0.
  size_t special_token_count() const {
    return prefix_ids.size() + middle_ids.size() + suffix_ids.size();
  }
};

// The ids of two texts. Those before `second_begin` have type 0, the others type 1.
struct TokenPair {
  std::vector<int32_t> ids;
  size_t second_begin = 0;
};

// Added tokens, BertNormalizer, BertPreTokenizer, WordPiece and the special tokens around one or
// two texts. Text may be any bytes: what is not UTF-8 is taken as U+FFFD. Takes time proportional
// to the text and memory only for the result and the longest word. Immutable and thread-safe.
class Tokenizer {
 public:
  struct Parts {
    BertNormalizer normalizer;
    WordPiece word_piece;
    std::vector<AddedToken> added_tokens = {};
    std::vector<int32_t> prefix_ids = {};        // Before the text, [CLS] for example.
    std::vector<int32_t> suffix_ids = {};        // After it, [SEP] for example.
    Result<PairTemplate> pair = PairTemplate{};  // Or why pairs cannot be encoded.
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
  // text are cut off, and text after them is not looked at. REQUIRES: max_tokens >=
  // special_token_count().
  std::vector<int32_t> Encode(std::string_view text, size_t max_tokens) const;

  // Returns the ids of two texts with the special tokens, at most `max_tokens`: tokens are cut off
  // the end of the longer text, and when both are long, of both (TruncationStrategy::LongestFirst
  // of huggingface/tokenizers). kInvalidArgument when the model's files do not say how to put two
  // texts together, or its special tokens alone are more than `max_tokens`.
  Result<TokenPair> EncodePair(std::string_view first, std::string_view second,
                               size_t max_tokens) const;

  // Returns how many ids Encode gives without a limit.
  size_t Count(std::string_view text) const;

  size_t special_token_count() const { return prefix_ids_.size() + suffix_ids_.size(); }
  // One more than the largest id that Encode gives.
  size_t id_bound() const { return id_bound_; }

 private:
  class Sink;

  // Appends the ids of a text, more than `limit` only where its last word has several.
  void AppendIds(std::string_view text, size_t limit, std::vector<int32_t>& ids) const;
  size_t CountText(std::string_view text) const;
  void Tokenize(std::string_view text, Sink& sink) const;
  void TokenizeSegment(std::string_view text, Sink& sink) const;

  AddedTokenMatcher raw_tokens_;
  AddedTokenMatcher normalized_tokens_;
  BertNormalizer normalizer_;
  // What the text between normalized added tokens still needs: nothing.
  BertNormalizer no_normalizer_{.clean_text = false,
                                .handle_chinese_chars = false,
                                .strip_accents = false,
                                .lowercase = false};
  WordPiece word_piece_;
  std::vector<int32_t> prefix_ids_;
  std::vector<int32_t> suffix_ids_;
  Result<PairTemplate> pair_;
  size_t id_bound_ = 0;
};

}  // namespace lakehouse::ai
