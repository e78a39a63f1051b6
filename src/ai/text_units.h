// Cuts a text into the units that chunks are put together from.
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>
#include <vector>

namespace lakehouse::ai {

// A byte range without white space at its ends. It begins and ends at grapheme cluster boundaries.
struct TextUnit {
  size_t begin = 0;
  size_t end = 0;
  size_t tokens = 0;        // Of this piece alone, without special tokens.
  size_t block_tokens = 0;  // Of its whole block; set on the block's first unit, else 0.
  bool starts_sentence = false;
  bool is_heading = false;  // A Markdown heading, or the first unit of one.
};

// Counts the tokens of a piece without special tokens.
using UnitCounter = std::function<size_t(std::string_view)>;

// Returns the units of a text in order: sentences, where one has more than `max_tokens` its words,
// and where a word has more its grapheme clusters. They hold every character that is not white
// space. Blank lines, Markdown headings and fences of code divide the text into blocks, and no
// sentence spans two of them. O(length). REQUIRES: text.size() < 2^31.
std::vector<TextUnit> SplitIntoUnits(std::string_view text, size_t max_tokens,
                                     const UnitCounter& count);

// Returns the range without white space at its ends, made longer again where that would cut a
// grapheme cluster. Empty when the text is blank.
TextUnit TrimToUnit(std::string_view text);

}  // namespace lakehouse::ai
