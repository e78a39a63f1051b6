// Cuts arbitrary bytes and checks what chunker.h promises. The first three bytes choose the limit,
// the overlap and the counter.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "ai/chunker.h"
#include "ai/chunker/chunk_checker.h"
#include "ai/tokenizer/tokenizer.h"
#include "base/check.h"

namespace lakehouse::ai {
namespace {

constexpr std::string_view kTokenizer = R"({
  "added_tokens": [{"id": 2, "content": "[SEP]", "special": true}],
  "normalizer": {"type": "BertNormalizer"}, "pre_tokenizer": {"type": "BertPreTokenizer"},
  "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]},
  "model": {"type": "WordPiece", "max_input_chars_per_word": 12, "vocab": {"[UNK]": 0, "[CLS]": 1,
            "[SEP]": 2, "a": 4, "##a": 5, "e": 6, "##e": 7, "ab": 8, "##ab": 9, ".": 10, "#": 11}}})";

size_t CountCharacters(std::string_view text) {
  size_t count = 2;
  for (const char32_t c : DecodeUtf8(text)) count += IsWhitespace(c) ? 0 : 1;
  return count;
}

// As a server's tokens would be estimated: neither exact nor additive.
size_t EstimateTokens(std::string_view text) { return 1 + (text.size() + 2) / 3; }

void CheckText(std::string_view text, const ChunkerOptions& options, const TokenCounter& count,
               bool adds_up) {
  const std::vector<Chunk> chunks = ChunkText(text, options, count);
  const ChunkChecker checker(text, options, count);
  std::string problem = checker.FindBroken(chunks);
  if (problem.empty() && adds_up) problem = checker.FindBrokenOverlap(chunks);
  if (!problem.empty()) std::fprintf(stderr, "%s\n", problem.c_str());
  CHECK(problem.empty());
  CHECK(chunks == ChunkText(text, options, count));
}

}  // namespace
}  // namespace lakehouse::ai

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using lakehouse::ai::CheckText;
  static const auto tokenizer =
      lakehouse::ai::Tokenizer::FromTokenizerJson(lakehouse::ai::kTokenizer, "fuzz");
  CHECK(tokenizer.ok());
  if (size < 3) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 3), size - 3);
  const lakehouse::ai::ChunkerOptions options{.max_tokens = data[0], .overlap_tokens = data[1]};
  switch (data[2] % 3) {
    case 0:
      CheckText(text, options, lakehouse::ai::CountCharacters, true);
      break;
    case 1:
      CheckText(text, options, lakehouse::ai::EstimateTokens, false);
      break;
    default:
      CheckText(
          text, options, [](std::string_view piece) { return tokenizer->Count(piece); }, false);
  }
  return 0;
}
