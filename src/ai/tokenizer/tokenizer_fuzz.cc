// Feeds arbitrary bytes to the tokenizer: as a text, and as a tokenizer.json whose text they then
// are as well.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "ai/tokenizer/tokenizer.h"
#include "base/check.h"

namespace lakehouse::ai {
namespace {

constexpr std::string_view kTokenizer = R"({
  "added_tokens": [{"id": 1, "content": "[CLS]", "special": true},
                   {"id": 2, "content": "[SEP]", "special": true, "lstrip": true},
                   {"id": 3, "content": "New", "rstrip": true, "single_word": true}],
  "normalizer": {"type": "BertNormalizer"}, "pre_tokenizer": {"type": "BertPreTokenizer"},
  "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]},
  "model": {"type": "WordPiece", "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "a": 4, "##a": 5,
            "e": 6, "##e": 7, "ab": 8, "##ab": 9, ".": 10, "\u4e2d": 11}}})";

void CheckText(const Tokenizer& tokenizer, std::string_view text) {
  const size_t count = tokenizer.Count(text);
  const std::vector<int32_t> all = tokenizer.Encode(text, count);
  CHECK(all.size() == count);
  for (const int32_t id : all) {
    CHECK(id >= 0 && static_cast<size_t>(id) < tokenizer.id_bound());
  }
  const size_t limit = tokenizer.special_token_count() + 3;
  CHECK(tokenizer.Encode(text, limit).size() == std::min(limit, all.size()));

  const Result<TokenPair> pair = tokenizer.EncodePair(text, text.substr(text.size() / 2), 9);
  CHECK(!pair.ok() || (pair->ids.size() <= 9 && pair->second_begin <= pair->ids.size()));
}

}  // namespace
}  // namespace lakehouse::ai

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using lakehouse::ai::Tokenizer;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static const auto tokenizer = Tokenizer::FromTokenizerJson(lakehouse::ai::kTokenizer, "fuzz");
  CHECK(tokenizer.ok());
  lakehouse::ai::CheckText(*tokenizer, text);
  const auto other = Tokenizer::FromTokenizerJson(text, "fuzz");
  if (other.ok()) lakehouse::ai::CheckText(*other, text);
  return 0;
}
