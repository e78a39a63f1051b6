// Cuts a document into pieces that fit an encoder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace lakehouse::ai {

// Changes whenever the same text could be cut differently; part of the embedding space.
inline constexpr int64_t kChunkerVersion = 2;

// A chunk holds at most so many bytes for each token of its limit. Text that makes fewer tokens,
// such as a word that is too long for the vocabulary, is cut as if every so many bytes were a
// token.
inline constexpr size_t kMaxBytesPerToken = 64;

struct ChunkerOptions {
  size_t max_tokens = 256;     // Special tokens, prefix and context included.
  size_t overlap_tokens = 32;  // Less than half of max_tokens; more is taken as that.
};

// A byte range [begin, end) of the original text.
struct Chunk {
  size_t begin = 0;
  size_t end = 0;
  // What a reader of the range would have to know from above it: the headings it stands under,
  // "Guide > Install", and the header row of the table whose rows it starts with. Embedded with the
  // range but not part of it. Valid UTF-8, often empty.
  std::string context = {};
  bool operator==(const Chunk&) const = default;
};

// Counts the tokens of a piece as the encoder will see it, prefix and special tokens included.
// Counts of pieces need not add up to that of the whole.
using TokenCounter = std::function<size_t(std::string_view)>;

// Cuts at headings, between paragraphs, items, tables and blocks of code, then sentences, lines,
// words (by dictionary where there are no spaces), grapheme clusters; inside a cluster only when it
// alone is too long, and then between code points. Never inside a code point or CRLF.
//
// Every chunk fits max_tokens by the real count of ChunkTextForEmbedding (unless one code point
// does not), is not blank, and begins and ends after its predecessor; together they hold every
// character that is not white space. Fences, tables and sentences that fit stay whole. A chunk that
// begins in the middle of a section has the headings above as its context, in at most a quarter of
// max_tokens, the outermost left out first. Chunks overlap by whole sentences, by less than half of
// either, never across a heading. A text that fits is one chunk. Blank text gives none. Bytes that
// are not UTF-8 count as U+FFFD. Deterministic; O(length). Thread-safe when `count` is. REQUIRES:
// text.size() < 2^31.
std::vector<Chunk> ChunkText(std::string_view text, const ChunkerOptions& options,
                             const TokenCounter& count);

// Returns what is to be embedded for a chunk of `text`, as valid UTF-8: its context and its range.
std::string ChunkTextForEmbedding(std::string_view text, const Chunk& chunk);

}  // namespace lakehouse::ai
