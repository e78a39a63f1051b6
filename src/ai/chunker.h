// Cuts a document into pieces that fit an encoder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace lakehouse::ai {

// Changes whenever the same text could be cut differently; part of the embedding space.
inline constexpr int64_t kChunkerVersion = 1;

struct ChunkerOptions {
  size_t max_tokens = 256;     // Special tokens and prefix included.
  size_t overlap_tokens = 32;  // Less than half of max_tokens; more is taken as that.
};

// A byte range [begin, end) of the original text.
struct Chunk {
  size_t begin = 0;
  size_t end = 0;
};

// Counts the tokens of a piece as the encoder will see it.
using TokenCounter = std::function<size_t(std::string_view)>;

// Splits at headings and blank lines, then sentences, words, grapheme clusters; never inside a code
// point, grapheme cluster or CRLF. Every chunk fits max_tokens (a single grapheme may exceed it),
// is not blank, and begins and ends after its predecessor; together they hold every character that
// is not white space. Chunks overlap by whole sentences, never across a heading. A text that fits
// is one chunk. Blank text gives none. Bytes that are not UTF-8 count as U+FFFD. Deterministic;
// O(length). Thread-safe when `count` is. REQUIRES: text.size() < 2^31.
std::vector<Chunk> ChunkText(std::string_view text, const ChunkerOptions& options,
                             const TokenCounter& count);

}  // namespace lakehouse::ai
